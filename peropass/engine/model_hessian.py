"""Initial Hessian of a relaxation: a pair-spring model in the spirit of Lindh's force field.

Stiffness of a pair falls with distance over the sum of covalent radii, as in 10.1016/0009-2614(95)00646-L (there
for bonds, bends and torsions; here for pairs only, which keeps translations of a fragment soft). It replaces
ASE's 70 eV/Angstrom^2 on the diagonal and lets the first steps move soft octahedral tilts and tails far and
stiff bonds little.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

BOND_STIFFNESS_EV_PER_ANG2 = 25.0  # a C-C or S-O single bond is 25-35 along its axis
DECAY_ALPHA = 3.0  # 1/e at about 1.33 times the squared bond length
TRANSVERSE_SHARE = 0.08  # bending against stretching
FLOOR_EV_PER_ANG2 = 1.0  # softest curvature assumed, keeps first steps bounded
RANGE_FACTOR = 2.2  # pairs beyond this many bond lengths carry nothing


def pair_spring_hessian(atoms: Atoms) -> np.ndarray:
    """Positive-definite model Hessian, (3n, 3n), eV/Angstrom^2, fixed atoms included."""
    n = len(atoms)
    radii = covalent_radii[atoms.numbers]
    cutoff = RANGE_FACTOR * 2 * radii.max()
    i, j, vectors = neighbor_list("ijD", atoms, cutoff)
    lengths = np.linalg.norm(vectors, axis=1)
    bond = radii[i] + radii[j]
    near = lengths < RANGE_FACTOR * bond
    i, j, vectors, lengths, bond = i[near], j[near], vectors[near], lengths[near], bond[near]
    stiffness = BOND_STIFFNESS_EV_PER_ANG2 * np.exp(
        -DECAY_ALPHA * np.maximum((lengths / bond) ** 2 - 1.0, -0.3)
    )
    units = vectors / lengths[:, None]
    along = units[:, :, None] * units[:, None, :]
    blocks = stiffness[:, None, None] * (along + TRANSVERSE_SHARE * (np.eye(3) - along))
    hessian = np.zeros((n, n, 3, 3))
    # the neighbour list holds each pair twice, once from either end
    np.add.at(hessian, (i, i), blocks)
    np.add.at(hessian, (i, j), -blocks)
    matrix = hessian.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)
    matrix = 0.5 * (matrix + matrix.T)
    return matrix + FLOOR_EV_PER_ANG2 * np.eye(3 * n)
