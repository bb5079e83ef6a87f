"""Bands as jobs on the toy engine: both tiers, what is missing, what is finished already."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.geometry import find_mic
from ase.io import read

from peropass.config import PROTOCOLS_FILE, MigrationSettings
from peropass.engine import jobs, migration_jobs
from peropass.engine.electronic import Setting, ToyEngine
from peropass.engine.jobs import Job
from peropass.engine.protocol import load_protocols
from peropass.records import (
    Address,
    BandRecord,
    CalculationRecord,
    HopRecord,
    Provenance,
    read_record,
)
from peropass.surfaces.hops import vacancy_hop

TOY = load_protocols(PROTOCOLS_FILE)["toy"]
LOOSE = {"images": 3, "fmax_eV_per_ang": 1.0}


def job(record: Path, relax: bool) -> Job:
    return Job(
        address=Address(campaign="c", protocol="toy", candidate="x"),
        protocol=TOY,
        record=record,
        role="slab",
        stage="relax" if relax else "migration",
        setting=Setting(slab=True, kpts=(1, 1, 1)),
        relax=relax,
    )


@pytest.fixture
def ends(tmp_path):
    """Two relaxed ends of a hop over 3 A, as the jobs before the band leave them."""
    slab = Atoms(
        "CsPbBr3",
        [(0, 0, 6), (3, 3, 6), (1.5, 3.0, 9.0), (4.5, 3.0, 9.1), (1.0, 0.1, 9.1)],
        cell=[6, 6, 24],
        pbc=(True, True, False),
    )
    slab.set_constraint(FixAtoms([0]))
    slab.set_array("fragment", np.zeros(5, int))
    found = {}
    for name, atoms in zip(("start", "end"), vacancy_hop(slab, 2, 3), strict=True):
        folder = tmp_path / name
        found[name] = jobs.run(atoms, job(folder / "relax.record.json", relax=True))
    hop = HopRecord(
        status="ok",
        toy=True,
        address=Address(campaign="c", protocol="toy"),
        provenance=Provenance(revision=1, physics_hash="synthetic"),
        element="Br",
        moved=2,
        distance_ang=3.0,
    )
    return migration_jobs.Ends(hop, found["start"], found["end"], tmp_path)


@pytest.mark.parametrize("tier", ["screen", "production"])
def test_a_band_has_a_barrier_above_both_ends_and_its_saddle_beside_it(ends, tier):
    band = job(ends.folder / "band.record.json", relax=False)
    record = migration_jobs.run(ends, band, MigrationSettings(tier=tier, **LOOSE))
    assert record.status == "ok", record.reason
    path = record.path
    difference = ends.end.energy.total_eV - ends.start.energy.total_eV
    # Forward minus reverse barrier is the energy of the reaction, whatever the path.
    assert path.barrier_eV - path.reverse_barrier_eV == pytest.approx(difference, abs=1e-4)
    assert len(path.lengths_ang) == 5
    saddle = read(ends.folder / record.structure.file)
    assert len(saddle) == record.structure.n_atoms == 4
    assert read_record(ends.folder / "band.record.json", BandRecord, allow_toy=True) == record


def test_a_finished_band_is_read_and_not_relaxed_again(ends, monkeypatch):
    band = job(ends.folder / "band.record.json", relax=False)
    first = migration_jobs.run(ends, band, MigrationSettings(**LOOSE))
    band.record.unlink()
    monkeypatch.setattr(ToyEngine, "evaluate", None)
    # Which rows have a hop is no part of how one is relaxed.
    again = migration_jobs.run(ends, band, MigrationSettings(rows=["other"], **LOOSE))
    assert again == first
    assert band.record.exists()


def test_an_end_that_failed_is_named(ends):
    failed = ends.end.model_copy(update={"status": "unconverged", "reason": "too many steps"})
    band = job(ends.folder / "band.record.json", relax=False)
    record = migration_jobs.run(replace(ends, end=failed), band, MigrationSettings(**LOOSE))
    assert record.status == "missing"
    assert "end: unconverged (too many steps)" in record.reason
    assert record.path is None


def test_an_ion_that_fell_back_has_no_band(ends):
    band = job(ends.folder / "band.record.json", relax=False)
    (ends.folder / "end" / ends.end.final.file).write_bytes(
        (ends.folder / "start" / ends.start.final.file).read_bytes()
    )
    record = migration_jobs.run(ends, band, MigrationSettings(**LOOSE))
    assert record.status == "failed"
    assert "same structure" in record.reason


def test_at_a_saddle_the_ion_moves_across_its_path_only(ends):
    band = job(ends.folder / "band.record.json", relax=False)
    settings = MigrationSettings(tier="screen", images=3, fmax_eV_per_ang=0.5)
    migration_jobs.run(ends, band, settings)
    record = read_record(ends.folder / "saddle.record.json", CalculationRecord, allow_toy=True)
    before, after = (read(ends.folder / ref.file) for ref in (record.initial, record.final))
    moves = after.positions - before.positions
    assert np.flatnonzero(np.linalg.norm(moves, axis=1) < 1e-6).tolist() == [0]  # frozen
    images = read(next(ends.folder.rglob("band.extxyz")), index=":")
    top = 1 + int(np.argmax([image.get_potential_energy() for image in images[1:-1]]))
    ion = ends.hop.moved
    along, _ = find_mic(
        images[top + 1].positions[ion] - images[top - 1].positions[ion], after.cell, after.pbc
    )
    assert abs(moves[ion] @ along) / np.linalg.norm(along) < 1e-5
    assert np.linalg.norm(moves[ion]) > 1e-3
    unrelaxed = jobs.run(before, job(ends.folder / "point" / "point.record.json", relax=False))
    assert record.energy.total_eV < unrelaxed.energy.total_eV
    (push,) = (check for check in record.checks if check.name == "force across the plane")
    assert push.passed
