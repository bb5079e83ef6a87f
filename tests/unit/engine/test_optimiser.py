"""Steps are a pure function of the journal, converge on quadratic forms, and respect caps and frozen atoms."""

import numpy as np
import pytest
from ase import Atoms

from peropass.engine.journal import Journal, JournalStep
from peropass.engine.model_hessian import pair_spring_hessian
from peropass.engine.optimiser import SMALLEST_CURVATURE_EV_PER_ANG2, next_positions

CAP = 0.2


def cluster(n=4, seed=3):
    random = np.random.default_rng(seed)
    return Atoms("CNOF"[:n], 1.4 * np.eye(4, 3)[:n] + random.normal(0, 0.05, (n, 3)))


def quadratic(atoms, stiffness, seed=5):
    """Energy and forces of a random positive-definite form around a hidden minimum near the start."""
    random = np.random.default_rng(seed)
    size = 3 * len(atoms)
    basis = np.linalg.qr(random.normal(size=(size, size)))[0]
    matrix = basis @ np.diag(np.geomspace(*stiffness, size)) @ basis.T
    minimum = atoms.positions + random.normal(0, 0.1, (len(atoms), 3))

    def evaluate(positions):
        away = (positions - minimum).ravel()
        return 0.5 * away @ matrix @ away, -(matrix @ away).reshape(-1, 3)

    return evaluate, minimum


def as_step(index, positions, energy, forces):
    return JournalStep(index, positions, forces, energy, energy, 0.0, 1, 0.0, "defaults")


def descend(atoms, evaluate, free, n):
    positions, steps = atoms.positions.copy(), []
    for index in range(n):
        energy, forces = evaluate(positions)
        steps.append(as_step(index, positions, energy, forces))
        positions = next_positions(pair_spring_hessian(atoms), steps, free, CAP)
    return steps


@pytest.mark.parametrize("stiffness", [(1.0, 5.0), (0.5, 60.0)])
def test_quadratic_forms_converge(stiffness):
    atoms = cluster()
    evaluate, minimum = quadratic(atoms, stiffness)
    steps = descend(atoms, evaluate, np.arange(4), 40)
    assert np.abs(steps[-1].positions - minimum).max() < 1e-3
    assert steps[-1].energy_eV < 1e-4


def test_the_same_history_gives_the_same_step_bit_for_bit(tmp_path):
    """A run that was killed after step k goes on exactly as if it had not been."""
    atoms = cluster()
    evaluate, _ = quadratic(atoms, (0.5, 60.0))
    steps = descend(atoms, evaluate, np.arange(4), 6)
    journal = Journal(tmp_path / "j", "x")
    for one in steps[:4]:
        journal.append(one)
    replayed = Journal(tmp_path / "j", "x").steps
    assert np.array_equal(
        next_positions(pair_spring_hessian(atoms), replayed, np.arange(4), CAP), steps[4].positions
    )


def test_frozen_atoms_stay_bit_for_bit():
    atoms = cluster()
    evaluate, _ = quadratic(atoms, (1.0, 5.0))
    steps = descend(atoms, evaluate, np.array([1, 3]), 8)
    for one in steps:
        assert np.array_equal(one.positions[[0, 2]], atoms.positions[[0, 2]])
    assert not np.array_equal(steps[-1].positions[[1, 3]], atoms.positions[[1, 3]])


def test_no_atom_moves_further_than_the_cap():
    atoms = cluster()
    huge = as_step(0, atoms.positions, 0.0, np.full((4, 3), 1e3))
    moved = np.linalg.norm(
        next_positions(pair_spring_hessian(atoms), [huge], np.arange(4), CAP) - atoms.positions,
        axis=1,
    )
    assert moved.max() == pytest.approx(CAP)


def test_a_step_that_raises_the_energy_is_taken_back():
    """The next trial starts where the failed one started, goes half as far, and knows the curvature between the two."""
    atom = Atoms("Cs", [(0, 0, 0)])
    first = as_step(0, atom.positions, 0.0, np.array([[0.1, 0, 0]]))
    trial = as_step(1, np.array([[0.16, 0, 0]]), 0.02, np.array([[-1.5, 0, 0]]))
    steps = [first, trial]
    x = next_positions(pair_spring_hessian(atom), steps, np.array([0]), CAP)[0, 0]
    # 10 eV/A^2 between the two: the minimum of that parabola is at 0.01 A
    assert x == pytest.approx(0.01, abs=1e-6)
    blind = [first, as_step(1, np.array([[0.16, 0, 0]]), 0.02, np.array([[0.11, 0, 0]]))]
    assert 0 < next_positions(pair_spring_hessian(atom), blind, np.array([0]), CAP)[0, 0] <= 0.08


def test_a_start_whose_energy_is_too_low_by_noise_is_left():
    """Two steps taken back in a row: the third goes on from the second trial."""
    atom = Atoms("Cs", [(0, 0, 0)])
    forces = np.array([[0.02, 0, 0]])
    away = [0.0, 0.08, 0.04]
    steps = [
        as_step(k, np.array([[x, 0, 0]]), 0.0 if k == 0 else 0.01, forces)
        for k, x in enumerate(away)
    ]
    assert next_positions(pair_spring_hessian(atom), steps, np.array([0]), CAP)[0, 0] > 0.04


