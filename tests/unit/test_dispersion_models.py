"""Dispersion of finished structures by two models, from records that are left as they are."""

import pytest
from ase.build import molecule
from ase.io import write

from peropass.dispersion_models import of_record, of_structure
from peropass.engine import dispersion
from peropass.ids import structure_hash
from peropass.records import Address, CalculationRecord, Energy, Provenance, StructureRef


def record_of(atoms, folder, **changes):
    write(folder / "relax.final.extxyz", atoms, format="extxyz")
    reference = StructureRef(
        file="relax.final.extxyz",
        hash=structure_hash(atoms),
        n_atoms=len(atoms),
        composition=atoms.symbols.formula.count(),
    )
    fields = {
        "kind": "relax",
        "role": "molecule",
        "status": "ok",
        "address": Address(campaign="synthetic", protocol="smoke"),
        "provenance": Provenance(revision=1, physics_hash="synthetic"),
        "settings_hash": "synthetic",
        "settings": {"xc": "PBE", "dispersion": "d3bj"},
        "kpts": (1, 1, 1),
        "final": reference,
        "energy": Energy(electronic_eV=-1.0, free_eV=-1.0, dispersion_eV=-0.5, total_eV=-1.5),
    }
    return CalculationRecord(**fields | changes)


def test_the_record_keeps_its_own_model_and_the_other_is_computed(tmp_path):
    atoms = molecule("C6H6")
    found = of_record(record_of(atoms, tmp_path), tmp_path)
    assert found["d3bj"] == -0.5
    assert found["d4"] == pytest.approx(dispersion.evaluate(atoms, "d4", "PBE").energy_eV, abs=1e-7)
    assert found["d4"] < 0


def test_both_models_are_computed_where_the_energy_holds_none(tmp_path):
    atoms = molecule("CH4")
    settings = {"xc": "PBE", "dispersion": "none"}
    found = of_record(record_of(atoms, tmp_path, settings=settings), tmp_path)
    assert set(found) == {"d3bj", "d4"}
    # Both models agree on the size of the dispersion energy of a small hydrocarbon.
    assert found["d4"] == pytest.approx(found["d3bj"], rel=0.5)


def test_nothing_is_made_up_for_toys_and_failures(tmp_path):
    atoms = molecule("CH4")
    assert of_record(None, tmp_path) == {}
    assert of_record(record_of(atoms, tmp_path, toy=True), tmp_path) == {}
    assert of_record(record_of(atoms, tmp_path, status="failed", energy=None), tmp_path) == {}


def test_a_functional_without_parameters_has_no_model(tmp_path):
    atoms = molecule("CH4")
    odd = record_of(atoms, tmp_path, settings={"xc": "no-such", "dispersion": "none"})
    assert of_record(odd, tmp_path) == {}


def test_what_the_record_holds_is_what_its_structure_gives(tmp_path):
    atoms = molecule("C6H6")
    written = of_structure(atoms, "d3bj", -0.5, "PBE")
    record = record_of(atoms, tmp_path, dispersion_models_eV=written)
    assert written == pytest.approx(of_record(record_of(atoms, tmp_path), tmp_path), abs=1e-7)
    (tmp_path / "relax.final.extxyz").unlink()
    assert of_record(record, tmp_path) == written
