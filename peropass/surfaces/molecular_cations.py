"""Molecular A cations: placeholders of a crystal become molecules, turned away from their surroundings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.data import covalent_radii
from ase.geometry import find_mic

from peropass.errors import InputError
from peropass.surfaces.alloys import make_alloy
from peropass.surfaces.neighbours import ion_roles
from peropass.surfaces.orientations import even_rotations

# Elements that stand for molecules while a sublattice is decorated; no host contains them.
PLACEHOLDERS = ("Xe", "Kr", "Fr", "Ra")
ORIENTATIONS = 48


def make_cation_alloy(
    atoms: Atoms,
    fractions: Mapping[str, float],
    cations: Mapping[str, Atoms],
    *,
    a_ang: float,
    seed: int = 0,
) -> Atoms:
    """A-site alloy (or full exchange) with molecular cations.

    Parameters
    ----------
    atoms : Atoms
        Bulk supercell or slab with the array ``ion``.
    fractions : mapping
        Element or key of `cations` -> fraction of the A sublattice.
    cations : mapping
        Name -> geometry of the molecule.
    a_ang : float
        Pseudo-cubic lattice constant, Angstrom.
    seed : int
        Of the quasirandom decoration and of the orientations.

    Returns
    -------
    Atoms
        Array ``cation`` numbers the molecules from 1 (0 elsewhere); ``ion`` is "A" for the atom of a molecule
        nearest to its centre and "-" for its other atoms, so each cation counts once.
    """
    unknown = [name for name in fractions if len(name) > 2 and name not in cations]
    if unknown:
        raise InputError("alloy: cation", unknown[0], ", ".join(cations))
    names = placeholders({name: cations[name] for name in fractions if name in cations})
    written = {names.get(name, name): share for name, share in fractions.items()}
    decorated = make_alloy(atoms, "A", written, a_ang=a_ang, seed=seed)
    for name, placeholder in names.items():
        decorated = expand(decorated, placeholder, cations[name], seed)
    return decorated


def expand_host(atoms: Atoms, molecules: Mapping[str, Atoms], seed: int = 0) -> Atoms:
    """Replace the placeholders of a host's own molecular cations, in the order of `placeholders`."""
    for name, placeholder in placeholders(molecules).items():
        atoms = expand(atoms, placeholder, molecules[name], seed)
    return atoms


def placeholders(molecules: Mapping[str, Atoms]) -> dict[str, str]:
    """Element that stands for each molecule until it is put in."""
    if len(molecules) > len(PLACEHOLDERS):
        raise InputError("molecular cations", len(molecules), f"at most {len(PLACEHOLDERS)} kinds")
    return dict(zip(molecules, PLACEHOLDERS, strict=False))


def expand(atoms: Atoms, placeholder: str, molecule: Atoms, seed: int = 0) -> Atoms:
    """Put `molecule` at the place of each atom of element `placeholder`, each turned to where it has most room."""
    places = np.flatnonzero(atoms.symbols == placeholder)
    frozen = {int(i) for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}
    made = atoms.copy()
    made.set_constraint()
    made.set_array("ion", ion_roles(atoms), dtype="<U1")
    if "cation" not in made.arrays:
        made.set_array("cation", np.zeros(len(made), int))
    shape = molecule.positions - molecule.positions.mean(axis=0)
    centre = int(np.argmin(np.linalg.norm(shape, axis=1)))
    rotations = even_rotations(ORIENTATIONS, seed)
    radii = covalent_radii[molecule.numbers]
    keep = np.setdiff1d(np.arange(len(made)), places)
    grown, kept_frozen = made[keep], [n for n, i in enumerate(keep) if int(i) in frozen]
    for place in places:
        vectors = np.einsum("rij,aj->rai", rotations, shape) + made.positions[place]
        gaps = (vectors[:, :, None] - grown.positions).reshape(-1, 3)
        lengths = find_mic(gaps, made.cell, made.pbc)[1].reshape(*vectors.shape[:2], len(grown))
        ratios = lengths / (radii[:, None] + covalent_radii[grown.numbers])
        best = int(np.argmax(np.round(ratios.min(axis=(1, 2)), 3)))
        added = Atoms(molecule.symbols, positions=vectors[best])
        size = len(added)
        for name, values in made.arrays.items():
            if name not in ("numbers", "positions"):
                added.set_array(name, np.repeat(values[place : place + 1], size, axis=0))
        added.arrays["ion"][:] = "-"
        added.arrays["ion"][centre] = "A"
        added.arrays["cation"][:] = grown.arrays["cation"].max(initial=0) + 1
        if int(place) in frozen:
            kept_frozen += range(len(grown), len(grown) + size)
        grown = grown + added
    if frozen:
        grown.set_constraint(FixAtoms(kept_frozen))
    return grown
