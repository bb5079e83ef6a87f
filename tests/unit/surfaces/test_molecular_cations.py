"""Molecular A cations: they come in by the same door as Cs, count once, and leave whole."""

import numpy as np
import pytest
from ase import Atoms

from peropass.errors import InputError
from peropass.surfaces.defects import make_site
from peropass.surfaces.hosts import bulk, load_host
from peropass.surfaces.molecular_cations import make_cation_alloy
from peropass.surfaces.neighbours import ion_roles
from peropass.surfaces.slabs import build_slab


@pytest.fixture(scope="module")
def formamidinium_slab():
    host = load_host("FAPbI3-cubic")
    return build_slab(host, "001-CsX", a_ang=host.pseudocubic_ang, layers=3, height_ang=30)


def test_bulk_has_one_cation_per_formula_unit():
    """FAPbI3: HC(NH2)2 is C N2 H5."""
    cell = bulk(load_host("FAPbI3-cubic"))
    assert cell.symbols.formula.count() == {"Pb": 1, "I": 3, "N": 2, "C": 1, "H": 5}
    assert sorted(role for role in ion_roles(cell) if role != "-") == ["A", "B", "X", "X", "X"]


def test_slab_is_frozen_with_whole_cations(formamidinium_slab):
    """sqrt2, three layers: A4 B2 X8, two A of them in the frozen layer of A2 X2."""
    slab = formamidinium_slab
    assert slab.symbols.formula.count() == {"Pb": 2, "I": 8, "N": 8, "C": 4, "H": 20}
    fixed = slab.constraints[0].get_indices()
    assert len(fixed) == 2 * 8 + 2
    assert set(slab.arrays["layer"][fixed]) == {3}


@pytest.mark.parametrize(("site", "lost"), [("V-Cs", 8), ("V-CsX", 9), ("V-X", 1)])
def test_a_vacancy_takes_the_whole_cation(formamidinium_slab, site, lost):
    made = make_site(formamidinium_slab, site)
    assert len(formamidinium_slab) - len(made.atoms) == lost
    assert len(made.holes["A-hole"]) == (site != "V-X")


def test_alloy_of_an_element_and_a_molecule(host):
    cell = bulk(host, 5.98).repeat((2, 2, 1))
    rod = Atoms("CN", positions=[[0, 0, 0], [1.5, 0, 0]])
    made = make_cation_alloy(cell, {"Cs": 0.5, "MA": 0.5}, {"MA": rod}, a_ang=5.98)
    assert made.symbols.formula.count() == {"Cs": 2, "Pb": 4, "Br": 12, "C": 2, "N": 2}
    assert np.sum(ion_roles(made) == "A") == 4
    for n in (1, 2):
        middle = made.positions[made.arrays["cation"] == n].mean(axis=0)
        gaps = np.linalg.norm(cell.positions[cell.symbols == "Cs"] - middle, axis=1)
        assert gaps.min() == pytest.approx(0, abs=1e-9)


def test_unknown_cation_is_named(host):
    with pytest.raises(InputError, match="XYZ"):
        make_cation_alloy(bulk(host), {"XYZ": 1.0}, {}, a_ang=5.98)
