"""A relaxation that is hit at ten random moments ends with the same energy and repeats no finished step.

Water from its GFN2-xTB geometry in short steps, plane waves at 300 eV. Each case starts the real command, hurts it or what it
left on the disk, and runs it again. Some four minutes on one core; the short forms are in tests/gpaw/test_faults.py.
"""

import json
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "gpaw"))
from test_faults import after_steps, children
from tiny import water

from peropass.engine.journal import Journal

SAME_ENERGY_EV = 1e-3
MOMENTS = 10
KINDS = ("rank killed", "disk full", "trajectory cut", "Hessian cut", "density unreadable")
CASES = [(KINDS[k % len(KINDS)], 100 + k) for k in range(MOMENTS)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    command = water(tmp_path_factory.mktemp("water"))
    return command.run(), command.journal()


def work(command) -> Path:
    (folder,) = command.record.parent.glob("work-relax-*")
    return folder


def readable(command) -> list[str]:
    """Positions of the steps that a restart can read."""
    path = work(command) / "journal.jsonl"
    header = json.loads(path.read_text().split("\n")[0].split(" ", 1)[1])
    return [str(s.positions.tolist()) for s in Journal(path, header["physics_hash"], False).steps]


def interrupt(command, moment, ranks=1):
    """Kill the run after a random number of steps and a random part of the next one; of two ranks, one."""
    process = command.start(ranks=ranks)
    after_steps(command, process, moment.randint(1, 3))
    time.sleep(moment.uniform(0, 1.5))
    victim = max(children(process.pid), default=process.pid) if ranks > 1 else process.pid
    os.kill(victim, signal.SIGKILL)
    process.wait(60)


def fill_disk(command, moment):
    """No file may grow beyond what it has and a little more: the next write is cut short and fails."""
    process = command.start()
    after_steps(command, process, moment.randint(1, 2))
    size = (work(command) / "journal.jsonl").stat().st_size + moment.randint(0, 900)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
    process.communicate(timeout=240)
    assert process.returncode != 0
    assert not command.record.exists()


def cut(path, moment, last_line_only):
    """Truncate a file at a random byte: of its last line, or anywhere behind the header."""
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    start = whole.rstrip(b"\n").rindex(b"\n") + 1 if last_line_only else header
    path.write_bytes(whole[: moment.randint(start, len(whole) - 2)])


@pytest.mark.parametrize(("kind", "seed"), CASES, ids=[f"{k}-{s}" for k, s in CASES])
def test_the_energy_is_the_same_and_no_finished_step_is_repeated(tmp_path, undisturbed, kind, seed):
    record, steps = undisturbed
    assert len(steps) >= 5, "too few steps to hit between"
    moment = random.Random(seed)
    command = water(tmp_path)
    ranks = 2 if kind == "rank killed" else 1
    if kind == "disk full":
        fill_disk(command, moment)
    else:
        interrupt(command, moment, ranks)
    journal = work(command) / "journal.jsonl"
    if kind == "trajectory cut":
        cut(journal, moment, last_line_only=True)
    elif (
        kind == "Hessian cut"
    ):  # the Hessian is rebuilt from the journal: losing lines loses its updates
        cut(journal, moment, last_line_only=False)
        (work(command) / "bfgs.json").write_text('{"__ndarray__": [[3, 3], "float')
    elif kind == "density unreadable":  # no density is read back; what lies there must not matter
        for name in ("density.gpw", "cost.json", "progress.json", "initial.extxyz"):
            (work(command) / name).write_bytes(b"AFFormatGPAW\0\0torn")
    before = readable(command)
    again = command.run(ranks=ranks)
    after = readable(command)
    assert after[: len(before)] == before
    assert len(set(after)) >= len(after) - 1, (
        "only the last geometry is evaluated twice, more tightly"
    )
    assert len(after) <= len(steps) + 2
    assert again["status"] == "ok", again["reason"]
    found, wanted = again["energy"]["total_eV"], record["energy"]["total_eV"]
    assert found == pytest.approx(wanted, abs=SAME_ENERGY_EV)
