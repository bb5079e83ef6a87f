"""Thicker slabs from a relaxed one: bulk layers added below its frozen bottom."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from peropass.errors import BuildError

FLAT_ANG = 0.05


def add_bulk_layers(slab: Atoms, a_ang: float, n_pairs: int = 1) -> Atoms:
    """`slab` with `n_pairs` of BX2 and AX layers at bulk positions below it, all of them frozen.

    The bottom layer of `slab` must be a frozen, ideal AX layer of a cubic 001 slab. The rest of the slab stays as it is
    and the cell grows by what is added, so the vacuum keeps its height.

    Parameters
    ----------
    slab : Atoms
        Arrays ``layer`` (1 = top, 0 = ligand) and FixAtoms, cell with c along z.
    a_ang : float
        Lattice constant of the bulk, Angstrom.

    Raises
    ------
    BuildError
        The bottom layer is not flat, not frozen or not AX.
    """
    layers = slab.arrays["layer"]
    bottom = np.flatnonzero(layers == layers.max())
    frozen = {int(i) for c in slab.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}
    ideal = slab[bottom]
    symbols = set(ideal.get_chemical_symbols())
    if np.ptp(ideal.positions[:, 2]) > FLAT_ANG or not set(bottom.tolist()) <= frozen:
        raise BuildError("thicker slab: the bottom layer is not an ideal frozen layer")
    if len(symbols) != 2:
        raise BuildError(f"thicker slab: bottom layer of {sorted(symbols)}; allowed: an AX layer")
    inner = layers == layers.max() - 1
    metal = _rare(slab[inner])
    halide = next(s for s in slab[inner].get_chemical_symbols() if s != metal)
    above = ideal[[s == halide for s in ideal.get_chemical_symbols()]]
    grown = slab.copy()
    grown.set_constraint()
    for pair in range(n_pairs):
        below = _bx2(above, slab, metal, halide, a_ang)
        apical = ideal.copy()
        for part, drop, layer in ((below, 0.5, 1), (apical, 1.0, 2)):
            part.positions[:, 2] = ideal.positions[0, 2] - (pair + drop) * a_ang
            part.set_array("layer", np.full(len(part), layers.max() + 2 * pair + layer))
            grown += _with_arrays_of(part)
    grown.positions[:, 2] += n_pairs * a_ang
    cell = slab.cell.array.copy()
    cell[2, 2] += n_pairs * a_ang
    grown.set_cell(cell)
    added = range(len(slab), len(grown))
    grown.set_constraint(FixAtoms([*sorted(frozen), *added]))
    return grown


def _rare(layer: Atoms) -> str:
    symbols = layer.get_chemical_symbols()
    return min(set(symbols), key=symbols.count)


def _bx2(above: Atoms, slab: Atoms, metal: str, halide: str, a_ang: float) -> Atoms:
    """B below each apical X, and X half-way to the B neighbours along both pseudo-cubic axes."""
    axes = _pseudocubic(slab.cell.array[:2], a_ang)
    positions, symbols = [], []
    for place in above.positions:
        positions += [place, place + 0.5 * axes[0], place + 0.5 * axes[1]]
        symbols += [metal, halide, halide]
    layer = Atoms(symbols, positions=positions, cell=slab.cell, pbc=slab.pbc)
    layer.wrap(pbc=(True, True, False))
    return layer


def _pseudocubic(lateral: np.ndarray, a_ang: float) -> np.ndarray:
    """The two lattice vectors of length `a_ang` among the short combinations of the lateral cell."""
    grid = [i * lateral[0] + j * lateral[1] for i in (0, 0.5, 1) for j in (-0.5, 0, 0.5, 1)]
    fits = [v for v in grid if abs(np.linalg.norm(v) - a_ang) < 0.02 * a_ang]
    for first in fits:
        for second in fits:
            if abs(first @ second) < 0.02 * a_ang**2:
                return np.array([first, second])
    raise BuildError(f"thicker slab: no pseudo-cubic axes of {a_ang:.3f} A in the lateral cell")


def _with_arrays_of(part: Atoms) -> Atoms:
    """Only what every slab carries: layer, fragment, smiles_index."""
    bare = Atoms(part.get_chemical_symbols(), positions=part.positions)
    bare.set_array("layer", part.arrays["layer"])
    bare.set_array("fragment", np.zeros(len(bare), int))
    bare.set_array("smiles_index", np.full(len(bare), -1))
    return bare
