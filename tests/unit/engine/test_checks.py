"""Checks put what was found next to what is allowed, and fail on either side of the limit as they should."""

import numpy as np
import pytest

from peropass.engine import checks
from peropass.engine.electronic import ElectronicResult
from peropass.engine.journal import JournalStep


def step(energy, looseness=1.0):
    zero = np.zeros((1, 3))
    return JournalStep(0, zero, zero, energy, energy, 0.0, 1, 0.0, "defaults", looseness)


@pytest.mark.parametrize(("fmax", "passed"), [(0.0, True), (0.05, True), (0.0501, False)])
def test_forces(fmax, passed):
    check = checks.force_check(fmax, 0.05)
    assert check.passed is passed
    assert check.value == fmax
    assert "0.05" in check.limit


@pytest.mark.parametrize(
    ("energies", "passed"),
    [([0, -1, -2], True), ([0, -2, -1.999], True), ([0, -2, -1.9], False), ([1], True)],
)
def test_the_end_must_be_the_bottom_up_to_noise(energies, passed):
    (check,) = checks.energy_checks([step(e) for e in energies], 0.0)
    assert check.passed is passed


@pytest.mark.parametrize(("loose", "passed"), [(-2.008, True), (-2.03, False)])
def test_a_loosely_converged_step_may_lie_lower_by_what_its_tolerance_leaves_open(loose, passed):
    """Ten times 1 meV on top of the 5 meV that hold at equal tolerance."""
    steps = [step(-1.0), step(loose, looseness=10.0), step(-2.001), step(-2.0)]
    equal, other = checks.energy_checks(steps, 0.001)
    assert equal.passed
    assert equal.value == pytest.approx(0.001)
    assert other.passed is passed
    assert "0.015" in other.limit


@pytest.mark.parametrize(("found", "passed"), [(60, True), (59, False), (None, False)])
def test_electrons_are_counted(found, passed):
    result = ElectronicResult(0.0, 0.0, np.zeros((1, 3)), 1, "defaults", n_electrons=found)
    assert checks.electron_check(result, 60).passed is passed


def test_a_flat_vacuum_passes_and_a_field_does_not():
    z = np.linspace(0, 5, 51)
    assert checks.vacuum_check(np.full(51, 4.2), 0.1).passed
    tilted = checks.vacuum_check(4.2 + 0.1 * z, 0.1)
    assert not tilted.passed
    assert tilted.value == pytest.approx(0.1)


def test_a_ripple_at_the_period_of_the_grid_is_no_slope():
    """1 meV from point to point beside a dipole layer; the mean field over any Angstrom is below 3 meV."""
    ripple = 4.2 + 0.0013 * (-1.0) ** np.arange(30)
    assert checks.vacuum_check(ripple, 0.11).value < 0.003


def test_a_tail_of_the_density_is_a_slope():
    """The potential of an exponential tail falls by 0.05 eV in the first Angstrom of the window."""
    z = np.arange(0.0, 4.0, 0.1)
    found = checks.vacuum_check(4.2 - 0.079 * np.exp(-z), 0.1)
    assert found.value == pytest.approx(0.05, abs=0.003)
    assert not found.passed


@pytest.mark.parametrize("profile", [np.array([]), np.array([4.2]), np.array([4.2, 4.2])])
def test_no_vacuum_to_look_at_is_no_pass(profile):
    assert not checks.vacuum_check(profile, 0.1).passed


@pytest.mark.parametrize(
    ("heights", "cell", "value", "passed"),
    [
        ([4.5, 7.3, 13.3], 22.0, 4.5, True),
        ([4.5, 18.5], 22.0, 3.5, False),  # a ligand that stood up
        ([0.0, 5.0], 22.0, 0.0, False),  # a slab on the boundary: the layer would cut through ions
    ],
)
def test_the_dipole_layer_lies_in_vacuum_on_both_sides(heights, cell, value, passed):
    found = checks.dipole_layer_check(np.array(heights), cell)
    assert (found.value, found.passed) == (pytest.approx(value), passed)
