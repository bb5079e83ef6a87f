"""Initial Hessian of a relaxation: pair springs in the spirit of Lindh's force field, GFN2-xTB inside molecules.

Stiffness of a pair falls with distance over the sum of covalent radii, as in 10.1016/0009-2614(95)00646-L (there
for bonds, bends and torsions; here for pairs only, which keeps translations of a fragment soft). It replaces
ASE's 70 eV/Angstrom^2 on the diagonal and lets the first steps move soft octahedral tilts and tails far and
stiff bonds little. Inside a ligand pairs are poor: bends and torsions couple. There the second derivatives of
GFN2-xTB take their place, a second or two of one core against several DFT steps.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from peropass.engine import xtb_molecules
from peropass.errors import EngineError

BOND_STIFFNESS_EV_PER_ANG2 = 25.0  # a C-C or S-O single bond is 25-35 along its axis
# Contacts of a metal: 2-3 eV/Angstrom^2 for Pb-Br (stretching at 140 cm^-1). With 25 the model was a hundred times too stiff
# along the path that a slab relaxes on (26 against 0.27 eV/Angstrom^2) and took 37 steps.
IONIC_SHARE = 0.1
DECAY_ALPHA = 3.0  # 1/e at about 1.33 times the squared bond length
TRANSVERSE_SHARE = 0.08  # bending against stretching
FLOOR_EV_PER_ANG2 = 0.6  # softest curvature assumed, keeps first steps bounded
RANGE_FACTOR = 2.2  # pairs beyond this many bond lengths carry nothing
MOLECULE_FLOOR_EV_PER_ANG2 = 0.4  # under GFN2-xTB curvatures: torsions are softer than any bond
BOND_FACTOR = 1.25  # of the sum of covalent radii; closer atoms belong to one molecule
NONMETALS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})
MOST_ATOMS = 80  # beyond, finite differences cost more than the steps that they save


def start_hessian(atoms: Atoms) -> np.ndarray:
    """Model Hessian of a slab, a loaded slab or a boxed molecule, (3n, 3n), eV/Angstrom^2.

    Pair springs throughout; inside each molecule of the ligand (atoms of `fragment` 1, or all atoms where there is no
    such array) GFN2-xTB where it converges for the neutral closed-shell set, eigenvalues by absolute value.
    """
    ligand = np.flatnonzero(atoms.arrays["fragment"] == 1) if "fragment" in atoms.arrays else None
    ligand = np.arange(len(atoms)) if ligand is None else ligand
    blocks = _molecule_blocks(atoms, ligand)
    matrix = _springs(atoms, [indices for indices, _ in blocks])
    diagonal = np.full(3 * len(atoms), FLOOR_EV_PER_ANG2)
    for indices, block in blocks:
        rows = (3 * indices[:, None] + np.arange(3)).ravel()
        matrix[np.ix_(rows, rows)] += block
        diagonal[rows] = MOLECULE_FLOOR_EV_PER_ANG2
    return matrix + np.diag(diagonal)


def _molecule_blocks(atoms: Atoms, ligand: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Indices and positive semidefinite GFN2-xTB block of every polyatomic molecule of the ligand."""
    bare = Atoms(atoms.numbers[ligand], atoms.positions[ligand])
    molecules = [group for group in molecules_of(bare) if len(group) > 1]
    if not molecules or len(bare) > MOST_ATOMS or bare.numbers.sum() % 2:
        return []
    try:
        whole = xtb_molecules.hessian(bare)
    except EngineError:
        return []  # the springs serve
    found = []
    for group in molecules:
        rows = (3 * group[:, None] + np.arange(3)).ravel()
        values, vectors = np.linalg.eigh(whole[np.ix_(rows, rows)])
        found.append((ligand[group], (vectors * np.abs(values)) @ vectors.T))
    return found


def molecules_of(bare: Atoms) -> list[np.ndarray]:
    """Groups of bonded nonmetals of a set without periodicity; metals and halide ions stand alone."""
    i, j = neighbor_list("ij", bare, BOND_FACTOR * covalent_radii[bare.numbers])
    covalent = np.isin(bare.get_chemical_symbols(), list(NONMETALS))
    i, j = i[covalent[i] & covalent[j]], j[covalent[i] & covalent[j]]
    n = len(bare)
    _, label = connected_components(
        coo_array((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False
    )
    return [np.flatnonzero(label == k) for k in range(label.max() + 1)] if n else []


def pair_spring_hessian(atoms: Atoms) -> np.ndarray:
    """Positive-definite model Hessian, (3n, 3n), eV/Angstrom^2, fixed atoms included."""
    return _springs(atoms, []) + FLOOR_EV_PER_ANG2 * np.eye(3 * len(atoms))


def _springs(atoms: Atoms, without: list[np.ndarray]) -> np.ndarray:
    """Sum of pair springs, (3n, 3n); pairs inside one of the groups `without` carry none."""
    n = len(atoms)
    radii = covalent_radii[atoms.numbers]
    cutoff = RANGE_FACTOR * 2 * radii.max()
    i, j, vectors = neighbor_list("ijD", atoms, cutoff)
    lengths = np.linalg.norm(vectors, axis=1)
    bond = radii[i] + radii[j]
    group = -np.arange(1, n + 1)
    for number, indices in enumerate(without):
        group[indices] = number
    near = (lengths < RANGE_FACTOR * bond) & (group[i] != group[j])
    i, j, vectors, lengths, bond = i[near], j[near], vectors[near], lengths[near], bond[near]
    stiffness = BOND_STIFFNESS_EV_PER_ANG2 * np.exp(
        -DECAY_ALPHA * np.maximum((lengths / bond) ** 2 - 1.0, -0.3)
    )
    covalent = np.isin(atoms.get_chemical_symbols(), list(NONMETALS))
    stiffness = np.where(covalent[i] & covalent[j], stiffness, IONIC_SHARE * stiffness)
    units = vectors / lengths[:, None]
    along = units[:, :, None] * units[:, None, :]
    blocks = stiffness[:, None, None] * (along + TRANSVERSE_SHARE * (np.eye(3) - along))
    hessian = np.zeros((n, n, 3, 3))
    # the neighbour list holds each pair twice, once from either end
    np.add.at(hessian, (i, i), blocks)
    np.add.at(hessian, (i, j), -blocks)
    matrix = hessian.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)
    return 0.5 * (matrix + matrix.T)
