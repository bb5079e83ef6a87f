"""Work folders travel whole, once, and only between different campaigns."""

import pytest

from peropass.errors import InputError
from peropass.reuse import reuse


def made(root, name="smoke/host/work-relax-1"):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_text("steps\n")
    (folder / "lock").write_text("")
    return folder


def test_a_work_folder_is_copied_to_the_same_place_without_its_lock(tmp_path):
    made(tmp_path / "a")
    assert reuse(tmp_path / "a", tmp_path / "b", "smoke") == 1
    copy = tmp_path / "b" / "smoke/host/work-relax-1"
    assert {p.name for p in copy.iterdir()} == {"journal.jsonl"}


def test_a_protocol_of_another_name_finds_the_folders_too(tmp_path):
    """Names are not hashed: a job with other energy settings has another hash and finds nothing there."""
    made(tmp_path / "a")
    reuse(tmp_path / "a", tmp_path / "b", "smoke-hse")
    assert (tmp_path / "b/smoke-hse/host/work-relax-1/journal.jsonl").exists()
    assert not (tmp_path / "b/smoke").exists()


def test_what_the_target_has_is_left_alone(tmp_path):
    made(tmp_path / "a")
    mine = made(tmp_path / "b")
    (mine / "journal.jsonl").write_text("more steps\n")
    assert reuse(tmp_path / "a", tmp_path / "b", "smoke") == 0
    assert (mine / "journal.jsonl").read_text() == "more steps\n"


def test_a_folder_that_is_not_there_or_is_the_same_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        reuse(tmp_path / "none", tmp_path / "b", "smoke")
    with pytest.raises(InputError, match="another campaign"):
        reuse(tmp_path, tmp_path, "smoke")
