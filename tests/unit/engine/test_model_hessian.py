"""The model Hessian: symmetric, positive definite, blind to translation up to its floor, turning with the atoms."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from peropass.engine.model_hessian import FLOOR_EV_PER_ANG2, pair_spring_hessian

STRUCTURES = {
    "water": molecule("H2O"),
    "ethanol": molecule("CH3CH2OH"),
    "perovskite": Atoms(
        "CsPbBr3",
        scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)],
        cell=[5.98] * 3,
        pbc=True,
    ),
}
each = pytest.mark.parametrize("atoms", STRUCTURES.values(), ids=STRUCTURES)


@each
def test_symmetric_and_positive_definite(atoms):
    hessian = pair_spring_hessian(atoms)
    assert np.array_equal(hessian, hessian.T)
    assert np.linalg.eigvalsh(hessian).min() >= FLOOR_EV_PER_ANG2 - 1e-9


@each
def test_a_rigid_translation_costs_only_the_floor(atoms):
    hessian = pair_spring_hessian(atoms)
    for axis in range(3):
        shift = np.tile(np.eye(3)[axis], len(atoms))
        assert hessian @ shift == pytest.approx(FLOOR_EV_PER_ANG2 * shift, abs=1e-9)


@each
def test_it_turns_with_the_atoms(atoms):
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    turned = Atoms(
        atoms.numbers, atoms.positions @ turn.T, cell=atoms.cell.array @ turn.T, pbc=atoms.pbc
    )
    block = np.kron(np.eye(len(atoms)), turn)
    expected = block @ pair_spring_hessian(atoms) @ block.T
    assert pair_spring_hessian(turned) == pytest.approx(expected, abs=1e-8)


@each
def test_it_follows_a_new_order_of_the_atoms(atoms):
    order = np.random.default_rng(4).permutation(len(atoms))
    rows = (3 * order[:, None] + np.arange(3)).ravel()
    expected = pair_spring_hessian(atoms)[np.ix_(rows, rows)]
    assert pair_spring_hessian(atoms[order]) == pytest.approx(expected, abs=1e-10)


def test_moving_atoms_by_lattice_vectors_changes_nothing():
    atoms = STRUCTURES["perovskite"]
    shifted = atoms.copy()
    shifted.positions[2] += 2 * atoms.cell[0] - atoms.cell[2]
    assert pair_spring_hessian(shifted) == pytest.approx(pair_spring_hessian(atoms), abs=1e-9)


def test_stretching_is_stiffer_than_bending_and_falls_with_distance():
    def along(length):
        hessian = pair_spring_hessian(Atoms("CC", [(0, 0, 0), (0, 0, length)]))
        return hessian[5, 5], hessian[3, 3]

    near, far = along(1.54), along(2.2)
    assert near[0] > near[1]
    assert near[0] > far[0] > FLOOR_EV_PER_ANG2


def test_lone_atoms_have_the_floor():
    assert np.array_equal(pair_spring_hessian(Atoms("Cs")), FLOOR_EV_PER_ANG2 * np.eye(3))
