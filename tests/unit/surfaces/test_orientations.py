"""Orientation sets against moments of the uniform distribution on SO(3)."""

import numpy as np
import pytest

from peropass.surfaces.orientations import even_angles, even_rotations, rotation_onto


def test_rotations_are_proper():
    turns = even_rotations(64, 3)
    assert np.linalg.det(turns) == pytest.approx(np.ones(64))
    assert turns @ turns.transpose(0, 2, 1) == pytest.approx(np.broadcast_to(np.eye(3), (64, 3, 3)))


@pytest.mark.parametrize("seed", [0, 5])
def test_moments_are_those_of_haar_measure(seed):
    """Mean of R is 0, of R_ij^2 is 1/3, and the trace squared has mean 1 (character of l = 1)."""
    turns = even_rotations(600, seed)
    assert np.abs(turns.mean(axis=0)).max() < 0.02
    assert (turns**2).mean(axis=0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.02)
    assert (np.trace(turns, axis1=1, axis2=2) ** 2).mean() == pytest.approx(1.0, abs=0.05)


def test_spread_is_even():
    """No two of 200 are nearer than a third of the mean spacing (8 pi^2 / 200)^(1/3)."""
    turns = even_rotations(200, 0)
    traces = np.einsum("aij,bij->ab", turns, turns)
    angles = np.arccos(np.clip((traces - 1) / 2, -1, 1)) + 10 * np.eye(200)
    assert angles.min() > (8 * np.pi**2 / 200) ** (1 / 3) / 3


def test_same_seed_same_set():
    assert np.array_equal(even_rotations(20, 4), even_rotations(20, 4))
    assert not np.allclose(even_rotations(20, 4), even_rotations(20, 5))


def test_angles_fill_the_circle():
    gaps = np.diff(np.sort(even_angles(50, 1)))
    assert gaps.max() < 3 * 2 * np.pi / 50


@pytest.mark.parametrize("target", [(0, 0, 1), (0, 0, -1), (1, 2, -3)])
def test_rotation_onto_a_direction(target):
    turn = rotation_onto(np.array([0.0, 0, 2]), np.array(target, float))
    assert turn @ [0, 0, 1] == pytest.approx(np.array(target) / np.linalg.norm(target))
