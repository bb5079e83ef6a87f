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
    assert reuse(tmp_path / "a", tmp_path / "b") == 1
    copy = tmp_path / "b" / "smoke/host/work-relax-1"
    assert {p.name for p in copy.iterdir()} == {"journal.jsonl"}


def test_what_the_target_has_is_left_alone(tmp_path):
    made(tmp_path / "a")
    mine = made(tmp_path / "b")
    (mine / "journal.jsonl").write_text("more steps\n")
    assert reuse(tmp_path / "a", tmp_path / "b") == 0
    assert (mine / "journal.jsonl").read_text() == "more steps\n"


def test_a_folder_that_is_not_there_or_is_the_same_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        reuse(tmp_path / "none", tmp_path / "b")
    with pytest.raises(InputError, match="another campaign"):
        reuse(tmp_path, tmp_path)
