"""What can be read off a set of Kohn-Sham levels: edges, participation, orbital and layer shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from typing import Literal

import numpy as np

from peropass.errors import AnalysisRefused
from peropass.records import LevelSet, LevelsRecord

DEGENERACY_EV = 1e-3
ORBITALS = "spd"
LevelKind = Literal["scalar", "soc", "hse_soc"]
NOBLE_GASES = (2, 10, 18, 36, 54, 86, 118)


@dataclass(frozen=True)
class Spectrum:
    """One set of levels as arrays, degenerate states sharing their mean weights.

    energies_eV, filling, spin, kpoint (n,); group (n,) is equal for states of one degenerate level, index (n,) the place in
    the full spectrum; listed holds the weights of each state as the record has them, by energy. Weights of single members of a
    degenerate level are arbitrary up to a rotation among them; their mean is not.
    """

    energies_eV: np.ndarray
    filling: np.ndarray
    spin: np.ndarray
    kpoint: np.ndarray
    listed: Sequence[list[list[float]]]
    captured: np.ndarray
    group: np.ndarray
    index: np.ndarray
    capacity: int
    spin_orbit: bool

    def weights_of(self, state: int) -> np.ndarray:
        """Weights (natoms, 3) of one state. A slab has a few levels in the gap and a hundred that nobody asks for."""
        members = np.flatnonzero(self.group == self.group[state])
        total = np.zeros((len(self.listed[state]), 3))
        for member in members:
            total += np.array(self.listed[member], float)
        return total / len(members)

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights (n, natoms, 3) of all states."""
        first, place = np.unique(self.group, return_index=True)
        return np.array([self.weights_of(state) for state in place])[
            np.searchsorted(first, self.group)
        ]


@dataclass(frozen=True)
class Edge:
    """A band edge and the character of its states: atom weights (natoms, 3)."""

    name: Literal["VBM", "CBM"]
    energy_eV: float
    weights: np.ndarray

    @property
    def n_eff(self) -> float:
        return participation_number(self.weights)


def spin_orbit_operator(record: LevelsRecord) -> str:
    """Operator of the levels with spin-orbit coupling; the key is absent where it is that of GPAW."""
    return record.settings.get("levels", {}).get("spin_orbit", "bare")


def spectrum(record: LevelsRecord, kind: LevelKind) -> Spectrum:
    """The levels of one kind, sorted by spin, k-point and energy.

    Raises
    ------
    AnalysisRefused
        The set is missing, or its weights do not cover every atom.
    """
    levels: LevelSet | None = getattr(record, kind)
    site = record.address.site
    if levels is None:
        raise AnalysisRefused(f"levels of site {site}: no {kind} set")
    n, natoms = len(levels.energies_eV), len(record.atomic_potentials_eV)
    if n == 0 or not _covers(levels.weights, n, natoms):
        raise AnalysisRefused(
            f"levels of site {site}: {kind} weights are {_shape(levels.weights)}, needed {(n, natoms, 3)}; "
            "the calculation had no projections"
        )
    energies, spin = np.array(levels.energies_eV), np.array(levels.spin)
    kpoint = np.array(levels.kpoint)
    order = np.lexsort((energies, kpoint, spin))
    energies, spin, kpoint = energies[order], spin[order], kpoint[order]
    new_block = (np.diff(spin) != 0) | (np.diff(kpoint) != 0)
    group = np.concatenate([[0], np.cumsum(new_block | (np.diff(energies) > DEGENERACY_EV))])
    starts = np.flatnonzero(np.concatenate([[True], new_block]))
    within = np.arange(n) - np.repeat(starts, np.diff(np.append(starts, n)))
    captured = np.array(levels.captured)[order] if levels.captured else np.ones(n)
    paired = not levels.spin_orbit and not spin.any()
    return Spectrum(
        energies_eV=energies,
        filling=np.array(levels.filling)[order],
        spin=spin,
        kpoint=kpoint,
        listed=[levels.weights[state] for state in order.tolist()],
        captured=captured,
        group=group,
        index=levels.first_index + within,
        capacity=2 if paired else 1,
        spin_orbit=levels.spin_orbit,
    )


