"""The live display counts records as they are now, and believes only heartbeats of living jobs."""

import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from peropass import monitor


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    records = [(f"results/c/p/host/{name}/relax.record.json", "relax") for name in "abc"]
    return SimpleNamespace(
        campaign=SimpleNamespace(campaign="c"),
        all_records=lambda: records,
        typical_s=lambda stage: 100.0,
    )


def write(name, status):
    folder = os.path.join("results/c/p/host", name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "relax.record.json"), "w", encoding="utf-8") as stream:
        stream.write(json.dumps({"kind": "relax", "status": status}, indent=1))


def beat(name, pid, age_s=0.0):
    folder = os.path.join("results/c/p/host", name, "work-relax-x")
    os.makedirs(folder, exist_ok=True)
    data = {
        "stage": "relax",
        "pid": pid,
        "unix_s": time.time() - age_s,
        "ionic_step": 3,
        "energy_eV": -1.5,
    }
    with open(os.path.join(folder, "progress.json"), "w", encoding="utf-8") as stream:
        json.dump({**data, "fmax_eV_per_ang": 0.2}, stream)


def test_records_are_counted_by_status(plan):
    write("a", "ok")
    write("b", "failed")
    state = monitor.campaign_state(plan)
    assert (state.n_done, state.n_failed, state.n_missing) == (2, 1, 1)
    assert state.seconds_left == 100.0
    assert "failed: results/c/p/host/b" in state.summary()
    assert monitor.campaign_state(plan, cores=4).seconds_left == 25.0


def test_a_record_that_was_made_again_is_read_again(plan):
    write("a", "failed")
    assert monitor.campaign_state(plan).n_failed == 1
    os.utime("results/c/p/host/a/relax.record.json", (1, 1))
    write("a", "ok")
    assert monitor.campaign_state(plan).n_failed == 0


def test_a_running_job_is_shown_with_what_it_does(plan):
    beat("a", os.getpid())
    (job,) = monitor.campaign_state(plan).running
    assert (job.name, job.stage, job.ionic_step, job.energy_eV) == ("host/a", "relax", 3, -1.5)


def test_heartbeats_of_the_dead_are_not_believed(plan):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    beat("a", ended.pid)
    beat("b", os.getpid(), age_s=2 * monitor.STALE_S)
    os.makedirs("results/c/p/host/c/work-relax-x")
    with open("results/c/p/host/c/work-relax-x/progress.json", "w", encoding="utf-8") as stream:
        stream.write('{"stage": "re')
    assert monitor.campaign_state(plan).running == []


def test_without_a_terminal_a_line_is_printed(plan, capsys):
    with monitor.Display(plan, 1) as display:
        display.refresh()
    assert "0/3 done, 0 running, 0 not ok, about 0:05:00 left" in capsys.readouterr().out
