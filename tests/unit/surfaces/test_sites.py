"""Sites counted against the symmetry group of the ideal slab."""

import numpy as np
import pytest

from peropass.surfaces.hosts import load_host
from peropass.surfaces.neighbours import minimum_image
from peropass.surfaces.sites import find_sites, surface_operations
from peropass.surfaces.slabs import build_slab


def ideal_slab(termination, lateral="sqrt2"):
    host = load_host("CsPbBr3-cubic")
    return build_slab(
        host, termination, a_ang=6.0, lateral=lateral, layers=5, height_ang=40, tilt=False
    )


def stabiliser(slab, site):
    """Number of operations of the top face that leave a site where it is."""
    moved = [r @ site.position + t - site.position for r, t in surface_operations(slab)]
    return int(
        (np.linalg.norm(minimum_image(np.array(moved), slab.cell.array), axis=1) < 1e-3).sum()
    )


@pytest.mark.parametrize("lateral", ["sqrt2", "2x2"])
@pytest.mark.parametrize("termination", ["001-CsX", "001-PbX2"])
def test_orbit_times_stabiliser_is_the_group(termination, lateral):
    """Orbit-stabiliser theorem, for every site of the ideal slab."""
    slab = ideal_slab(termination, lateral)
    order = len(surface_operations(slab))
    for site in find_sites(slab):
        assert site.multiplicity * stabiliser(slab, site) == order, site.kind


def test_group_of_the_top_face():
    """p4mm has 8 operations per pseudo-cubic cell; a cell of 2 (4) units has 16 (32)."""
    assert len(surface_operations(ideal_slab("001-CsX"))) == 16
    assert len(surface_operations(ideal_slab("001-CsX", "2x2"))) == 32


def test_sites_of_the_cs_face():
    """Per pseudo-cubic cell one A and one apical X; A keeps 8 of 12 and X 5 of 6 neighbours."""
    sites = {site.kind: site for site in find_sites(ideal_slab("001-CsX"))}
    assert set(sites) == {"A-top", "X-top", "bridge"}
    assert (sites["A-top"].multiplicity, sites["A-top"].coordination) == (2, 8)
    assert (sites["X-top"].multiplicity, sites["X-top"].coordination) == (2, 5)


def test_sites_of_the_pb_face():
    """Every Pb of the BX2 face is exposed, five-coordinate, with one X hole above it."""
    slab = ideal_slab("001-PbX2")
    sites = {site.kind: site for site in find_sites(slab)}
    assert (sites["Pb"].multiplicity, sites["Pb"].coordination) == (2, 5)
    assert sites["X-top"].multiplicity == 4
    hole = sites["X-hole"]
    assert hole.position - slab.positions[hole.atoms[0]] == pytest.approx([0, 0, 3.0])
    assert sites["A-hole"].position[2] == pytest.approx(slab.positions[:, 2].max() + 3.0)


def test_tilt_halves_the_group_and_keeps_the_sites(slab):
    kinds = {site.kind: site.multiplicity for site in find_sites(slab)}
    assert kinds == {"A-top": 2, "X-top": 2, "bridge": 4}
    assert len(surface_operations(slab)) == 8


@pytest.mark.parametrize("termination", ["110-CsX", "001-CsX"])
def test_tilted_phase_shows_only_the_top_layer(termination):
    """4 A and 4 X in the top layer of a 2x2 cell, whatever the tilts do to coordination numbers."""
    host = load_host("CsPbI3-ortho")
    slab = build_slab(
        host, termination, a_ang=6.19, lateral="2x2", layers=5, height_ang=40, tilt=False
    )
    totals = {}
    for site in find_sites(slab):
        totals[site.kind] = totals.get(site.kind, 0) + site.multiplicity
    assert (totals["A-top"], totals["X-top"]) == (4, 4)


def test_relaxed_face_keeps_its_sites(slab):
    """PBE relaxes Cs of the face by 0.25 A inwards, and two of its lower halides away under the tilt."""
    relaxed = slab.copy()
    relaxed.set_constraint()
    top = (relaxed.arrays["layer"] == 1) & (relaxed.symbols == "Cs")
    relaxed.positions[top, 2] -= 0.25
    found = {site.kind: site.multiplicity for site in find_sites(relaxed)}
    assert found == {"A-top": 2, "X-top": 2, "bridge": 4}


@pytest.mark.parametrize("termination", ["110-PbX2", "001-PbX2"])
def test_tilted_pb_face_has_a_hole_per_a_site(termination):
    host = load_host("CsPbI3-ortho")
    slab = build_slab(host, termination, a_ang=6.19, lateral="2x2", layers=5, height_ang=40)
    holes = [site for site in find_sites(slab) if site.kind == "A-hole"]
    assert sum(site.multiplicity for site in holes) == 4