def _covers(listed: list[list[list[float]]], n: int, natoms: int) -> bool:
    """Whether each of `n` states has three weights for every atom."""
    if len(listed) != n or set(map(len, listed)) != {natoms}:
        return False
    return set(map(len, chain.from_iterable(listed))) == {3}


def _shape(listed: list[list[list[float]]]) -> tuple[int, ...]:
    """Of weights as they are, with the length of the first state and the first atom."""
    found, inner = [len(listed)], listed
    while inner and isinstance(inner[0], list):
        inner = inner[0]
        found.append(len(inner))
    return tuple(found)


def edges(levels: Spectrum) -> tuple[Edge, Edge]:
    """Valence and conduction band edge.

    Raises
    ------
    AnalysisRefused
        All listed states are filled or all are empty, or filled and empty ones overlap.
    """
    filled = levels.filling > 0.5
    if filled.all() or not filled.any():
        raise AnalysisRefused("levels: no band edge among the listed states; list more bands")
    top = int(np.flatnonzero(filled)[np.argmax(levels.energies_eV[filled])])
    bottom = int(np.flatnonzero(~filled)[np.argmin(levels.energies_eV[~filled])])
    return (
        Edge("VBM", float(levels.energies_eV[top]), levels.weights_of(top)),
        Edge("CBM", float(levels.energies_eV[bottom]), levels.weights_of(bottom)),
    )


def host_edges(levels: Spectrum) -> tuple[Edge, Edge]:
    """Edges of the pristine slab, refused where it has no clean gap."""
    vbm, cbm = edges(levels)
    if cbm.energy_eV - vbm.energy_eV <= 0:
        raise AnalysisRefused("pristine slab: filled and empty states overlap, there is no gap")
    if ((levels.filling > 0.05) & (levels.filling < 0.95)).any():
        raise AnalysisRefused("pristine slab: partly filled states, it has no clean gap")
    return vbm, cbm


def gap(levels: Spectrum) -> float:
    """Lowest empty minus highest filled level (eV); zero or less where they overlap."""
    vbm, cbm = edges(levels)
    return cbm.energy_eV - vbm.energy_eV


def participation_number(weights: np.ndarray) -> float:
    """Atoms that a state lives on: N_eff = 1 / sum_a w_a^2 with sum_a w_a = 1.

    Equal shares on N atoms give N, a state on one atom gives 1 (inverse participation ratio,
    10.1088/0022-3719/5/8/007).
    """
    per_atom = weights.sum(-1)
    per_atom = per_atom / per_atom.sum()
    return float(1.0 / (per_atom**2).sum())


def orbital_shares(weights: np.ndarray, symbols: list[str]) -> dict[tuple[str, int], float]:
    """Share of each (element, angular momentum) in a state with weights (natoms, 3)."""
    shares: dict[tuple[str, int], float] = {}
    for symbol, row in zip(symbols, weights.tolist(), strict=True):
        for ell, w in enumerate(row):
            shares[symbol, ell] = shares.get((symbol, ell), 0.0) + w
    return shares


def orbital_difference(a: dict[tuple[str, int], float], b: dict[tuple[str, int], float]) -> float:
    """Sum of |share difference| over elements and l: 0 for the same orbitals, 2 for disjoint ones."""
    return sum(abs(a.get(key, 0.0) - b.get(key, 0.0)) for key in set(a) | set(b))


def atom_share(weights: np.ndarray, atoms: list[int]) -> float:
    """Weight of a state on the listed atoms."""
    return float(weights[list(atoms)].sum()) if atoms else 0.0


def surface_atoms(record: LevelsRecord, layers: int) -> list[int]:
    """Atoms of the ligand and of the topmost `layers` atomic layers."""
    return [
        i
        for i, (fragment, layer) in enumerate(zip(record.fragment, record.layer, strict=True))
        if fragment or 1 <= layer <= layers
    ]


