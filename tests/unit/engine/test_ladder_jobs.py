"""A rung changes one setting of one side and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from peropass.config import PROTOCOLS_FILE
from peropass.engine import ladder_jobs
from peropass.engine.protocol import load_protocols
from peropass.surfaces.hosts import load_host
from peropass.surfaces.slabs import build_slab

PROTOCOLS = load_protocols(PROTOCOLS_FILE)
SMOKE = PROTOCOLS["smoke"]


@pytest.fixture(scope="module")
def start():
    slab = build_slab(
        load_host("CsPbBr3-cubic"), "001-CsX", a_ang=5.9, lateral="sqrt2", layers=3, height_ang=22.0
    )
    molecule = Atoms("KBr", [(5, 5, 3.6), (5, 5, 6.4)], cell=[10.0] * 3, pbc=True)
    return ladder_jobs.Start(slab, slab, molecule, (1, 1, 1), 4.0, 5.9, 3)


def by_name(start, ladder, rung):
    return {p.species: p for p in ladder_jobs.points(start, SMOKE, ladder, rung)}


@pytest.mark.parametrize(
    ("ladder", "rung"),
    [
        ("cutoff", 300),
        ("k_points", 1),
        ("relaxed_mesh", 1),
        ("vacuum", 0),
        ("box", 4),
        ("layers", 3),
        ("copies", 1),
    ],
)
def test_the_first_rung_is_the_campaign_itself(start, ladder, rung):
    found = by_name(start, ladder, rung)
    assert found["loaded"].atoms == start.loaded
    assert np.array_equal(found["molecule"].atoms.positions, start.molecule.positions)
    assert {p.protocol.settings_hash for p in found.values()} == {SMOKE.settings_hash}
    assert found["socket"].setting.kpts == (1, 1, 1)
    assert not any(point.relax for point in found.values())


def test_the_cutoff_changes_for_all_three(start):
    found = by_name(start, "cutoff", 450)
    assert {p.protocol.energy.ecut_eV for p in found.values()} == {450}


def test_k_points_change_for_slabs_alone(start):
    found = by_name(start, "k_points", 2)
    assert found["loaded"].setting.kpts == found["socket"].setting.kpts == (2, 2, 1)
    assert found["molecule"].setting.kpts == (1, 1, 1)


def test_slabs_are_relaxed_again_on_the_finer_mesh_and_molecules_are_not(start):
    found = by_name(start, "relaxed_mesh", 2)
    fixed = by_name(start, "k_points", 2)
    assert {name: point.relax for name, point in found.items()} == {
        "loaded": True, "socket": True, "molecule": False,
    }  # fmt: skip
    for name, point in found.items():
        assert point.setting == fixed[name].setting
        assert (
            ladder_jobs.record_of(point, Path("p")) == ladder_jobs.record_of(fixed[name], Path("p"))
        ) is not point.relax


def test_vacuum_grows_above_the_slab(start):
    found = by_name(start, "vacuum", 4)["loaded"].atoms
    assert found.cell.lengths()[2] == pytest.approx(26)
    assert np.array_equal(found.positions, start.loaded.positions)


def test_the_box_grows_on_all_sides(start):
    found = by_name(start, "box", 6)["molecule"].atoms
    assert found.cell.lengths() == pytest.approx([14] * 3)
    assert found.positions.mean(0) == pytest.approx(start.molecule.positions.mean(0) + 2)
    assert found.get_distance(0, 1) == pytest.approx(start.molecule.get_distance(0, 1))


def test_layers_are_added_to_both_slabs(start):
    found = by_name(start, "layers", 5)
    assert len(found["loaded"].atoms) == len(found["socket"].atoms) == len(start.socket) + 10


def test_two_copies_are_the_same_crystal_in_a_cell_of_twice_the_area(start):
    """Every atom keeps its surroundings, and the mesh is that of the larger cell's Gamma point."""
    point = by_name(start, "copies", 2)["loaded"]
    once, twice = start.loaded, point.atoms
    assert point.copies == 2
    assert point.setting.kpts == (1, 1, 1)
    assert len(twice) == 2 * len(once)
    assert twice.cell.lengths() == pytest.approx(once.cell.lengths() * [2**0.5, 2**0.5, 1])
    assert twice.cell.angles() == pytest.approx([90] * 3)
    assert abs(twice.cell.array[0, 1]) < 1e-9  # along x, as the builder makes slabs
    apart = [np.sort(neighbor_list("d", atoms, 5.0)) for atoms in (once, twice)]
    assert np.repeat(apart[0], 2) == pytest.approx(apart[1])
    assert by_name(start, "copies", 2)["molecule"].copies == 1
