"""Edges, participation numbers, orbital names and densities of states."""

import numpy as np
import pytest
from level_model import GAP, Model, P, dangling_lead, pristine

from peropass.analysis import levels as lv
from peropass.errors import AnalysisRefused


@pytest.mark.parametrize("n", [1, 2, 7])
def test_participation_number_counts_equal_shares(n):
    weights = np.zeros((9, 3))
    weights[:n, P] = 1 / n
    assert lv.participation_number(weights) == pytest.approx(n)


def test_participation_number_does_not_depend_on_the_sum_of_weights():
    weights = np.random.default_rng(0).random((6, 3))
    assert lv.participation_number(weights) == pytest.approx(lv.participation_number(0.3 * weights))


def test_edges_and_gap_of_the_model_slab():
    levels = lv.spectrum(pristine().record(), "soc")
    vbm, cbm = lv.host_edges(levels)
    assert cbm.energy_eV - vbm.energy_eV == pytest.approx(GAP)
    assert vbm.n_eff == pytest.approx(8)  # eight bromine atoms
    assert cbm.n_eff == pytest.approx(4)  # four lead atoms


def test_a_partly_filled_reference_is_refused():
    metal = Model()
    metal.add(1.0, 0.5, metal.spread("Pb", P))
    with pytest.raises(AnalysisRefused, match="no clean gap"):
        lv.host_edges(lv.spectrum(metal.record(), "soc"))


def test_orbital_difference_is_a_distance():
    """Zero for equal shares, two for disjoint ones, symmetric."""
    a, b = {("Pb", 1): 1.0}, {("Br", 1): 1.0}
    half = {("Pb", 1): 0.5, ("Br", 1): 0.5}
    assert lv.orbital_difference(a, a) == 0
    assert lv.orbital_difference(a, b) == 2
    assert lv.orbital_difference(a, half) == lv.orbital_difference(half, a) == 1


@pytest.mark.parametrize(
    ("symbol", "ell", "name"),
    [
        ("Pb", 1, "6p"),
        ("Pb", 0, "6s"),
        ("Pb", 2, "5d"),
        ("Bi", 1, "6p"),
        ("Br", 1, "4p"),
        ("I", 1, "5p"),
        ("Cs", 0, "6s"),
        ("Cs", 1, "5p"),
        ("Zn", 2, "3d"),
        ("O", 1, "2p"),
        ("H", 0, "1s"),
    ],
)
def test_valence_shells_have_their_textbook_names(symbol, ell, name):
    assert lv.shell(symbol, ell) == name


def test_layer_density_integrates_to_the_states():
    """Over all energies each listed state counts once: 12 spinors here, split by layer."""
    record = pristine().record()
    grid = np.linspace(-10, 10, 4001)
    layers = lv.projected_density(record, "soc", "layer", grid)
    assert sorted(layers) == [f"layer {n}" for n in (1, 2, 3, 4)]
    total = sum(layers.values()).sum() * (grid[1] - grid[0])
    assert total == pytest.approx(12, rel=1e-6)


def test_scalar_paired_states_count_twice():
    record = pristine().record()
    grid = np.linspace(-10, 10, 4001)
    totals = [
        sum(lv.projected_density(record, kind, "orbital", grid).values()).sum()
        for kind in ("scalar", "soc")
    ]
    assert totals[0] == pytest.approx(totals[1])


def test_a_dangling_level_shows_in_its_layer_and_orbital_only():
    record = dangling_lead(pristine(), 0.9).record()
    level = -3.0 + 0.9
    grid = np.array([level])
    layers = lv.projected_density(record, "soc", "layer", grid, width_eV=0.02)
    orbitals = lv.projected_density(record, "soc", "orbital", grid, width_eV=0.02)
    assert max(layers, key=lambda k: layers[k][0]) == "layer 1"
    assert max(orbitals, key=lambda k: orbitals[k][0]) == "Pb 6p"
    assert layers["layer 3"][0] == pytest.approx(0, abs=1e-6)


def test_shares_of_a_state_are_normalised_by_layer_and_by_orbital():
    """Three quarters on the lead of the top layer, a quarter on a bromine two layers below."""
    slab = pristine()
    slab.add(0.9, 0.0, 0.75 * slab.spread("Pb", P, [9]) + 0.25 * slab.spread("Br", 0, [4]))
    record = slab.record()
    levels = lv.spectrum(record, "soc")
    index = int(levels.index[np.argmin(abs(levels.energies_eV - (0.9 - 3.0)))])
    layers, orbitals = lv.state_shares(record, levels, index, 0, 0)
    assert list(layers.items())[:2] == [("layer 1", 0.75), ("layer 3", 0.25)]
    assert list(orbitals.items())[:2] == [("Pb 6p", 0.75), ("Br 4s", 0.25)]
    assert sum(layers.values()) == pytest.approx(1) == sum(orbitals.values())