def state_shares(
    record: LevelsRecord, levels: Spectrum, index: int, spin: int, kpoint: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of one state by layer (`layer 1` ..., `ligand`) and by element and orbital (`Pb 6p`, `ligand C 2p`), largest first.

    Each of the two sums to one, as the weights do; a degenerate level has the mean of its states.
    """
    place = (levels.index == index) & (levels.spin == spin) & (levels.kpoint == kpoint)
    weights = levels.weights_of(np.flatnonzero(place)[0])
    by_layer: dict[str, float] = {}
    by_orbital: dict[str, float] = {}
    for atom, symbol in enumerate(record.symbols):
        ligand = bool(record.fragment[atom])
        layer = "ligand" if ligand else f"layer {record.layer[atom]}"
        by_layer[layer] = by_layer.get(layer, 0.0) + float(weights[atom].sum())
        for ell, share in enumerate(weights[atom]):
            orbital = ("ligand " if ligand else "") + f"{symbol} {shell(symbol, ell)}"
            by_orbital[orbital] = by_orbital.get(orbital, 0.0) + float(share)
    return tuple(
        dict(sorted(shares.items(), key=lambda item: -item[1])) for shares in (by_layer, by_orbital)
    )


@cache
def shell(symbol: str, ell: int) -> str:
    """Name of the valence orbital that a projector of angular momentum l stands for, e.g. `6p`."""
    from ase.data import atomic_numbers

    z = atomic_numbers[symbol]
    period = 1 + sum(z > noble for noble in NOBLE_GASES)
    core = NOBLE_GASES[period - 2] if period > 1 else 0
    alkaline = z - core <= 2 and period > 1
    if ell == 2 or (ell == 1 and alkaline):
        return f"{max(period - 1, ell + 1)}{ORBITALS[ell]}"
    return f"{period}{ORBITALS[ell]}"


def broadened_density(
    energies_eV: np.ndarray, weights: np.ndarray, grid_eV: np.ndarray, width_eV: float
) -> np.ndarray:
    """Sum of Gaussians of standard deviation `width_eV`, each with area `weights[n]` (states/eV).

    Parameters
    ----------
    energies_eV : array (n,)
    weights : array (n,) or (n, m)
        m projections are broadened at once.

    Returns
    -------
    array (len(grid),) or (len(grid), m)
    """
    x = (grid_eV[:, None] - energies_eV[None, :]) / width_eV
    kernel = np.exp(-0.5 * x**2) / (width_eV * np.sqrt(2 * np.pi))
    return kernel @ weights


def projected_density(
    record: LevelsRecord,
    kind: LevelKind,
    by: Literal["layer", "orbital"],
    grid_eV: np.ndarray,
    width_eV: float = 0.05,
) -> dict[str, np.ndarray]:
    """Density of states of the listed levels, split by layer or by element and l (states/eV/cell).

    The states of several k-points are averaged. `grid_eV` is on the calculation's own scale. Keys are
    `layer 1` ... and `ligand`, or `Pb 6p` and, where a ligand holds the element too, `ligand C 2p`.
    """
    levels = spectrum(record, kind)
    nkpts = len(set(levels.kpoint.tolist()))
    columns: dict[str, np.ndarray] = {}
    for atom, symbol in enumerate(record.symbols):
        ligand = bool(record.fragment[atom])
        if by == "layer":
            key = "ligand" if ligand else f"layer {record.layer[atom]}"
            columns[key] = columns.get(key, 0) + levels.weights[:, atom, :].sum(-1)
        else:
            for ell in range(3):
                key = ("ligand " if ligand else "") + f"{symbol} {shell(symbol, ell)}"
                columns[key] = columns.get(key, 0) + levels.weights[:, atom, ell]
    names = sorted(columns)
    stacked = np.stack([columns[name] for name in names], axis=1) * levels.capacity / nkpts
    density = broadened_density(levels.energies_eV, stacked, np.asarray(grid_eV, float), width_eV)
    return {name: density[:, i] for i, name in enumerate(names)}
