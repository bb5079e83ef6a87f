"""The toy engine is a conservative, bounded, marked stand-in; GPAW's seeds hold the right number of spins."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from peropass.engine.electronic import TOY_VOLUME_PER_ATOM_ANG3, ToyEngine, _seeded_moments


def test_it_is_marked():
    assert ToyEngine.toy


def test_forces_are_the_gradient():
    atoms = molecule("CH3OH")
    forces = ToyEngine().evaluate(atoms).forces
    step = 1e-5
    for atom, axis in ((0, 0), (2, 1), (5, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(ToyEngine().evaluate(moved).electronic_eV)
        assert forces[atom, axis] == pytest.approx(
            -(energies[0] - energies[1]) / (2 * step), abs=1e-6
        )


def test_the_same_structure_has_the_same_energy_bit_for_bit():
    atoms = molecule("CH3OH")
    first, second = ToyEngine().evaluate(atoms), ToyEngine().evaluate(atoms.copy())
    assert first.electronic_eV == second.electronic_eV
    assert np.array_equal(first.forces, second.forces)


def test_a_bulk_cell_has_one_minimum_in_volume():
    def energy(volume):
        cell = Atoms(
            "CsPbBr3", scaled_positions=np.zeros((5, 3)), cell=[volume ** (1 / 3)] * 3, pbc=True
        )
        return ToyEngine().evaluate(cell).electronic_eV

    best = 5 * TOY_VOLUME_PER_ATOM_ANG3
    assert energy(best) < min(energy(0.98 * best), energy(1.02 * best))


def test_each_iteration_is_reported():
    seen = []
    ToyEngine(lambda n, energy: seen.append(n)).evaluate(molecule("H2"))
    assert seen == [1]


def test_oxygen_starts_as_a_triplet():
    assert _seeded_moments(molecule("O2")).sum() == pytest.approx(2)


def test_a_radical_starts_with_one_spin():
    assert _seeded_moments(Atoms("CH3", np.eye(4, 3))).sum() == pytest.approx(1)


@pytest.mark.parametrize(("metal", "spins"), [("Mn", 5), ("Ni", 2), ("Cu", 1), ("Co", 3)])
def test_divalent_ions_start_in_their_free_high_spin_state(metal, spins):
    """d5, d8, d9 and d7: Hund's first rule."""
    moments = _seeded_moments(Atoms([metal, "Br", "Br"], np.eye(3)))
    assert moments.sum() == pytest.approx(spins)
    assert not moments[1:].any()
