"""Size and polarity of a ligand: footprint, chain length, cone angle, dipole.

All refer to an axis that leaves the surface: from the anchor atom of the part that carries the ligand's bulk to
the centre of its other heavy atoms. Radii are Bondi's (10.1021/j100785a001, as in ASE), hydrogen in cone angles as Tolman's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from peropass.chemistry.conformers import assemble, bonds
from peropass.chemistry.model import LigandModel, LigandPart
from peropass.engine.xtb_molecules import relax, single_point
from peropass.errors import EngineError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

TOLMAN_DISTANCE_ANG = 2.28  # Ni-P of Tolman's definition, 10.1021/cr60307a002
TOLMAN_HYDROGEN_ANG = 1.00  # radius of hydrogen in the models that Tolman measured
DEFAULT_RADIUS_ANG = 2.0  # for the few elements without a van der Waals radius
GRID_ANG = 0.05
DIPOLE_STARTS = 4
DIPOLE_RELAX_STEPS = 40


def describe(model: LigandModel, seed: int, dipole: bool = True) -> dict[str, float]:
    """Descriptors of a model that enter the ranking; what cannot be defined or computed is left out.

    Without `dipole`, whose GFN2-xTB takes seconds for long tails, nothing is computed but geometry.

    Returns
    -------
    dict
        ``footprint_ang2`` (model), ``chain_length_ang`` (full ligand, chains stretched),
        ``chain_length_model_ang`` (model, lowest conformer), ``cone_angle_deg``, ``dipole_debye`` (neutral set, GFN2-xTB
        in vacuum; a zwitterion and other single molecules at their lowest conformer).
    """
    part = main_part(model)
    found: dict[str, float] = {}
    if part.anchors:
        atoms, anchor = part.conformers[0], list(part.anchors[0].atoms)
        # ASSUME a bare ion has no footprint of its own: it sits in a hole of the lattice
        if len(atoms) > 1:
            found["footprint_ang2"] = footprint_ang2(atoms, anchor)
        found["chain_length_model_ang"] = reach_ang(atoms, anchor)
        found["chain_length_ang"] = stretched_length_ang(model, part, seed)
        angle = cone_angle_deg(atoms, anchor[0]) if len(atoms) > 1 else None
        if angle is not None:
            found["cone_angle_deg"] = angle
    moment = dipole_debye(model, seed) if dipole else None
    if moment is not None:
        found["dipole_debye"] = moment
    return found


def main_part(model: LigandModel) -> LigandPart:
    """The part with most atoms, the first of several."""
    return max(model.parts, key=lambda part: len(part.symbols))


def surface_axis(atoms: Atoms, anchor: list[int]) -> np.ndarray:
    """Unit vector from the anchor to the centre of the other heavy atoms; z for a single atom."""
    heavy = [i for i, z in enumerate(atoms.numbers) if z > 1 and i not in anchor]
    others = heavy or [i for i in range(len(atoms)) if i not in anchor]
    if not others:
        return np.array([0.0, 0.0, 1.0])
    axis = atoms.positions[others].mean(axis=0) - atoms.positions[anchor].mean(axis=0)
    length = float(np.linalg.norm(axis))
    return axis / length if length > 1e-3 else np.array([0.0, 0.0, 1.0])


def reach_ang(atoms: Atoms, anchor: list[int]) -> float:
    """Height (A) of the highest nucleus above the anchor along the surface axis."""
    height = (atoms.positions - atoms.positions[anchor].mean(axis=0)) @ surface_axis(atoms, anchor)
    return float(max(height.max(), 0.0))


def footprint_ang2(atoms: Atoms, anchor: list[int]) -> float:
    """Area (A^2) of the van der Waals discs projected on the plane normal to the surface axis."""
    axis = surface_axis(atoms, anchor)
    first = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    first /= np.linalg.norm(first)
    plane = np.column_stack([first, np.cross(axis, first)])
    centres, radii = atoms.positions @ plane, _radii(atoms)
    low = (centres - radii[:, None]).min(axis=0)
    high = (centres + radii[:, None]).max(axis=0)
    x, y = (np.arange(low[k], high[k] + GRID_ANG, GRID_ANG) for k in (0, 1))
    covered = np.zeros((len(x), len(y)), dtype=bool)
    for centre, radius in zip(centres, radii, strict=True):
        covered |= (x[:, None] - centre[0]) ** 2 + (y[None, :] - centre[1]) ** 2 <= radius**2
    return float(covered.sum()) * GRID_ANG**2


def cone_angle_deg(
    atoms: Atoms, anchor: int, distance_ang: float = TOLMAN_DISTANCE_ANG
) -> float | None:
    """Tolman's cone angle (degrees) seen from a metal at `distance_ang` on the anchor's free side.

    theta = (2/n) sum over the n substituents of the largest half-angle of their atoms, 10.1021/cr60307a002.
    None where the anchor has no free side: no neighbours, or neighbours all around (NR4+).
    """
    pairs = bonds(atoms)
    neighbours = {j if i == anchor else i for i, j in pairs if anchor in (i, j)}
    units = [_unit(atoms.positions[j] - atoms.positions[anchor]) for j in sorted(neighbours)]
    free = -np.sum(units, axis=0) if units else np.zeros(3)
    # ASSUME a resultant of bond vectors below 0.3 means that the anchor is buried and no metal can approach it
    if np.linalg.norm(free) < 0.3:
        return None
    metal = atoms.positions[anchor] + distance_ang * _unit(free)
    angles = _half_angles(atoms, metal, -_unit(free))
    groups = _substituents(len(atoms), pairs, anchor, sorted(neighbours))
    return float(np.degrees(2.0 * np.mean([angles[list(group)].max() for group in groups])))


def _half_angles(atoms: Atoms, metal: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Angle (rad) between `axis` and the outer tangent from the metal to each atom's sphere, at most pi."""
    offset = atoms.positions - metal
    distance = np.linalg.norm(offset, axis=1)
    radii = np.where(atoms.numbers == 1, TOLMAN_HYDROGEN_ANG, _radii(atoms))
    to_centre = np.arccos(np.clip(offset @ axis / distance, -1.0, 1.0))
    return np.minimum(to_centre + np.arcsin(np.minimum(radii / distance, 1.0)), np.pi)


