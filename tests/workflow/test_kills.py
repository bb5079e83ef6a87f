"""SIGKILL in the middle of a relaxation: the next run continues from the last ionic step and repeats none."""

import contextlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
SLOW = {"PEROPASS_TOY_SLEEP_S": "0.4"}
PATIENCE_S = 120.0


def descendants(pid):
    """Process ids below `pid`, the youngest last."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        children = parents.get(queue.pop(0), [])
        found += children
        queue += children
    return found


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def until(condition, process):
    """What `condition()` returns once it is true; the process must not end before."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    kill([*descendants(process.pid), process.pid])
    pytest.fail(f"did not happen within {PATIENCE_S} s: {process.stdout.read()}")


class Target:
    """The relaxed pristine slab of a campaign of its own."""

    def __init__(self, tree, name):
        self.tree = tree
        self.config = tree.write(name, {**tree.campaign("toy"), "campaign": name})
        self.record = (
            f"results/{name}/toy/CsPbBr3-cubic/001-CsX/pristine/none/none/relax.record.json"
        )
        self.arguments = ("run", self.config, "--cores", "1", "--", self.record)
        for source in (
            "bulk",
            "001-CsX/pristine/none/none/build.extxyz",
        ):  # only the relaxation is to be run
            self._copy(tree.root / "results/toy/toy/CsPbBr3-cubic" / source, name)

    def _copy(self, source, name):
        target = Path(str(source).replace("results/toy/", f"results/{name}/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)

    @property
    def folder(self):
        return (self.tree.root / self.record).parent

    def journal(self):
        """Whole lines of the journal: a header and the finished steps."""
        files = list(self.folder.glob("work-relax-*/journal.jsonl"))
        return files[0].read_bytes().split(b"\n")[:-1] if files else []

    def read(self):
        return json.loads((self.tree.root / self.record).read_text())

    def killed_after(self, n_steps, chosen):
        """Start slowly, wait for `n_steps` finished steps, kill what `chosen(process)` names; the lines so far."""
        process = self.tree.start(*self.arguments, **SLOW)
        until(lambda: len(self.journal()) > n_steps, process)
        kill(chosen(process))
        process.wait(30)
        return self.journal()


@pytest.fixture(scope="module")
def undisturbed(finished):
    """Record of the same slab in the finished campaign."""
    tree, _ = finished
    return json.loads(
        (
            tree.root / "results/toy/toy/CsPbBr3-cubic/001-CsX/pristine/none/none/relax.record.json"
        ).read_text()
    )


def same_physics(one, other):
    assert one["energy"] == other["energy"]
    assert one["final"]["hash"] == other["final"]["hash"]
    assert [s["energy_eV"] for s in one["history"]] == [s["energy_eV"] for s in other["history"]]


def test_everything_killed(finished, undisturbed):
    tree, _ = finished
    target = Target(tree, "killed")
    lines = target.killed_after(3, lambda process: [process.pid, *descendants(process.pid)])
    assert not (tree.root / target.record).exists()
    done = tree.peropass(*target.arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert target.journal()[: len(lines)] == lines, "finished steps were computed again"
    record = target.read()
    steps = len(lines) - 1
    assert f"continued from ionic step {steps} of the journal" in record["remedies"]
    assert record["provenance"]["attempts"] == 2
    same_physics(record, undisturbed)
    log = (tree.root / "results/killed/logs/relax.CsPbBr3-cubic.001-CsX.pristine.log").read_text()
    assert f"step {steps}" in log


def test_only_the_job_killed_is_started_again_by_snakemake(finished, undisturbed):
    """Node loss or the out-of-memory killer: the retry continues, the run ends well."""
    tree, _ = finished
    target = Target(tree, "retried")
    process = tree.start(*target.arguments, **SLOW)
    until(lambda: len(target.journal()) > 2, process)
    lines = target.journal()
    kill(descendants(process.pid)[-1:])
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, printed
    assert target.journal()[: len(lines)] == lines
    assert target.read()["provenance"]["attempts"] == 2
    same_physics(target.read(), undisturbed)


def test_a_job_that_outlives_its_controller_is_waited_for(finished, undisturbed):
    """The next run finds the work folder held, waits, and takes the result that the orphan leaves."""
    tree, _ = finished
    target = Target(tree, "orphaned")
    target.killed_after(2, lambda process: [process.pid, *descendants(process.pid)[:1]])
    done = tree.peropass(*target.arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    record = target.read()
    assert record["provenance"]["attempts"] == 1
    assert record["remedies"] == []
    same_physics(record, undisturbed)


def test_ctrl_c_stops_the_jobs_and_the_next_run_continues(finished, undisturbed):
    tree, _ = finished
    target = Target(tree, "stopped")
    process = tree.start(*target.arguments, **SLOW)
    until(lambda: len(target.journal()) > 2, process)
    jobs = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    until_gone = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in jobs) and time.monotonic() < until_gone:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in jobs)
    lines = target.journal()
    assert tree.peropass(*target.arguments).returncode == 0
    assert target.journal()[: len(lines)] == lines
    same_physics(target.read(), undisturbed)


def test_a_second_run_of_the_same_campaign_is_refused_in_one_line(finished):
    tree, _ = finished
    target = Target(tree, "twice")
    process = tree.start(*target.arguments, **SLOW)
    until(lambda: len(target.journal()) > 1, process)
    second = tree.peropass(*target.arguments)
    kill([process.pid, *descendants(process.pid)])
    process.wait(30)
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "results/twice: found another run that works on this campaign" in second.stderr


@pytest.mark.parametrize("damage", ["garbage", "gone"])
def test_a_damaged_journal_costs_only_what_was_damaged(finished, undisturbed, damage):
    tree, _ = finished
    target = Target(tree, f"damaged-{damage}")
    lines = target.killed_after(3, lambda process: [process.pid, *descendants(process.pid)])
    (file,) = target.folder.glob("work-relax-*/journal.jsonl")
    whole = file.read_bytes()
    file.write_bytes({"garbage": whole[:-40] + b"\0" * 40, "gone": b""}[damage])
    assert tree.peropass(*target.arguments).returncode == 0
    if damage != "gone":
        assert target.journal()[: len(lines) - 1] == lines[:-1]
    same_physics(target.read(), undisturbed)
