"""A journal that was cut anywhere loses at most the last step, never raises, and can be continued."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peropass.engine.journal import Journal, JournalStep

HASH = "0123456789abcdef"
N_STEPS = 3


def step(index, seed=0):
    random = np.random.default_rng(100 * seed + index)
    return JournalStep(
        index=index,
        positions=random.normal(size=(1, 3)),
        forces=random.normal(size=(1, 3)),
        electronic_eV=float(random.normal()),
        free_eV=-1.5,
        dispersion_eV=-0.25,
        scf_iterations=9 + index,
        seconds=1.25,
        rung="defaults",
    )


def same(one, other):
    return all(np.array_equal(getattr(one, f), getattr(other, f)) for f in one.__dataclass_fields__)


def written(folder, n=N_STEPS):
    journal = Journal(folder / "journal.jsonl", HASH)
    for index in range(n):
        journal.append(step(index))
    return journal.path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return written(tmp_path_factory.mktemp("journal")).read_bytes()


def test_steps_read_back_bit_for_bit(tmp_path):
    again = Journal(written(tmp_path), HASH)
    assert len(again.steps) == N_STEPS
    assert again.dropped_lines == 0
    assert all(same(found, step(i)) for i, found in enumerate(again.steps))


def test_energy_is_electronic_plus_dispersion():
    assert step(0).energy_eV == step(0).electronic_eV - 0.25


def test_a_file_cut_at_any_byte_keeps_every_whole_step(tmp_path, whole):
    """Every prefix: the steps whose lines are complete are there, the torn one is dropped, appending goes on."""
    ends = [
        i + 1 for i, byte in enumerate(whole) if byte == ord("\n")
    ]  # header, step 0, step 1, ...
    for length in range(len(whole) + 1):
        path = tmp_path / f"{length}.jsonl"
        path.write_bytes(whole[:length])
        journal = Journal(path, HASH, writable=False)
        complete = sum(length >= end - 1 for end in ends[1:])  # a lost line feed loses nothing
        assert len(journal.steps) == complete
        assert all(same(found, step(i)) for i, found in enumerate(journal.steps))
    for length in range(0, len(whole), 89):
        path = tmp_path / f"{length}.jsonl"
        path.write_bytes(whole[:length])
        journal = Journal(path, HASH)
        for index in range(len(journal.steps), N_STEPS):
            journal.append(step(index))
        assert path.read_bytes() == whole


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_flipped_byte_never_raises_and_never_lies(data, whole, tmp_path_factory):
    """Steps before the damage survive; a damaged step is never taken for a good one."""
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped.jsonl"
    path.write_bytes(bytes(broken))
    journal = Journal(path, HASH)
    before = whole[:place].count(b"\n")  # lines that end before the damage: header and steps
    assert len(journal.steps) >= before - 1
    assert all(same(found, step(i)) for i, found in enumerate(journal.steps))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\n\n\n",
        b"\0" * 4096,
        b"{}\n",
        b"abc",
        "\u00e9".encode("latin-1"),
        b"a b c\n" * 5,
    ],
)
def test_rubbish_is_an_empty_journal(tmp_path, content):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    journal = Journal(path, HASH)
    assert journal.steps == []
    journal.append(step(0))
    assert len(Journal(path, HASH).steps) == 1


def test_a_blank_line_or_a_second_header_ends_it_without_an_error(tmp_path, whole):
    """Two writers, or a repaired file system: no line but the next step is believed."""
    header = whole[: whole.index(b"\n") + 1]
    path = tmp_path / "journal.jsonl"
    for content, steps in ((b"\n" + whole, 0), (header + whole, 0), (whole + header, N_STEPS)):
        path.write_bytes(content)
        assert len(Journal(path, HASH).steps) == steps


def test_a_step_written_twice_is_believed_once(tmp_path, whole):
    lines = whole.splitlines(keepends=True)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join([*lines[:3], lines[2], *lines[3:]]))
    assert len(Journal(path, HASH).steps) == 2


def test_another_physics_is_not_continued(tmp_path):
    path = written(tmp_path)
    journal = Journal(path, "fedcba9876543210")
    assert journal.steps == []
    journal.append(step(0, seed=7))
    assert len(Journal(path, "fedcba9876543210").steps) == 1
    assert Journal(path, HASH).steps == []


def test_ranks_that_may_not_write_do_not(tmp_path, whole):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(whole[:-30])
    journal = Journal(path, HASH, writable=False)
    journal.append(step(N_STEPS - 1))
    assert len(journal.steps) == N_STEPS
    assert path.read_bytes() == whole[:-30]
    assert Journal(tmp_path / "absent" / "j", HASH, writable=False).steps == []
    assert not (tmp_path / "absent").exists()


def test_a_full_disk_loses_only_the_step_that_did_not_fit(tmp_path, monkeypatch):
    path = written(tmp_path, 2)
    journal = Journal(path, HASH)

    def full(_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        journal.append(step(2))
    monkeypatch.undo()
    assert len(Journal(path, HASH).steps) >= 2
