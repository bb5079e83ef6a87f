"""Bulk cells of dopants: content, regular tilted octahedra, volumes, and pairs beside a dopant on a slab."""

from collections import Counter

import numpy as np
import pytest

from peropass.errors import InputError
from peropass.surfaces.defects import make_site
from peropass.surfaces.doped_bulk import CELLS, doped_supercell, host_supercell, strained
from peropass.surfaces.hosts import load_host
from peropass.surfaces.slabs import build_slab

A_ANG = 5.908


@pytest.fixture(scope="module")
def cubic():
    return load_host("CsPbBr3-cubic")


@pytest.mark.parametrize("name", CELLS)
def test_octahedra_are_turned_and_stay_regular(cubic, name):
    """Volume and content of whole cubic cells; six B-X bonds near half the lattice constant, none of them on an ideal place."""
    cell = host_supercell(cubic, A_ANG, name)
    units = round(abs(np.linalg.det(CELLS[name])))
    assert cell.get_volume() == pytest.approx(units * A_ANG**3)
    assert len(cell) == 5 * units
    ion = cell.arrays["ion"]
    distances = np.sort(cell.get_all_distances(mic=True)[np.ix_(ion == "B", ion == "X")], axis=1)
    assert np.abs(distances[:, :6] - A_ANG / 2).max() < 0.12
    if units == 8:
        neighbours = np.argsort(cell.get_all_distances(mic=True)[ion == "X"][:, ion == "B"], axis=1)
        metals = np.flatnonzero(ion == "B")
        angles = [
            cell.get_angle(metals[a], x, metals[b], mic=True)
            for x, (a, b) in zip(np.flatnonzero(ion == "X"), neighbours[:, :2], strict=True)
        ]
        assert 150 < np.mean(angles) < 170  # 180 on the saddle


def test_the_start_is_the_same_on_every_call(cubic):
    one, other = (host_supercell(cubic, A_ANG, "sqrt2x2") for _ in range(2))
    assert np.array_equal(one.positions, other.positions)


@pytest.mark.parametrize(
    ("site", "change"),
    [
        ("Sr-Pb", {"Pb": -1, "Sr": 1}),
        ("Bi-Pb-V-Cs", {"Pb": -1, "Bi": 1, "Cs": -1}),
        ("Ag-Pb-V-X", {"Pb": -1, "Ag": 1, "Br": -1}),
    ],
)
def test_doped_cells_change_as_named_and_stay_neutral(cubic, site, change):
    undoped = host_supercell(cubic, A_ANG, "sqrt2x2")
    doped = doped_supercell(undoped, site)
    before, after = (Counter(a.get_chemical_symbols()) for a in (undoped, doped))
    found = {s: after[s] - before[s] for s in before | after}
    assert {s: n for s, n in found.items() if n} == change
    charges = {"Cs": 1, "Pb": 2, "Br": -1, "Sr": 2, "Bi": 3, "Ag": 1}
    assert sum(charges[s] for s in doped.symbols) == 0


def test_a_strain_scales_the_lattice_constants(cubic):
    cell = host_supercell(cubic, A_ANG, "sqrt2x2")
    made = strained(cell, 0.01)
    assert made.get_volume() / cell.get_volume() == pytest.approx(1.01**3)
    assert made.get_scaled_positions() == pytest.approx(cell.get_scaled_positions())


def test_unknown_cells_and_tilted_hosts_are_refused(cubic):
    with pytest.raises(InputError, match="sqrt2x2, 2x2x2"):
        host_supercell(cubic, A_ANG, "3x3x3")
    with pytest.raises(InputError, match="a cubic host"):
        host_supercell(load_host("CsPbBr3-ortho"), A_ANG, "sqrt2x2")


@pytest.mark.parametrize("termination", ["001-CsX", "001-PbX2"])
def test_the_pair_next_to_a_dopant_is_bonded_to_it(cubic, termination):
    slab = build_slab(cubic, termination, a_ang=A_ANG, lateral="2x2", height_ang=26, tilt=False)
    site = make_site(slab, "Sr-Pb-V-CsX")
    (_, metal), (_, caesium), (_, halide) = site.removed
    cell = slab.cell.array

    def apart(one, other):
        gap = (one - other) @ np.linalg.inv(cell)
        return np.linalg.norm((gap - np.round(gap) * [1, 1, 0]) @ cell)

    assert [symbol for symbol, _ in site.removed] == ["Pb", "Cs", "Br"]
    assert apart(metal, halide) == pytest.approx(A_ANG / 2, abs=0.05)
    assert apart(caesium, halide) == pytest.approx(A_ANG / np.sqrt(2), abs=0.05)
    with pytest.raises(InputError):
        make_site(slab, "Sr-Pb-V-X2")