def _substituents(n: int, pairs: frozenset, anchor: int, starts: list[int]) -> list[set[int]]:
    """Atoms reached from each neighbour of the anchor without passing the anchor."""
    adjacent: list[set[int]] = [set() for _ in range(n)]
    for i, j in pairs:
        adjacent[i].add(j)
        adjacent[j].add(i)
    groups = []
    for start in starts:
        group, frontier = {start}, [start]
        while frontier:
            new = adjacent[frontier.pop()] - group - {anchor}
            group |= new
            frontier.extend(new)
        groups.append(group)
    return groups


def stretched_length_ang(model: LigandModel, part: LigandPart, seed: int) -> float:
    """Reach (A) of the full ligand with all open chains trans, from the head atom to the farthest heavy atom.

    This is the thickness that a charge has to cross, and a property of the full molecule, not of the model.
    """
    from peropass.chemistry.molecules import parse

    start = 0
    for other in model.parts:
        if other is part:
            break
        start += sum(symbol != "H" for symbol in other.symbols)
    anchor = [i for i in part.anchors[0].atoms if part.symbols[i] != "H"]
    mapped = [model.atom_map[start + i] for i in anchor]
    molecule = parse(model.full_smiles, model.ligand)
    fragment, offset = _fragment_with(molecule, mapped[0])
    if fragment.GetNumAtoms() < 2 or mapped[0] < 0:
        return 0.0
    positions = stretched_positions(fragment, seed)
    origin = positions[mapped[0] - offset]
    return float(np.linalg.norm(positions - origin, axis=1).max())


def _fragment_with(molecule: Mol, index: int) -> tuple[Mol, int]:
    """The disconnected part that holds atom `index`, and the index of its first atom."""
    from rdkit import Chem

    maps: list[tuple[int, ...]] = []
    fragments = Chem.GetMolFrags(molecule, asMols=True, fragsMolAtomMapping=maps)
    for fragment, atoms in zip(fragments, maps, strict=True):
        if index in atoms:
            return fragment, min(atoms)
    return fragments[0], 0


def stretched_positions(molecule: Mol, seed: int) -> np.ndarray:
    """Heavy-atom positions (A, shape (n, 3)) with every open single-bond chain torsion at 180 degrees."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import AllChem
    from rdkit.Chem.rdMolTransforms import SetDihedralDeg

    options = AllChem.ETKDGv3()
    options.randomSeed = seed
    embedded = Chem.Mol(molecule)
    with rdBase.BlockLogs():
        if AllChem.EmbedMolecule(embedded, options) != 0:
            options.useRandomCoords = True
            if AllChem.EmbedMolecule(embedded, options) != 0:
                return np.zeros((molecule.GetNumAtoms(), 3))
    conformer = embedded.GetConformer()
    pattern = Chem.MolFromSmarts("[!#1]~[!#1;!$(*#*)]-;!@[!#1;!$(*#*)]~[!#1]")
    turned: set[frozenset[int]] = set()
    for a, b, c, d in embedded.GetSubstructMatches(pattern):
        if frozenset((b, c)) not in turned:
            turned.add(frozenset((b, c)))
            SetDihedralDeg(conformer, a, b, c, d, 180.0)
    return conformer.GetPositions()


def dipole_debye(model: LigandModel, seed: int) -> float | None:
    """Dipole moment (debye) by GFN2-xTB in vacuum; None where GFN2-xTB fails.

    A single molecule keeps the geometry of its lowest conformer, so that a zwitterion stays one. A set of ions takes the
    best of a few contact arrangements, relaxed briefly: a descriptor, not a reference energy.
    """
    unpaired = int(model.descriptors.get("unpaired_electrons", 0))
    try:
        if len(model.parts) == 1:
            result = single_point(model.parts[0].conformers[0], model.charge, unpaired)
        else:
            rated = [
                (single_point(atoms, model.charge, unpaired).energy_eV, k, atoms)
                for k, atoms in enumerate(assemble(model, DIPOLE_STARTS, seed))
            ]
            result = relax(min(rated)[2], model.charge, unpaired, max_steps=DIPOLE_RELAX_STEPS)
    except EngineError:
        return None
    return float(np.linalg.norm(result.dipole_debye))


def _radii(atoms: Atoms) -> np.ndarray:
    from ase.data import vdw_radii

    radii = np.array([vdw_radii[z] for z in atoms.numbers])
    return np.where(np.isnan(radii), DEFAULT_RADIUS_ANG, radii)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
