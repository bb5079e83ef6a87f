"""Jobs on the toy engine: identities, restart from every state that a kill can leave, and itemised energies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import read

from peropass.config import PROTOCOLS_FILE
from peropass.engine import jobs
from peropass.engine.electronic import ElectronicResult, Setting, ToyEngine
from peropass.engine.jobs import Job, makov_payne_dipole, physics_hash
from peropass.engine.journal import JournalStep
from peropass.engine.protocol import Protocol, load_protocols
from peropass.errors import DeadlineReached, EngineError
from peropass.ids import structure_hash
from peropass.records import Address, CalculationRecord, read_record
from peropass.revisions import REVISIONS

PROTOCOLS = load_protocols(PROTOCOLS_FILE)
TOY = PROTOCOLS["toy"]
HARTREE_EV, BOHR_ANG = 27.211386, 0.529177


def slab():
    atoms = Atoms(
        "CsBrPbBr2",
        [(0, 0, 6), (3, 3, 6), (3.1, 3.0, 9.05), (0.07, 3.02, 9), (3, 0.1, 9.1)],
        cell=[6, 6, 24],
        pbc=(True, True, False),
    )
    atoms.set_constraint(FixAtoms([0]))
    atoms.set_array("fragment", np.zeros(5, int))
    atoms.set_array("layer", np.array([2, 2, 1, 1, 1]))
    atoms.set_array("smiles_index", np.full(5, -1))
    return atoms


def job(folder: Path, **more) -> Job:
    common = {
        "address": Address(campaign="c", protocol="toy"),
        "protocol": TOY,
        "record": folder / "relax.record.json",
        "role": "slab",
        "stage": "relax",
        "setting": Setting(slab=True, kpts=(1, 1, 1)),
        "relax": True,
    }
    return Job(**{**common, **more})


@pytest.fixture
def evaluations(monkeypatch):
    """Structures that the toy engine was asked for."""
    seen = []
    evaluate = ToyEngine.evaluate

    def counting(self, atoms, *more):
        seen.append(atoms.positions.copy())
        return evaluate(self, atoms, *more)

    monkeypatch.setattr(ToyEngine, "evaluate", counting)
    return seen


# --- identity ------------------------------------------------------------------------------------


def changed(block, **keys):
    data = TOY.model_dump()
    return Protocol(**{**data, block: {**data[block], **keys}})


def test_what_changes_the_numbers_changes_the_identity(tmp_path, monkeypatch):
    base = job(tmp_path)
    moved = slab()
    moved.positions[2, 2] += 0.01
    thawed = slab()
    thawed.set_constraint()
    found = [
        physics_hash(slab(), base),
        physics_hash(moved, base),
        physics_hash(thawed, base),
        physics_hash(slab(), replace(base, relax=False)),
        physics_hash(slab(), replace(base, protocol=changed("energy", ecut_eV=290))),
        physics_hash(slab(), replace(base, protocol=changed("relax", fmax_eV_per_ang=0.02))),
        physics_hash(slab(), replace(base, setting=Setting(slab=True, kpts=(2, 2, 1)))),
        physics_hash(slab(), replace(base, setting=Setting(slab=False, kpts=(1, 1, 1)))),
        physics_hash(
            slab(), replace(base, setting=Setting(slab=True, kpts=(1, 1, 1), spin_polarised=True))
        ),
    ]
    monkeypatch.setitem(REVISIONS, "relax", REVISIONS["relax"] + 1)
    found.append(physics_hash(slab(), base))
    assert len(set(found)) == len(found)


def test_where_it_is_written_and_what_it_is_called_does_not(tmp_path):
    base = job(tmp_path)
    elsewhere = job(
        tmp_path / "other",
        address=Address(campaign="d", protocol="toy", candidate="x"),
        command="another",
        deadline_s=1.0,
    )
    renamed = replace(base, protocol=TOY.model_copy(update={"name": "n", "description": "d"}))
    assert (
        physics_hash(slab(), elsewhere)
        == physics_hash(slab(), base)
        == physics_hash(slab(), renamed)
    )


def test_a_single_point_does_not_depend_on_how_one_would_relax(tmp_path):
    point = job(tmp_path, relax=False)
    assert physics_hash(slab(), point) == physics_hash(
        slab(), replace(point, protocol=changed("relax", fmax_eV_per_ang=0.02))
    )


# --- a run ----------------------------------------------------------------------------------------


def test_a_run_leaves_a_whole_record_with_its_structures(tmp_path):
    record = jobs.run(slab(), job(tmp_path))
    assert record.status == "ok"
    assert record.toy
    assert record.kind == "relax"
    assert read_record(tmp_path / "relax.record.json", CalculationRecord, allow_toy=True) == record
    for ref in (record.initial, record.final):
        atoms = read(tmp_path / ref.file)
        assert structure_hash(atoms) == ref.hash
        assert ref.composition == {"Br": 3, "Cs": 1, "Pb": 1}
        assert {"fragment", "layer", "smiles_index"} <= set(atoms.arrays)
        assert list(atoms.constraints[0].get_indices()) == [0]
    assert record.initial.hash == structure_hash(slab())
    assert record.final.hash != record.initial.hash
    assert all(check.passed for check in record.checks)
    assert record.fmax_eV_per_ang <= TOY.relax.fmax_eV_per_ang
    assert record.energy.total_eV == pytest.approx(record.history[-1].energy_eV, abs=1e-6)
    assert record.provenance.attempts == 1


def test_a_single_point_leaves_one_structure(tmp_path):
    record = jobs.run(slab(), job(tmp_path, relax=False))
    assert record.kind == "single-point"
    assert record.final == record.initial
    assert sorted(p.name for p in tmp_path.glob("*.*")) == [
        "relax.initial.extxyz",
        "relax.record.json",
    ]
    assert structure_hash(read(tmp_path / record.final.file)) == record.final.hash


def test_a_finished_result_is_published_again_not_computed(tmp_path, evaluations):
    """A deleted record, or a retry after its publication failed: the same bytes come back at no cost."""
    jobs.run(slab(), job(tmp_path))
    names = ("relax.record.json", "relax.initial.extxyz", "relax.final.extxyz")
    once = {name: (tmp_path / name).read_bytes() for name in names}
    evaluations.clear()
    for name in names:
        (tmp_path / name).unlink()
    jobs.run(slab(), job(tmp_path))
    assert evaluations == []
    assert {name: (tmp_path / name).read_bytes() for name in names} == once


def test_other_physics_beside_a_finished_result_is_computed(tmp_path, evaluations):
    jobs.run(slab(), job(tmp_path))
    evaluations.clear()
    jobs.run(slab(), job(tmp_path, protocol=changed("relax", fmax_eV_per_ang=0.01)))
    assert evaluations
    assert len(list(tmp_path.glob("work-relax-*"))) == 2


def killed_after(monkeypatch, n, error=KeyboardInterrupt):
    evaluate, left = ToyEngine.evaluate, [n]

    def dying(self, atoms, *more):
        if not left[0]:
            raise error("stopped")
        left[0] -= 1
        return evaluate(self, atoms, *more)

    monkeypatch.setattr(ToyEngine, "evaluate", dying)


@pytest.mark.parametrize("error", [KeyboardInterrupt, DeadlineReached, OSError])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_interrupted_run_leaves_no_record_and_resumes(
    tmp_path, monkeypatch, evaluations, after, error
):
    whole = jobs.run(slab(), job(tmp_path / "whole"))
    n_whole = len(evaluations)
    evaluations.clear()
    with monkeypatch.context() as patch:
        killed_after(patch, after, error)
        with pytest.raises(error):
            jobs.run(slab(), job(tmp_path / "cut"))
    assert not (tmp_path / "cut" / "relax.record.json").exists()
    record = jobs.run(slab(), job(tmp_path / "cut"))
    assert len(evaluations) == n_whole
    assert record.status == "ok"
    assert record.energy == whole.energy
    assert record.final.hash == whole.final.hash
    assert [s.energy_eV for s in record.history] == [s.energy_eV for s in whole.history]
    if after:
        assert f"continued from ionic step {after} of the journal" in record.remedies
        assert record.provenance.attempts == 2


def test_killed_between_the_last_step_and_the_result(tmp_path):
    """All steps are in the journal but there is no result: one fresh SCF confirms, and the numbers are the same."""
    whole = jobs.run(slab(), job(tmp_path))
    (folder,) = tmp_path.glob("work-relax-*")
    (folder / "result.record.json").unlink()
    (tmp_path / "relax.record.json").unlink()
    again = jobs.run(slab(), job(tmp_path))
    assert again.status == "ok"
    assert again.energy == whole.energy
    assert again.final.hash == whole.final.hash
    assert "fresh SCF against journal" in [check.name for check in again.checks]


def test_an_engine_that_fails_in_that_last_confirmation_is_a_failed_record(tmp_path, monkeypatch):
    jobs.run(slab(), job(tmp_path))
    (folder,) = tmp_path.glob("work-relax-*")
    (folder / "result.record.json").unlink()
    with monkeypatch.context() as patch:
        killed_after(patch, 0, EngineError)
        assert jobs.run(slab(), job(tmp_path)).status == "failed"


@pytest.mark.parametrize("name", ["initial.extxyz", "final.extxyz"])
def test_a_result_without_its_structures_is_rebuilt(tmp_path, name):
    whole = jobs.run(slab(), job(tmp_path))
    (folder,) = tmp_path.glob("work-relax-*")
    (folder / name).unlink()
    again = jobs.run(slab(), job(tmp_path))
    assert (again.final, again.energy) == (whole.final, whole.energy)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\0" * 100, b'{"kind": "relax"}'], ids=["empty", "cut", "zeros", "poor"]
)
def test_a_torn_result_is_rebuilt_from_the_journal(tmp_path, content):
    whole = jobs.run(slab(), job(tmp_path))
    (folder,) = tmp_path.glob("work-relax-*")
    (folder / "result.record.json").write_bytes(content)
    again = jobs.run(slab(), job(tmp_path))
    assert again.status == "ok"
    assert again.energy == whole.energy


def test_scientific_failure_is_a_record_with_a_reason(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed_after(patch, 2, EngineError)
        record = jobs.run(slab(), job(tmp_path))
    assert record.status == "failed"
    assert record.reason == "stopped"
    assert record.energy is None
    assert record.ionic_steps == len(record.history) == 2
    assert (tmp_path / record.initial.file).exists()


def test_too_few_steps_are_unconverged_and_say_how_far(tmp_path):
    record = jobs.run(slab(), job(tmp_path, protocol=changed("relax", max_steps=1)))
    assert record.status == "unconverged"
    assert "eV/Angstrom after" in record.reason
    assert not next(c for c in record.checks if c.name == "largest force").passed


def test_a_full_disk_is_an_infrastructure_error_that_loses_nothing(
    tmp_path, monkeypatch, evaluations
):
    import peropass.engine.jobs as module

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_record", full)
        with pytest.raises(OSError, match="No space"):
            jobs.run(slab(), job(tmp_path))
    assert not (tmp_path / "relax.record.json").exists()
    n_steps = len(evaluations)
    record = jobs.run(slab(), job(tmp_path))
    assert record.status == "ok"
    assert len(evaluations) <= n_steps + 1


def test_blocked_jobs_say_why(tmp_path):
    record = jobs.blocked_record(job(tmp_path), "missing", "no poses")
    assert (record.status, record.reason, record.initial) == ("missing", "no poses", None)


def test_an_anomaly_is_written_into_the_record_and_never_ranks(tmp_path):
    record = jobs.run(slab(), job(tmp_path))
    path = tmp_path / "relax.record.json"
    assert jobs.with_anomalies(record, path, lambda before, after: []) == record
    marked = jobs.with_anomalies(
        record, path, lambda before, after: ["ligand left", "proton moved"]
    )
    assert marked.status == "anomalous"
    assert marked.reason == "ligand left; proton moved"
    assert read_record(path, allow_toy=True) == marked


def test_structures_are_written_by_rename_and_read_back_equal(tmp_path):
    atoms = slab()
    atoms.positions += 1 / 3
    once = jobs.write_structure(atoms, tmp_path / "s.extxyz")
    assert np.abs(once.positions - atoms.positions).max() < 1e-7
    assert structure_hash(once) == structure_hash(read(tmp_path / "s.extxyz"))
    assert [p.name for p in tmp_path.iterdir()] == ["s.extxyz"]
    again = jobs.write_structure(once, tmp_path / "t.extxyz")
    assert structure_hash(again) == structure_hash(once)


# --- energies -------------------------------------------------------------------------------------


def test_dipole_energy_falls_with_the_volume_of_the_box():
    mu = np.array([0.0, 0.3, 2.0])
    assert makov_payne_dipole(mu, 12.0) / makov_payne_dipole(mu, 24.0) == pytest.approx(8)


def test_dipole_energy_grows_with_the_square_of_the_dipole_and_not_with_its_direction():
    mu = np.array([0.0, 0.0, 1.0])
    assert makov_payne_dipole(3 * mu, 10) == pytest.approx(9 * makov_payne_dipole(mu, 10))
    assert makov_payne_dipole(-mu, 10) == makov_payne_dipole(mu, 10)
    assert makov_payne_dipole(mu[::-1], 10) == makov_payne_dipole(mu, 10)
    assert makov_payne_dipole(0 * mu, 10) == 0


def test_dipole_energy_of_one_atomic_unit():
    """2 pi / 3 hartree for one e*bohr in a box of one bohr (10.1103/PhysRevB.51.4014)."""
    found = makov_payne_dipole(np.array([BOHR_ANG, 0, 0]), BOHR_ANG)
    assert found == pytest.approx(2 * np.pi / 3 * HARTREE_EV, rel=1e-5)


def energy(role, dipole, protocol=PROTOCOLS["smoke"]):
    atoms = Atoms("CsBr", [(5, 5, 3.5), (5, 5, 6.5)], cell=[10] * 3, pbc=True)
    zero = np.zeros((2, 3))
    step = JournalStep(0, atoms.positions, zero, -7.5, -7.6, 0.0, 1, 0.0, "defaults")
    last = ElectronicResult(-7.5, -7.6, zero, 1, "defaults", dipole_e_ang=dipole)
    return jobs.energy_of(atoms, replace(job(Path("x")), role=role, protocol=protocol), step, last)


def test_terms_are_itemised_and_add_up():
    found = energy("molecule", (0.0, 0.0, 2.0))
    assert found.electronic_eV == -7.5
    assert (
        found.dispersion_eV < found.dispersion_cs_eV < 0
    )  # the rest is bromide with its own images
    assert found.dipole_eV > 0
    assert found.total_eV == found.electronic_eV + (found.dispersion_eV + found.dipole_eV)


@pytest.mark.parametrize("role", ["slab", "fragment"])
def test_only_molecules_in_boxes_get_the_dipole_term(role):
    assert energy(role, (0.0, 0.0, 2.0)).dipole_eV == 0.0


def test_without_dispersion_the_terms_say_zero():
    found = energy("slab", None, TOY)
    assert found.dispersion_eV == found.dispersion_cs_eV == 0.0
    assert found.total_eV == -7.5


def test_a_result_taken_over_from_another_campaign_is_not_computed_again_and_knows_its_place(
    tmp_path, evaluations
):
    from peropass.reuse import reuse

    first = jobs.run(slab(), job(tmp_path / "c/toy"))
    reuse(tmp_path / "c", tmp_path / "d", "toy")
    n = len(evaluations)
    other = job(
        tmp_path / "d/toy", address=Address(campaign="d", protocol="toy"), command="make it"
    )
    second = jobs.run(slab(), other)
    assert len(evaluations) == n
    assert (second.address.campaign, second.provenance.command) == ("d", "make it")
    assert second.energy == first.energy
    assert second.provenance.physics_hash == first.provenance.physics_hash
