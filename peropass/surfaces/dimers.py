"""Metal dimers of the top face: two neighbouring B ions that lost the halide between them and moved together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.data import covalent_radii

from peropass.errors import InputError
from peropass.surfaces.defects import (
    SiteStructure,
    atom_permutations,
    find_holes,
    surroundings,
)
from peropass.surfaces.neighbours import ion_roles, neighbours
from peropass.surfaces.sites import exposed_ions

DIMER_SITES = "Pb-dimer (or the host's own B ion) on a face with exposed B ions, as 001-PbX2"
# ASSUME the pair starts at 1.1 times the sum of covalent radii, 3.21 A for lead: a bond, and shorter than the 3.50 A of the metal,
# so that relaxation opens the pair only where it is none.
DIMER_FACTOR = 1.1
# ASSUME a halide bridges two B ions up to 1.5 times the sum of covalent radii: tilts of a relaxed BX2 face leave it
# 2.75 A from one lead ion and 3.65 A (1.37 times) from the other.
BRIDGE_REACH = 1.5
SAME_LENGTH_ANG = 0.1


@dataclass(frozen=True)
class Bridge:
    """Two B ions, the halide between them, and the halide behind one of them; `towards` leads from the first to the second."""

    metals: tuple[int, int]
    halides: tuple[int, int]
    towards: np.ndarray

    @property
    def atoms(self) -> tuple[int, ...]:
        return (*self.metals, *self.halides)

    @property
    def length_ang(self) -> float:
        return float(np.linalg.norm(self.towards))


def make_dimer(slab: Atoms, site: str, variant: int = 0) -> SiteStructure:
    """Bring two neighbouring B ions of the top face together over the halide that bridged them.

    Two halides leave, the bridge and the one behind the pair, whose bond the move would tear: the cell is neutral and its
    two electrons close the shell of the bond between the metals. Both ions move by the same length along the line
    between them, to 1.1 times the sum of their covalent radii.

    Parameters
    ----------
    variant : int
        Which of the symmetry-distinct pairs, the nearest first.

    Raises
    ------
    InputError
        Not the host's B ion, no such pair on the top face, or no such variant.
    """
    _refuse_other_metal(slab, site)
    variants = _distinct(slab, _bridges(slab))
    if not variants:
        raise InputError(f"site {site}", "no bridged pair of exposed B ions", DIMER_SITES)
    if not 0 <= variant < len(variants):
        raise InputError(f"site {site}: variant", variant, f"0 to {len(variants) - 1}")
    bridge, multiplicity = variants[variant]
    removed = [(slab.symbols[i], slab.positions[i].copy()) for i in bridge.halides]
    atoms = _without(_drawn_together(slab, bridge), bridge.halides)
    holes = find_holes(atoms, [("X", place) for _, place in removed])
    return SiteStructure(site, atoms, removed, holes, multiplicity)


def _refuse_other_metal(slab: Atoms, site: str) -> None:
    match = re.fullmatch(r"([A-Z][a-z]?)-dimer", site)
    metals = set(slab.symbols[ion_roles(slab) == "B"])
    if match is None or match[1] not in {"B", "Pb", *metals}:
        raise InputError("site", repr(site), DIMER_SITES)


def _bridges(slab: Atoms) -> list[Bridge]:
    """Every pair of exposed B ions with a halide of their layer between them, once with the halide behind either ion."""
    exposed = [site.atoms[0] for site in exposed_ions(slab) if site.kind == "Pb"]
    bonds = {metal: _bonds_in_layer(slab, metal) for metal in exposed}
    found = []
    for first, second in combinations(exposed, 2):
        for halide, out in bonds[first]:
            for same, back in bonds[second]:
                if halide == same:
                    towards = out - back
                    behind = {
                        _farthest_behind(bonds[first], halide, towards),
                        _farthest_behind(bonds[second], halide, -towards),
                    }
                    found += [
                        Bridge((first, second), (halide, other), towards)
                        for other in sorted(behind - {None})
                    ]
    return found


def _bonds_in_layer(slab: Atoms, metal: int) -> list[tuple[int, np.ndarray]]:
    """Halides at the height of a B ion or above it, with the vectors to them (A)."""
    halides = np.flatnonzero(ion_roles(slab) == "X")
    found, vectors = neighbours(slab, metal, halides, BRIDGE_REACH)
    return [(int(i), v) for i, v in zip(found, vectors, strict=True) if v[2] > -1.0]


def _farthest_behind(
    bonds: list[tuple[int, np.ndarray]], bridge: int, towards: np.ndarray
) -> int | None:
    """The halide most nearly opposite to where a metal moves; None where it has no other than the bridge."""
    behind = [
        (round(float(vector @ towards) / np.linalg.norm(vector), 3), halide)
        for halide, vector in bonds
        if halide != bridge
    ]
    return min(behind)[1] if behind else None


def _distinct(slab: Atoms, bridges: list[Bridge]) -> list[tuple[Bridge, int]]:
    """One bridge of each orbit of the top face's symmetry with its multiplicity; picked by intrinsic geometry, not by index."""
    left = {_unordered(bridge.atoms): bridge for bridge in bridges}
    maps, found = atom_permutations(slab), []
    for bridge in sorted(left.values(), key=lambda b: _preference(slab, b)):
        if _unordered(bridge.atoms) not in left:
            continue
        orbit = {_unordered([int(mapping[i]) for i in bridge.atoms]) for mapping in maps}
        members = (orbit & set(left)) | {_unordered(bridge.atoms)}
        found.append((bridge, len(members)))
        for member in members:
            del left[member]
    return found


def _unordered(atoms) -> tuple[int, ...]:
    """Either metal may be named first; which halide bridged and which lay behind is no matter of order."""
    first, second, bridge, behind = atoms
    return (*sorted((first, second)), bridge, behind)


def _preference(slab: Atoms, bridge: Bridge) -> tuple[float, ...]:
    """Sort key: the nearest pair first, then denser surroundings of the bridge, then handedness."""
    steps = round(bridge.length_ang / SAME_LENGTH_ANG)
    return (steps, *(-value for value in surroundings(slab, bridge.halides)))


def _drawn_together(slab: Atoms, bridge: Bridge) -> Atoms:
    """The slab with both metals of a bridge moved along their line to the length of a bond."""
    atoms = slab.copy()
    atoms.set_array("ion", ion_roles(slab), dtype="<U1")
    bond = DIMER_FACTOR * float(covalent_radii[slab.numbers[list(bridge.metals)]].sum())
    move = bridge.towards * (1 - bond / bridge.length_ang) / 2
    for metal, shift in zip(bridge.metals, (move, -move), strict=True):
        atoms.positions[metal] += shift
    return atoms


def _without(atoms: Atoms, removed: tuple[int, ...]) -> Atoms:
    keep = np.setdiff1d(np.arange(len(atoms)), removed)
    fixed = {int(i) for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}
    atoms.set_constraint()
    atoms = atoms[keep]
    atoms.set_constraint(FixAtoms([n for n, i in enumerate(keep) if int(i) in fixed]))
    return atoms
