"""Defects: what leaves, what stays, where the holes are, before and after relaxation."""

import numpy as np
import pytest

from peropass.errors import InputError
from peropass.surfaces.defects import defect_variants, locate_holes, make_site, read_site
from peropass.surfaces.hosts import load_host
from peropass.surfaces.slabs import build_slab

# change of (Cs, Pb, Br) by site name
CHANGES = {
    "pristine": (0, 0, 0),
    "V-X": (0, 0, -1),
    "V-Cs": (-1, 0, 0),
    "V-Pb": (0, -1, 0),
    "V-CsX": (-1, 0, -1),
    "V-PbX2": (0, -1, -2),
    "Cs-Pb": (1, -1, 0),
    "Pb-X": (0, 1, -1),
    "ad-X": (0, 0, 1),
    "ad-Pb": (0, 1, 0),
    "Bi-Pb": (0, -1, 0),
    "Bi-Pb-V-Cs": (-1, -1, 0),
    "Sr-Pb": (0, -1, 0),
}


@pytest.mark.parametrize("site", CHANGES)
def test_composition_changes_as_named(slab, site):
    before = slab.symbols.formula.count()
    after = make_site(slab, site).atoms.symbols.formula.count()
    found = tuple(after[s] - before[s] for s in ("Cs", "Pb", "Br"))
    assert found == CHANGES[site]
    if site.startswith("Bi"):
        assert after["Bi"] == 1


def test_socket_opens_neighbouring_holes_and_one_pb(slab, socket):
    """A and X holes a/sqrt2 apart; the exposed Pb lies a/2 below the X hole."""
    (a_hole,), (x_hole,), (lead,) = (socket.holes[k] for k in ("A-hole", "X-hole", "Pb"))
    shift = x_hole - a_hole
    shift -= slab.cell.array[0] * np.round(shift[0] / slab.cell[0, 0])
    shift -= slab.cell.array[1] * np.round(shift[1] / slab.cell[1, 1])
    assert np.linalg.norm(shift) == pytest.approx(5.98 / 2**0.5, abs=0.15)
    assert x_hole - lead == pytest.approx([0, 0, 2.99], abs=0.15)
    assert sorted(symbol for symbol, _ in socket.removed) == ["Br", "Cs"]


def test_only_the_top_face_changes(slab, socket):
    for site in ("V-CsX", "V-PbX2", "Bi-Pb"):
        atoms = make_site(slab, site).atoms
        bottom = slab.arrays["layer"] == 3
        kept = atoms.arrays["layer"] == 3
        assert np.allclose(atoms.positions[kept], slab.positions[bottom])
    assert len(socket.atoms.constraints[0].get_indices()) == 4


def test_pristine_ideal_multiplicities(ideal):
    """One kind of each vacancy on p4mm; each of 2 A ions has 4 nearest X: 8 pair vacancies."""
    counts = {
        site: [n for _, n in defect_variants(ideal, read_site(site, ideal))]
        for site in ("V-X", "V-Cs", "V-CsX", "V-PbX2")
    }
    assert counts["V-X"] == [2]
    assert counts["V-Cs"] == [2]
    # in the sqrt2 cell the four nearest X of an A ion are images of the two X of the cell
    assert counts["V-CsX"] == [4]
    assert counts["V-PbX2"] == [8]


def test_tilted_pb_face_takes_the_near_pairs():
    """The tilt splits the four X over an A ion into two near and two far: 4 A with 2 near X each."""
    host = load_host("CsPbBr3-cubic")
    slab = build_slab(host, "001-PbX2", a_ang=5.98, lateral="2x2", layers=5, height_ang=40)
    ((choice, multiplicity),) = defect_variants(slab, read_site("V-CsX", slab))
    assert multiplicity == 8
    near = slab.get_distance(*choice, mic=True)
    halides = np.flatnonzero(slab.symbols == "Br")
    assert near == pytest.approx(slab.get_distances(choice[0], halides, mic=True).min(), abs=0.1)


@pytest.mark.parametrize("site", ["V-X", "V-Cs", "V-CsX", "V-PbX2", "Bi-Pb-V-Cs", "Cs-Pb", "ad-X"])
def test_holes_are_found_again_after_relaxation(slab, site):
    made = make_site(slab, site)
    relaxed = made.atoms.copy()
    free = np.setdiff1d(np.arange(len(relaxed)), relaxed.constraints[0].get_indices())
    relaxed.positions[free] += np.random.default_rng(1).normal(scale=0.2, size=(len(free), 3))
    found = locate_holes(relaxed, slab)
    for kind in ("A-hole", "X-hole", "B-hole"):
        assert found[kind] == pytest.approx(made.holes[kind]), kind


def test_deep_dopant_sits_in_the_next_layer(host):
    slab = build_slab(host, "001-CsX", a_ang=5.98, layers=5, height_ang=40)
    layers = {}
    for site in ("Sr-Pb", "Sr-Pb-deep"):
        atoms = make_site(slab, site).atoms
        layers[site] = int(atoms.arrays["layer"][atoms.symbols == "Sr"][0])
    assert layers == {"Sr-Pb": 2, "Sr-Pb-deep": 4}


@pytest.mark.parametrize("site", ["V-Q", "V-CsCs", "vacancy", "ad-", "Xx-Pb", "V-X-"])
def test_unknown_sites_are_refused(slab, site):
    with pytest.raises(InputError, match="allowed"):
        make_site(slab, site)


def test_other_hosts_use_their_own_names():
    host = load_host("CsSnI3-cubic")
    slab = build_slab(host, "001-CsX", a_ang=6.2, layers=3, height_ang=30)
    for name in ("V-SnX2", "V-PbX2", "V-SnI2"):
        atoms = make_site(slab, name).atoms
        assert len(slab) - len(atoms) == 3


@pytest.mark.parametrize(("site", "n_halides"), [("V-X2", 2), ("V-X3", 3), ("V-Cs2X2", 2)])
@pytest.mark.parametrize("termination", ["001-CsX", "001-PbX2"])
def test_several_halides_leave_one_lead(host, termination, site, n_halides):
    """All vacated places of halides are bond lengths away from one and the same lead ion."""
    whole = build_slab(host, termination, a_ang=5.98, layers=3, height_ang=30)
    made = make_site(whole, site)
    assert len(made.removed) == len(whole) - len(made.atoms)
    places = [place for symbol, place in made.removed if symbol == "Br"]
    assert len(places) == n_halides
    leads = whole.positions[whole.symbols == "Pb"]
    gaps = leads[:, None] - np.array(places)[None]
    fraction = gaps @ np.linalg.inv(whole.cell.array)
    gaps -= np.round(fraction[..., :2]) @ whole.cell.array[:2]
    assert (np.linalg.norm(gaps, axis=-1).max(axis=1) < 3.4).any()


def test_an_antisite_and_its_vacancy_are_two_ions(host):
    """Pb on Cs beside a Cs vacancy: both replace A ions, and never the same one."""
    whole = build_slab(host, "001-CsX", a_ang=5.98, layers=3, height_ang=30)
    made = make_site(whole, "Pb-Cs-V-Cs").atoms
    before, after = whole.symbols.formula.count(), made.symbols.formula.count()
    assert [after[s] - before[s] for s in ("Cs", "Pb", "Br")] == [-2, 1, 0]