@pytest.mark.parametrize("seed", range(4))
def test_noisy_forces_do_not_keep_a_run_from_its_minimum(seed):
    """Noise of 0.05 eV/A per component, as loose SCF tolerances leave: the energy still comes within 5 meV."""
    atoms = cluster()
    evaluate, _ = quadratic(atoms, (0.5, 60.0), seed=seed)
    noise = np.random.default_rng(seed)

    def noisy(positions):
        energy, forces = evaluate(positions)
        return energy, forces + noise.normal(scale=0.05, size=forces.shape)

    steps = descend(atoms, noisy, np.arange(4), 40)
    assert min(step.energy_eV for step in steps) < 0.005


def test_steps_go_downhill():
    """The model Hessian is positive definite, so the first step has a component along the force."""
    atoms = cluster()
    evaluate, _ = quadratic(atoms, (0.5, 60.0))
    energy, forces = evaluate(atoms.positions)
    start = as_step(0, atoms.positions, energy, forces)
    move = next_positions(pair_spring_hessian(atoms), [start], np.arange(4), CAP) - atoms.positions
    assert (move * forces).sum() > 0


def test_no_force_no_step():
    atoms = cluster()
    start = as_step(0, atoms.positions, 0.0, np.zeros((4, 3)))
    assert np.array_equal(
        next_positions(pair_spring_hessian(atoms), [start], np.arange(4), CAP), atoms.positions
    )


def test_two_equal_steps_do_not_divide_by_zero():
    """A history without movement carries no curvature."""
    atoms = cluster()
    forces = np.full((4, 3), 0.1)
    steps = [as_step(i, atoms.positions, 0.0, forces) for i in range(2)]
    assert np.isfinite(next_positions(pair_spring_hessian(atoms), steps, np.arange(4), CAP)).all()


def test_steps_turn_with_the_structure():
    atoms = cluster()
    evaluate, _ = quadratic(atoms, (0.5, 60.0))
    steps = descend(atoms, evaluate, np.arange(4), 3)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turned_atoms = atoms.copy()
    turned_atoms.positions = atoms.positions @ turn.T
    turned = [as_step(s.index, s.positions @ turn.T, s.energy_eV, s.forces @ turn.T) for s in steps]
    expected = next_positions(pair_spring_hessian(atoms), steps, np.arange(4), CAP) @ turn.T
    assert next_positions(
        pair_spring_hessian(turned_atoms), turned, np.arange(4), CAP
    ) == pytest.approx(expected, abs=1e-9)


def test_the_softest_direction_steps_as_if_it_were_this_stiff():
    """A lone atom has only the floor of the model Hessian, and its step is force over that."""
    atom = Atoms("Cs", [(0, 0, 0)])
    start = as_step(0, atom.positions, 0.0, np.array([[0.05, 0, 0]]))
    move = next_positions(pair_spring_hessian(atom), [start], np.array([0]), CAP)[0, 0]
    assert 0 < move <= 0.05 / SMALLEST_CURVATURE_EV_PER_ANG2


def in_a_valley(curvature, force=0.03, wall=20.0):
    """A lone atom at the foot of a valley along x: force (eV/Angstrom) at the start, curvature along it, wall across it."""

    def evaluate(positions):
        x, y, z = positions[0]
        energy = -force * x + 0.5 * curvature * x**2 + 0.5 * wall * (y**2 + z**2)
        return energy, np.array([[force - curvature * x, -wall * y, -wall * z]])

    return evaluate


def test_a_straight_valley_is_walked_with_the_longest_steps():
    """0.03 eV/A over the first floor is 0.1 A; nothing bends, so steps grow to the cap of 0.2 A."""
    steps = descend(Atoms("Cs", [(0, 0, 0)]), in_a_valley(0.0), np.array([0]), 9)
    walked = np.diff([step.positions[0, 0] for step in steps])
    assert walked[0] <= 0.03 / SMALLEST_CURVATURE_EV_PER_ANG2
    assert walked[-1] == pytest.approx(CAP)
    assert (walked > 0).all()


def test_the_end_of_a_soft_valley_is_found_without_swinging():
    """Minimum at 0.6 A for 0.05 eV/A^2: reached from one side, then left alone."""
    steps = descend(Atoms("Cs", [(0, 0, 0)]), in_a_valley(0.05), np.array([0]), 14)
    places = np.array([step.positions[0, 0] for step in steps])
    assert places[-1] == pytest.approx(0.6, abs=0.02)
    assert places.max() < 0.65


def test_a_bend_in_the_valley_brings_shorter_steps_back():
    """After a straight slope of 1 A comes a wall of 5 eV/A^2: the walk ends at its foot."""

    def evaluate(positions):
        beyond = max(0.0, positions[0, 0] - 1.0)
        return -0.03 * positions[0, 0] + 2.5 * beyond**2, np.array(
            [[0.03 - 5.0 * beyond, 0.0, 0.0]]
        )

    steps = descend(Atoms("Cs", [(0, 0, 0)]), evaluate, np.array([0]), 25)
    assert steps[-1].positions[0, 0] == pytest.approx(1.006, abs=0.005)
