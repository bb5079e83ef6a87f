"""Springs between stiff pairs: derivatives, invariance, and steps that turn a molecule without stretching it."""

import numpy as np
import pytest
from ase.build import molecule
from scipy.optimize import check_grad

from peropass.engine.freedom import confined
from peropass.engine.journal import JournalStep
from peropass.engine.optimiser import next_positions, rebuilt_hessian
from peropass.engine.stiff_pairs import StiffPairs, curved_step

STIFF = 40.0
WATER = molecule("H2O").positions
TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])


def of_bonds(positions):
    """Springs on all pairs of a molecule, at rest."""
    first, second = np.triu_indices(len(positions), 1)
    lengths = np.linalg.norm(positions[second] - positions[first], axis=1)
    return StiffPairs(first, second, np.full(len(first), STIFF), lengths)


def energy(springs, positions):
    lengths = np.linalg.norm(positions[springs.second] - positions[springs.first], axis=1)
    return 0.5 * float(springs.stiffness @ (lengths - springs.rest) ** 2)


@pytest.mark.parametrize("seed", range(3))
def test_derivatives_are_those_of_the_energy(seed):
    rng = np.random.default_rng(seed)
    springs = of_bonds(WATER)
    x = (WATER + 0.1 * rng.normal(size=WATER.shape)).ravel()
    assert (
        check_grad(
            lambda y: energy(springs, y.reshape(-1, 3)),
            lambda y: springs.gradient(y.reshape(-1, 3)),
            x,
        )
        < 1e-5
    )
    step = 1e-5 * rng.normal(size=x.size)
    change = springs.gradient((x + step).reshape(-1, 3)) - springs.gradient(
        (x - step).reshape(-1, 3)
    )
    assert np.allclose(change, 2 * springs.hessian(x.reshape(-1, 3)) @ step, atol=1e-8)


def test_a_turned_molecule_is_at_rest():
    springs = of_bonds(WATER)
    assert np.abs(springs.gradient(WATER @ TURN.T + 3.0)).max() < 1e-12


def test_stiff_near_pairs_are_found_and_others_not():
    """Two molecules 4 Angstrom apart: bonds of each, none between them, none of a soft pair."""
    both = np.vstack([WATER, WATER + [4.0, 0.0, 0.0]])
    one, other = of_bonds(WATER), of_bonds(WATER)
    hessian = np.zeros((18, 18))
    hessian[:9, :9] = one.hessian(WATER)
    hessian[9:, 9:] = 0.02 * other.hessian(WATER)
    found = StiffPairs.of(hessian, both, both)
    assert sorted(zip(found.first, found.second, strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert np.allclose(found.stiffness, STIFF)


def test_a_short_step_is_the_straight_one():
    springs = of_bonds(WATER)
    hessian = springs.hessian(WATER) + 0.5 * np.eye(9)
    straight = 1e-4 * np.random.default_rng(1).normal(size=(3, 3))
    assert np.abs(curved_step(springs, WATER, hessian, straight) - straight).max() < 1e-6


def test_a_long_turn_keeps_the_bonds():
    """The straight step along a rotation by a fifth of a radian stretches bonds by 2 %, the curved one by a tenth of that."""
    springs = of_bonds(WATER)
    hessian = springs.hessian(WATER) + 0.5 * np.eye(9)
    axis = np.array([1.0, 0.0, 0.0])
    straight = 0.2 * np.cross(axis, WATER - WATER.mean(0))
    curved = curved_step(springs, WATER, hessian, straight)

    def stretch(move):
        there = WATER + move
        lengths = np.linalg.norm(there[springs.second] - there[springs.first], axis=1)
        return np.abs(lengths / springs.rest - 1).max()

    assert stretch(straight) > 0.01
    assert stretch(curved) < 0.1 * stretch(straight)
    assert np.linalg.norm(curved - straight) < 0.2 * np.linalg.norm(straight)


def history_of_a_turn(hessian):
    """Water whose dipole turns into a field by 150 degrees, until all forces are below 0.05 eV/Angstrom."""
    springs, charges, field = (
        of_bonds(WATER),
        np.array([-0.8, 0.4, 0.4]),
        np.array([0.0, 0.9, -1.5]),
    )
    positions, steps, free = WATER.copy(), [], np.arange(3)
    while len(steps) < 150:
        total = energy(springs, positions) - float(charges @ (positions @ field))
        forces = charges[:, None] * field - springs.gradient(positions).reshape(-1, 3)
        steps.append(
            JournalStep(len(steps), positions, forces, total, total, 0.0, 1, 0.0, "defaults")
        )
        if np.linalg.norm(forces, axis=1).max() < 0.05:
            break
        positions = next_positions(hessian, steps, free, 0.2)
    return steps


def test_a_molecule_turns_into_a_field_in_few_steps():
    """The turn is 1.8 Angstrom of way for a hydrogen, nine of the longest steps; a Hessian whose bonds are no springs needs more."""
    springs = of_bonds(WATER)
    known = history_of_a_turn(springs.hessian(WATER) + 0.4 * np.eye(9))
    blind = history_of_a_turn(STIFF * np.eye(9))
    assert len(known) <= 25
    assert len(known) < len(blind)


def test_the_hessian_stays_positive_while_a_molecule_turns():
    """Springs of wrong stiffness leave a remainder that does not turn with them; the updates must not blow it up."""
    true, free = of_bonds(WATER), np.arange(3)
    model = true.hessian(WATER) * 0.5 + 0.4 * np.eye(9)
    steps = history_of_a_turn(model)
    for last in range(2, len(steps)):
        springs = StiffPairs.of(model, WATER, steps[last].positions)
        pairs = list(zip(steps[:last], steps[1 : last + 1], strict=True))
        hessian = rebuilt_hessian(model, springs, steps[0], pairs, free)
        omega = np.linalg.eigvalsh(hessian + springs.hessian(steps[last].positions))
        assert 0 < omega[0]
        assert omega[-1] < 20 * STIFF


def test_an_atom_that_is_held_in_a_plane_stays_in_it_while_its_molecule_turns():
    """A hydrogen confined to z = const: the others turn, it does not leave."""
    normal = np.array([0.0, 0.0, 1.0])
    springs, charges, field = (
        of_bonds(WATER),
        np.array([-0.8, 0.4, 0.4]),
        np.array([0.0, 0.9, -1.5]),
    )
    hessian = confined(springs.hessian(WATER) + 0.4 * np.eye(9), {1: normal})
    positions, steps, free = WATER.copy(), [], np.arange(3)
    for index in range(12):
        total = energy(springs, positions) - float(charges @ (positions @ field))
        forces = charges[:, None] * field - springs.gradient(positions).reshape(-1, 3)
        forces[1] -= (forces[1] @ normal) * normal
        steps.append(JournalStep(index, positions, forces, total, total, 0.0, 1, 0.0, "defaults"))
        positions = next_positions(hessian, steps, free, 0.2, {1: normal})
    assert np.abs(positions[1, 2] - WATER[1, 2]) < 1e-9
    assert np.abs(positions - WATER)[[0, 2]].max() > 0.3
