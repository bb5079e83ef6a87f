"""Two runs at once, a full disk, results that may only be read, clocks that disagree: nothing finished is lost or torn."""

import json
import os

import pytest
from test_kills import Target, descendants, kill, same_physics, until

from peropass.records import read_record

pytestmark = pytest.mark.workflow
TOY = "results/toy/toy/CsPbBr3-cubic"
FULL_DISK = """
import resource, sys
if "scripts.relax" in sys.orig_argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
"""
PLAIN_USER = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search")  # fmt: skip


def contents(folder):
    return {
        file: (file.stat().st_mtime_ns, file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_snakemake_beside_a_run_is_refused_and_the_run_goes_on(finished):
    tree, _ = finished
    target = Target(tree, "beside")
    process = tree.start(*target.arguments, PEROPASS_TOY_SLEEP_S="20")
    until(lambda: list(target.folder.glob("work-*/lock")), process)
    second = tree.snakemake(target.config, "--nolock", target.record)
    still = process.poll()
    kill([process.pid, *descendants(process.pid)])
    process.wait(30)
    assert second.returncode != 0
    said = second.stdout + second.stderr
    assert "results/beside: found another run that works on this campaign" in said
    assert "Traceback" not in said
    assert still is None


def test_a_full_disk_stops_the_run_and_tears_nothing(finished, tmp_path):
    """No file of the relaxation may grow beyond 8 kB: its journal is the first that wants to."""
    tree, _ = finished
    target = Target(tree, "full")
    (tmp_path / "sitecustomize.py").write_text(FULL_DISK)
    before = {**contents(target.folder), **contents(target.folder.parents[3] / "bulk")}
    assert before
    done = tree.peropass(*target.arguments, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert not (tree.root / target.record).exists()
    logs = (tree.root / "results/full/logs").rglob("relax*.log")
    assert any("File too large" in file.read_text() for file in logs)
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in before} == before
    for file in (tree.root / "results/full").rglob("*.record.json"):
        read_record(file, allow_toy=True)
    lines = target.journal()
    assert len(lines) > 1
    assert tree.peropass(*target.arguments).returncode == 0
    kept = target.journal()[: len(lines) - 1]
    assert kept == lines[: len(kept)], "steps that were on the disk were computed again"
    undisturbed = json.loads(
        (tree.root / TOY / "001-CsX/pristine/none/none/relax.record.json").read_text()
    )
    same_physics(target.read(), undisturbed)
    assert [f.name for f in target.folder.rglob(".*.tmp")] == []


@pytest.fixture
def read_only(finished):
    """The finished campaign, with all of its folders and files closed to writing."""
    tree, _ = finished
    folders = [tree.root / "results/toy", *(tree.root / "results/toy").rglob("*")]
    modes = {path: path.stat().st_mode for path in folders}
    for path in modes:
        path.chmod(path.stat().st_mode & 0o555)
    yield tree
    for path, mode in modes.items():
        path.chmod(mode)


def test_results_that_may_only_be_read_are_planned_and_verified_and_left_alone(read_only):
    """Also for root, who may write anywhere unless a command takes that right away first."""
    below = PLAIN_USER if os.geteuid() == 0 else ()
    before = contents(read_only.root / "results/toy")
    for arguments in (("run", "config/toy.yaml", "--cores", "1"), ("plan", "config/toy.yaml")):
        done = read_only.peropass(*arguments, below=below)
        assert done.returncode == 0, done.stdout + done.stderr
    file = read_only.root / "config/toy.yaml"
    text = file.read_text()
    try:
        file.write_text(text.replace("samples: 200", "samples: 201"))
        refused = read_only.peropass("run", "config/toy.yaml", "--cores", "1", below=below)
    finally:
        file.write_text(text)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "results/toy: found a folder that takes no files (Permission denied)" in refused.stderr
    assert contents(read_only.root / "results/toy") == before


@pytest.mark.parametrize("ahead_s", [3600, -3600])
def test_a_node_whose_clock_is_wrong_by_an_hour_reruns_nothing(finished, ahead_s):
    """Times of one record lie: Snakemake sees that its content is what the followers were made from."""
    tree, _ = finished
    chosen = [
        tree.root / TOY / "001-CsX/pristine/none/none/relax.record.json",
        tree.root / TOY / "001-CsX/V-CsX/csbr/k0/relax.record.json",
    ]
    before = {file: file.stat() for file in chosen}
    for file, was in before.items():
        os.utime(file, (was.st_atime, was.st_mtime + ahead_s))
    try:
        assert tree.planned("config/toy.yaml").records == []
        done = tree.peropass("run", "config/toy.yaml", "--cores", "1")
        assert "nothing to do" in done.stdout, done.stdout + done.stderr
    finally:
        for file, was in before.items():
            os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
