"""Work folders: one process at a time, a heartbeat, and costs that add up over killed attempts."""

import json
import os
import subprocess
import sys
import time

from peropass.engine.work import Progress, Stopwatch, exclusive, work_folder


def test_the_folder_is_named_by_stage_and_physics(tmp_path):
    one = work_folder(tmp_path / "relax.record.json", "abc")
    assert one == tmp_path / "work-relax-abc"
    assert work_folder(tmp_path / "relax.record.json", "abd") != one
    assert work_folder(tmp_path / "levels.record.json", "abc") != one


HOLDER = """
import sys, time
from pathlib import Path
from peropass.engine.work import exclusive
with exclusive(Path(sys.argv[1])):
    sys.stdout.write("held\\n"); sys.stdout.flush()
    time.sleep(float(sys.argv[2]))
"""


def holder(folder, seconds):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_waits_for_the_first(tmp_path):
    with holder(tmp_path / "w", 0.5) as process:
        with exclusive(tmp_path / "w"):
            assert process.wait(5) == 0, "the lock was ours while the other still held it"


def test_a_killed_process_leaves_no_lock_behind(tmp_path):
    with holder(tmp_path / "w", 60) as process:
        process.kill()
        start = time.monotonic()
        with exclusive(tmp_path / "w"):
            assert time.monotonic() - start < 5


def test_ranks_that_do_not_write_do_not_lock(tmp_path):
    with exclusive(tmp_path / "w", active=False):
        assert not (tmp_path / "w").exists()


def test_the_heartbeat_is_whole_and_goes_when_the_job_ends(tmp_path):
    progress = Progress(tmp_path / "deep" / "progress.json", "relax")
    progress.update(force=True, ionic_step=3)
    progress.update(energy_eV=-1.0)  # too soon: kept for the next beat
    assert "energy_eV" not in json.loads(progress.path.read_text())
    progress.update(force=True)
    beat = json.loads(progress.path.read_text())
    assert beat["stage"] == "relax"
    assert beat["pid"] == os.getpid()
    assert (beat["ionic_step"], beat["energy_eV"]) == (3, -1.0)
    assert abs(beat["unix_s"] - time.time()) < 5
    progress.finish()
    assert list((tmp_path / "deep").iterdir()) == []


def test_other_ranks_have_no_heartbeat(tmp_path):
    progress = Progress(tmp_path / "progress.json", "relax", active=False)
    progress.update(force=True, ionic_step=1)
    progress.finish()
    assert list(tmp_path.iterdir()) == []


def test_costs_of_killed_attempts_are_added(tmp_path):
    file = tmp_path / "cost.json"
    file.write_text(json.dumps({"wall_s": 10.0, "core_s": 20.0, "peak_MB": 1e6, "attempts": 2}))
    watch = Stopwatch(file, cores=2)
    found = watch.read()
    assert found["attempts"] == 3
    assert found["wall_s"] >= 10
    assert found["core_s"] >= 20
    assert found["peak_MB"] == 1e6
    watch.save()
    assert json.loads(file.read_text())["attempts"] == 3


def test_a_first_attempt_starts_at_zero(tmp_path):
    found = Stopwatch(tmp_path / "cost.json").read()
    assert found["attempts"] == 1
    assert found["wall_s"] < 1


def test_a_torn_cost_file_loses_the_cost_and_nothing_else(tmp_path):
    for content in (b"", b'{"wall_s": 10', b"\0\0\0", b"[]", b"\xff\xfe"):
        (tmp_path / "cost.json").write_bytes(content)
        assert Stopwatch(tmp_path / "cost.json").read()["attempts"] == 1


def test_other_ranks_write_no_cost(tmp_path):
    Stopwatch(tmp_path / "cost.json", writable=False).save()
    assert list(tmp_path.iterdir()) == []
