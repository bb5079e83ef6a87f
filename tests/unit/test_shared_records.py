"""Records and analyses that candidates share: read once, read anew when the file changed, and the same as unshared ones."""

import os

import numpy as np
import pytest

from peropass import gather
from peropass.analysis.distortion import CleanSlab, SlabGeometry, measure
from peropass.config import CandidateSettings
from peropass.records import Address, Provenance, ThermoRecord, write_record
from peropass.shared_records import shared_record, shared_verdicts

META = {"role": "candidate", "coverage": 0.5}


def thermo(mass_u):
    return ThermoRecord(
        status="ok",
        address=Address(campaign="synthetic", protocol="smoke"),
        provenance=Provenance(revision=1, physics_hash="synthetic"),
        species="KBr(g)",
        smiles="[K+].[Br-]",
        method="synthetic",
        mass_u=mass_u,
    )


def test_a_record_is_read_once_until_its_file_changes(tmp_path):
    file = write_record(thermo(119.0), tmp_path / "thermo.record.json")
    first = shared_record(file, ThermoRecord)
    assert shared_record(file, ThermoRecord) is first
    write_record(thermo(120.0), file)  # equal size: the time of the change tells
    os.utime(file, ns=(1, 1))
    assert shared_record(file, ThermoRecord).mass_u == 120.0


def test_a_record_that_is_absent_is_none(tmp_path):
    assert shared_record(tmp_path / "thermo.record.json", ThermoRecord) is None
    assert shared_verdicts(tmp_path / "a.json", tmp_path / "b.json") is None


def test_sizes_of_a_row_come_from_the_record_of_its_poses(monkeypatch):
    """Nothing is built where the record has descriptors; an older record without them has its model built."""
    row = CandidateSettings(ligand="kx")
    entry, plan = gather._library().entry("kx"), gather._on_paper(row, "Br")
    monkeypatch.setattr(gather, "build_model", lambda *_, **__: pytest.fail("built"))
    sizes = {"chain_length_ang": 1.5, "footprint_ang2": 20.25}
    facts = gather._facts(entry, row, plan, "Br", META, sizes)
    assert (facts.chain_length_ang, facts.footprint_ang2) == (1.5, 20.25)
    monkeypatch.undo()
    older = gather._facts(entry, row, plan, "Br", META, {})
    assert older.chain_length_ang == 0.0  # a bare ion has no chain


def test_a_clean_slab_measured_once_is_the_clean_slab():
    """A regular octahedron against itself, however it is handed over: no distortion, no shift, none broken."""
    half = 2.8
    positions = half * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]], float)
    slab = SlabGeometry(
        ("Pb", "Cl", "Cl", "Cl", "Cl"),
        np.array(["B", "X", "X", "X", "X"]),
        positions,
        np.diag([2 * half, 2 * half, 30.0]),
        np.ones(5, bool),
    )
    found = measure(slab, CleanSlab(slab))
    assert found == measure(slab, slab)
    assert found.n_octahedra == 1
    assert found.bond_length_distortion == pytest.approx(0.0, abs=1e-12)
    assert found.quadratic_elongation == pytest.approx(1.0)
    assert found.max_surface_shift_ang == 0.0
    assert found.n_broken == 0
