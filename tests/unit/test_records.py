"""Records are closed, immutable, and absent or whole whatever happens while they are written."""

import json
import os

import pytest

from peropass import records
from peropass.errors import RecordError, ToyRecord
from peropass.records import (
    KINDS,
    Address,
    CalculationRecord,
    Energy,
    PosesRecord,
    Provenance,
    read_record,
    write_record,
    write_text,
)


def poses(**more):
    return PosesRecord(
        **{
            "status": "ok",
            "address": Address(campaign="c", protocol="p"),
            "provenance": Provenance(revision=1, physics_hash="x"),
            "method": "none",
            "filters": [],
            "poses": [],
            **more,
        }
    )


def test_a_record_reads_back_as_it_was(tmp_path):
    record = poses(reason="because")
    file = write_record(record, tmp_path / "deep" / "folder" / "poses.record.json")
    assert read_record(file) == record
    assert read_record(file, PosesRecord) == record


def test_writing_twice_gives_the_same_bytes(tmp_path):
    first = write_record(poses(), tmp_path / "a").read_bytes()
    assert write_record(read_record(tmp_path / "a"), tmp_path / "b").read_bytes() == first


def test_a_record_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        poses().status = "failed"


@pytest.mark.parametrize("when", ["write", "fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_record(tmp_path, monkeypatch, when):
    """A full disk, a lost disk or a kill before the rename: the reader sees the former record, whole."""
    file = write_record(poses(reason="first"), tmp_path / "r.record.json")

    def broken(*_arguments, **_keywords):
        raise OSError(28, "No space left on device")

    if when == "write":
        monkeypatch.setattr("builtins.open", broken)
    else:
        monkeypatch.setattr(os, when, broken)
    with pytest.raises(OSError, match="No space"):
        write_record(poses(reason="second"), file)
    monkeypatch.undo()
    assert read_record(file).reason == "first"


def test_a_crash_before_the_first_record_leaves_none(tmp_path, monkeypatch):
    def broken(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="No space"):
        write_record(poses(), tmp_path / "r.record.json")
    assert not (tmp_path / "r.record.json").exists()


def test_the_data_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("replace"), replace(a, b)))
    write_text(tmp_path / "x", "text")
    assert order == ["fsync", "replace"]
    assert os.listdir(tmp_path) == ["x"]


def test_every_prefix_of_a_record_is_refused(tmp_path):
    """What a torn file would look like: no prefix of a record passes for one."""
    text = write_record(poses(), tmp_path / "r").read_text().rstrip("\n")
    for length in range(len(text)):
        (tmp_path / "r").write_text(text[:length])
        with pytest.raises(RecordError):
            read_record(tmp_path / "r")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"colour": "red"}, "colour"),
        ({"status": "fine"}, "status"),
        ({"filters": "none"}, "filters"),
        ({"kind": "poem"}, "kind"),
        ({"address": {"campaign": "../up", "protocol": "p"}}, "campaign"),
    ],
)
def test_the_schema_is_closed_and_errors_name_file_and_key(tmp_path, change, names):
    data = {**json.loads(poses().model_dump_json()), **change}
    (tmp_path / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecordError, match=names) as caught:
        read_record(tmp_path / "bad.json")
    assert "bad.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{}", "\x00" * 40])
def test_what_is_no_record_at_all_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(RecordError, match="x.json"):
        read_record(tmp_path / "x.json")


def test_bytes_that_are_no_text_and_absent_files_are_refused(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordError, match="not JSON"):
        read_record(tmp_path / "x.json")
    with pytest.raises(RecordError, match="no such record"):
        read_record(tmp_path / "absent.json")


def test_toy_records_are_refused_unless_asked_for(tmp_path):
    write_record(poses(toy=True), tmp_path / "t")
    with pytest.raises(ToyRecord, match="toy engine"):
        read_record(tmp_path / "t")
    assert read_record(tmp_path / "t", allow_toy=True).toy


def test_the_terms_of_an_energy_must_add_up():
    Energy(electronic_eV=-3, free_eV=-3.1, dispersion_eV=-0.5, dipole_eV=0.25, total_eV=-3.25)
    with pytest.raises(ValueError, match="not the sum"):
        Energy(electronic_eV=-3, free_eV=-3, dispersion_eV=-0.5, total_eV=-3)


def test_kinds_are_registered_under_their_own_name():
    for name, model in KINDS.items():
        allowed = model.model_fields["kind"].annotation.__args__
        assert name in allowed, f"{name} is registered for {model.__name__}, which says {allowed}"


def test_every_record_class_is_registered():
    classes = {
        k for k in vars(records).values() if isinstance(k, type) and issubclass(k, records.Record)
    } - {records.Record}
    assert classes == set(KINDS.values())


def test_a_calculation_without_energy_is_a_valid_failure():
    record = CalculationRecord(
        kind="relax",
        status="failed",
        reason="SCF",
        address=Address(campaign="c", protocol="p"),
        provenance=Provenance(revision=1, physics_hash="x"),
        role="slab",
        settings_hash="s",
        settings={},
        kpts=(1, 1, 1),
    )
    assert record.energy is None
    assert record.final is None
