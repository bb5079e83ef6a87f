"""Pockets of the A hole: where they lie, for whom, and where known minima of alkali bromides lie relative to them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from peropass.chemistry.model import Anchor
from peropass.surfaces.defects import make_site
from peropass.surfaces.neighbours import minimum_image
from peropass.surfaces.pockets import POCKET, pockets_of, smaller_by_ang
from peropass.surfaces.poses import generate_poses
from tests.unit.surfaces.conftest import ANION, CATION, ion, model

ROOT = Path(__file__).resolve().parents[3]
SECOND = ROOT / "results/reference/second-minimum/smoke/CsPbBr3-cubic/001-CsX"
CS = 55


def halide_distances(atoms, place):
    vectors = minimum_image(atoms.positions[atoms.numbers == 35] - place, atoms.cell.array)
    return np.sort(np.linalg.norm(vectors, axis=1))


def test_on_the_ideal_face_four_places_that_the_fourfold_axis_maps_together(ideal):
    holes = make_site(ideal, "V-Cs").holes
    (hole,) = holes["A-hole"]
    places = pockets_of(ideal, hole)
    assert places.shape == (4, 3)
    offsets = places - hole
    assert np.linalg.norm(offsets[:, :2], axis=1) == pytest.approx(0.7)
    assert offsets[:, 2] == pytest.approx(0.0)
    turned = offsets @ np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    for offset in turned:
        assert np.linalg.norm(offsets - offset, axis=1).min() < 1e-6
    # between two halides of the outer layer, not towards one: at (a/2, a/2) from the centre, so both are equally far
    a = 5.98
    expected = np.hypot(a / 2, a / 2 - 0.7)
    for place in places:
        assert halide_distances(ideal, place)[:2] == pytest.approx(expected, abs=1e-3)


def test_the_place_of_the_a_ion_itself_is_no_pocket():
    """On the relaxed face Cs sits 0.9 A off the centre, in one of the four."""
    slab = read(SECOND / "pristine/none/none/relax.final.extxyz")
    site = make_site(slab, "V-CsX")
    (hole,) = site.holes["A-hole"]
    places = pockets_of(site.atoms, hole)
    assert len(places) == 3
    assert np.linalg.norm(places - hole, axis=1).min() > 0.5


@pytest.mark.parametrize("row", ["kx", "nax", "lix", "rbx"])
def test_known_minima_of_small_ions_lie_in_a_pocket(row):
    """Found by other means (docs/engine.md): nearer to a pocket than to the centre, with four bromides around."""
    slab = read(SECOND / f"V-CsX/{row}/k0/relax.final.extxyz")
    small = slab.positions[np.isin(slab.numbers, [3, 11, 19, 37])][0]
    distances = halide_distances(slab, small)
    assert distances[3] - distances[0] < 0.25
    assert distances[4] - distances[3] > 0.5
    centre = 0.5 * (slab.cell.array[0] + slab.cell.array[1])
    hole = np.array([centre[0], centre[1], small[2]])
    places = pockets_of(slab, hole)
    assert np.linalg.norm(places - small, axis=1).min() < 0.6
    assert np.linalg.norm(hole - small) > 0.6


def test_only_single_ions_of_one_charge_that_are_smaller_than_the_a_ion(ma_bromide):
    """Shannon 1976, twelve neighbours: Cs 1.88, Rb 1.72, K 1.64, Na 1.39 A."""
    for symbol, smaller in (("Rb", 0.16), ("K", 0.24), ("Na", 0.49), ("Cs", 0.0)):
        assert smaller_by_ang(ion(symbol, 1, CATION), CS) == pytest.approx(smaller, abs=1e-6)
    assert smaller_by_ang(ion("Zn", 2, CATION), CS) == 0
    assert smaller_by_ang(ma_bromide.parts[0], CS) == 0


def test_one_pose_per_pocket_however_many_ways_the_anion_can_turn(socket, water):
    """A partner with a shape is sampled in many orientations; each of them in each pocket would be a hundred poses."""
    hydroxide = replace(
        water.parts[0], charge=-1, role="anion", anchors=(Anchor("O0", (0,), ANION),)
    )
    salt = model("salt", "Z-type", [ion("K", 1, CATION), hydroxide])
    without = generate_poses(socket.atoms, socket.holes, salt, n=4, seed=1).poses
    beside = generate_poses(socket.atoms, socket.holes, salt, n=4, seed=1, pockets=True).poses
    places = [pose.atoms.positions[-4] for pose in beside if pose.motif == POCKET]
    assert 2 <= len(places) <= 4
    assert len(beside) == len(without) + len(places)
    assert len({tuple(place.round(2)) for place in places}) == len(places)


@pytest.mark.parametrize(("symbol", "more"), [("K", True), ("Cs", False)])
def test_pockets_come_on_top_of_the_poses_that_are_there_without(socket, symbol, more):
    salt = model("salt", "Z-type", [ion(symbol, 1, CATION), ion("Br", -1, ANION)])
    without = generate_poses(socket.atoms, socket.holes, salt, n=4, seed=1).poses
    beside = generate_poses(socket.atoms, socket.holes, salt, n=4, seed=1, pockets=True).poses
    assert [pose.motif for pose in beside[: len(without)]] == [pose.motif for pose in without]
    added = beside[len(without) :]
    assert {pose.motif for pose in added} == ({POCKET} if more else set())
    for pose in added:
        sunk = socket.holes["A-hole"][0][2] - pose.atoms.positions[-2, 2]
        assert sunk == pytest.approx(0.24)
        assert pose.atoms.positions[-1] == pytest.approx(socket.holes["X-hole"][0])
