"""Pieces of the level extraction that need no DFT."""

import numpy as np
import pytest

from peropass.engine.levels import normalise_weights, semicore_centroids


def test_weights_of_each_state_sum_to_one():
    raw = np.random.default_rng(1).random((2, 3, 4, 5, 3))
    normalised, captured = normalise_weights(raw)
    assert normalised.sum((-2, -1)) == pytest.approx(np.ones((2, 3, 4)))
    assert captured[1, 2, 3] == pytest.approx(raw[1, 2, 3].sum())


def test_a_state_without_projections_stays_zero():
    normalised, captured = normalise_weights(np.zeros((1, 2, 3)))
    assert captured.tolist() == [0.0]
    assert not normalised.any()


def test_semicore_centroid_follows_the_atom_and_ignores_the_valence_band():
    # two atoms, each with one pure semicore state; a valence state shared by both
    energies = np.array([[[-21.0, -20.0, -2.0, 1.0]]])
    filling = np.array([[[1.0, 1.0, 1.0, 0.0]]])
    weights = np.zeros((1, 1, 4, 2, 3))
    weights[0, 0, 0, 0, 0] = 1.0
    weights[0, 0, 1, 1, 0] = 1.0
    weights[0, 0, 2, :, 1] = 0.5
    assert semicore_centroids(energies, filling, weights) == [-21.0, -20.0]


def test_an_atom_without_semicore_states_has_no_centroid():
    energies = np.array([[[-21.0, -2.0]]])
    filling = np.ones((1, 1, 2))
    weights = np.zeros((1, 1, 2, 2, 3))
    weights[0, 0, 0, 0, 0] = weights[0, 0, 1, 1, 1] = 1.0
    assert semicore_centroids(energies, filling, weights) == [-21.0, None]
