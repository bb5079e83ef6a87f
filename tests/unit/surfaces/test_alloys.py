"""Alloys: counts, determinism, and correlations near those of a random alloy."""

import numpy as np
import pytest

from peropass.errors import InputError
from peropass.surfaces.alloys import alloy_counts, enumerate_alloys, make_alloy, make_host_alloy
from peropass.surfaces.hosts import bulk, load_host
from peropass.surfaces.slabs import build_slab


@pytest.mark.parametrize(
    ("sites", "fractions", "counts"),
    [
        (3, {"Br": 2 / 3, "Cl": 1 / 3}, {"Br": 2, "Cl": 1}),
        (8, {"Br": 0.6667, "I": 0.3333}, {"Br": 5, "I": 3}),
        (4, {"Cs": 1.0, "Rb": 0.0}, {"Cs": 4, "Rb": 0}),
    ],
)
def test_counts_are_whole_and_nearest(sites, fractions, counts):
    assert alloy_counts(sites, fractions) == counts


def test_fractions_must_add_up():
    with pytest.raises(InputError, match="add up to 1"):
        alloy_counts(4, {"Br": 0.5, "Cl": 0.4})


def test_mixed_halide_slab(host):
    mixed = load_host("CsPbBr2Cl-cubic")
    slabs = [
        build_slab(mixed, "001-CsX", a_ang=5.78, lateral="2x2", layers=3, height_ang=30)
        for _ in range(2)
    ]
    assert (slabs[0].symbols == slabs[1].symbols).all()
    assert slabs[0].symbols.formula.count() == {"Cs": 8, "Pb": 4, "Br": 11, "Cl": 5}
    assert set(slabs[0].symbols[slabs[0].arrays["ion"] == "X"]) == {"Br", "Cl"}


def test_quasirandom_cell_mixes_neighbours():
    """Nearest-neighbour Cl fraction around Cl in a random 1/3 alloy is 1/3; clustered ones reach 1."""
    mixed = load_host("CsPbBr2Cl-cubic")
    parent = bulk(mixed, 5.8).repeat((3, 3, 2))
    cell = make_host_alloy(mixed, parent, a_ang=5.8, seed=1)
    halides = cell[cell.arrays["ion"] == "X"]
    distances = halides.get_all_distances(mic=True)
    near = (distances > 0.1) & (distances < 1.05 * 5.8 / 2**0.5)
    chlorine = np.array(halides.get_chemical_symbols()) == "Cl"
    share = (near & chlorine[None] & chlorine[:, None]).sum() / (near & chlorine[:, None]).sum()
    assert share == pytest.approx(1 / 3, abs=0.1)


def test_b_site_alloy_keeps_everything_else(ideal):
    alloy = make_alloy(ideal, "B", {"Pb": 0.5, "Sn": 0.5}, a_ang=5.98)
    assert alloy.symbols.formula.count() == {"Cs": 4, "Br": 8, "Pb": 1, "Sn": 1}
    assert np.array_equal(alloy.positions, ideal.positions)
    assert np.array_equal(alloy.arrays["layer"], ideal.arrays["layer"])


def test_enumeration_of_one_perovskite_cell(host):
    """Three equivalent X of one cell with two kinds: 0, 1, 2 or 3 exchanged, one structure each."""
    found = enumerate_alloys(bulk(host), "X", ("Br", "Cl"), [1])
    assert sorted(atoms.symbols.formula.count().get("Cl", 0) for atoms in found) == [0, 1, 2, 3]
