"""One run per campaign folder, and a lock that never outlives its holder."""

import subprocess
import sys

import pytest

from peropass import run_lock
from peropass.errors import InputError

HOLDER = """
import sys, time
from peropass.run_lock import hold_while_alive
hold_while_alive(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


def test_a_held_folder_is_refused_in_one_line_and_free_again_afterwards(tmp_path):
    with run_lock.holding(tmp_path):
        with pytest.raises(InputError, match="another run that works on this campaign") as refused:
            with run_lock.holding(tmp_path):
                pass
    assert "\n" not in str(refused.value)
    with run_lock.holding(tmp_path):
        pass


def test_two_campaigns_do_not_wait_for_each_other(tmp_path):
    with run_lock.holding(tmp_path / "one"), run_lock.holding(tmp_path / "two"):
        pass


def test_a_killed_controller_leaves_no_lock(tmp_path):
    """Two bare `snakemake`, the first one killed: its file stays, its lock does not."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="another run"):
        run_lock.hold_while_alive(str(tmp_path))
    holder.kill()
    holder.wait(30)
    assert (tmp_path / run_lock.LOCK).exists()
    with run_lock.holding(tmp_path):
        pass


def test_the_snakemake_of_a_run_is_not_refused_by_its_parent(tmp_path, monkeypatch):
    monkeypatch.setenv(run_lock.HELD, str(tmp_path))
    with run_lock.holding(tmp_path):
        run_lock.hold_while_alive(str(tmp_path))


def test_a_place_without_room_for_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a folder that takes no files"):
        with run_lock.holding(tmp_path / "file"):
            pass
