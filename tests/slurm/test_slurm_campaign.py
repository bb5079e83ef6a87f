"""A campaign on a real Slurm: MPI, memory, walltime, a drained node and a killed job; then the same results as here.

Needs `scripts/slurm-sandbox install` (root, Debian). The campaign runs in a copy of the working tree. Walltimes follow
the time that a job needs here and now to start, so that a busy machine slows these tests and does not fail them.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

from campaign_folder import CAMPAIGN, run_campaign, workplace  # noqa: E402

from peropass.verify import differences  # noqa: E402

pytestmark = pytest.mark.slurm
SANDBOX = ROOT / "scripts" / "slurm-sandbox"
COPIED = ("peropass", "scripts", "workflow", "structures", "profiles", "config")
PATIENCE_S = 2400  # of every wait: a bound against hanging, not a claim about speed
LEAST_WALLTIME_MIN = 3  # cores that are free while a start is timed may be taken a minute later
HOST = "results/small/toy/CsPbBr3-cubic"
SLAB = f"{HOST}/001-CsX/pristine/none/none/relax.record.json"
# Slurm 22.05 has no accounting here, so the plugin asks squeue; the waits are those of a cluster without queue.
QUICK = [
    "--slurm-status-command",
    "squeue",
    "--slurm-no-account",
    "--max-jobs-per-timespan",
    "50/1s",
]
QUICK += ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
QUICK += ["--slurm-keep-successful-logs"]
TINY = {
    "description": "smallest cell that GPAW runs in parallel",
    "engine": "gpaw",
    "energy": {
        "xc": "PBE",
        "dispersion": "d3bj",
        "ecut_eV": 200,
        "smearing_eV": 0.05,
        "energy_tolerance_eV_per_electron": 1.0e-5,
        "density_tolerance": 1.0e-4,
    },
    "kpts_per_primitive_cell": {"bulk": 2, "lateral": 2},
    "molecule_margin_ang": 4.0,
}
STARTED: list[subprocess.Popen] = []
UNCOMPARED = ("provenance", "remedies", "history", "core_seconds")


@pytest.fixture(scope="module")
def sandbox():
    """Slurm, from installing to stopping; whatever a failed test left running goes with it."""
    subprocess.run([SANDBOX, "install"], check=True)
    subprocess.run([SANDBOX, "start"], check=True)
    yield
    for process in STARTED:
        if process.poll() is None:
            process.terminate()
            process.wait()
    subprocess.run([SANDBOX, "stop"], check=True)


@pytest.fixture(scope="module")
def tree(tmp_path_factory, sandbox):
    """A working copy of the repository with a toy campaign and a GPAW campaign."""
    place = tmp_path_factory.mktemp("slurm")
    for name in COPIED:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", place)
    protocols = place / "config" / "protocols.yaml"
    protocols.write_text(protocols.read_text() + "\n" + yaml.safe_dump({"tiny": TINY}))
    (place / "small.yaml").write_text(yaml.safe_dump(CAMPAIGN))
    (place / "dft.yaml").write_text(
        yaml.safe_dump({**CAMPAIGN, "campaign": "dft", "protocol": "tiny"})
    )
    return place


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The same toy campaign, run on this machine without Slurm."""
    place = workplace(tmp_path_factory.mktemp("local"))
    before = Path.cwd()
    os.chdir(place)
    try:
        return place / run_campaign(place / "small.yaml")
    finally:
        os.chdir(before)


def environment(**more):
    bare = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PEROPASS_", "SLURM_"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    mpi = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return {**bare, "PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": ".", **mpi, **more}


def submitted(tree, config, *arguments, **more):
    """Snakemake with the Slurm profile, started in the background."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--workflow-profile",
        "profiles/slurm",
        *QUICK,
        "--config",
    ]
    log = open(tree / f"snakemake-{time.monotonic_ns()}.log", "w", encoding="utf-8")
    process = subprocess.Popen(
        [*command, f"campaign={config}", *arguments],
        cwd=tree,
        env=environment(**more),
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    process.log = Path(log.name)
    STARTED.append(process)
    return process


def finished(process, timeout_s):
    status = process.wait(timeout=timeout_s)
    return status, process.log.read_text()


def until(found, timeout_s=PATIENCE_S, every_s=0.5):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(every_s)
    raise AssertionError(f"waited {timeout_s} s in vain")


def slurm(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def record(tree, path):
    return json.loads((tree / path).read_text())


def running(comment):
    """(job id, node) of a running Slurm job whose comment names a rule."""
    for line in slurm("squeue", "-h", "-t", "R", "-o", "%i %N %k").splitlines():
        job, node, said = line.split(maxsplit=2)
        if comment in said:
            return job, node
    return None


def start_up_min(tree):
    """Minutes that a job without work takes here and now, from the equation of state on Slurm."""
    target = f"{HOST}/bulk/eos.record.json"
    status, said = finished(submitted(tree, "small.yaml", "--", target), PATIENCE_S)
    assert status == 0, said[-3000:]
    took = slurm("squeue", "-h", "-t", "CD", "-o", "%M %k")
    elapsed = next(line.split()[0] for line in took.splitlines() if "rule_bulk" in line)
    minutes, seconds = elapsed.split(":")[-2:]
    return int(minutes) + int(seconds) / 60


def test_jobs_that_lose_memory_walltime_node_or_life_end_with_the_same_records(tree, local):
    """kx is killed for memory, ma-br also stops at its walltime, the slab is killed while its node drains.

    Its seventeen steps of a fifteenth of the walltime do not fit; the third attempt has twice as much, the last one plenty.
    """
    walltime = max(LEAST_WALLTIME_MIN, math.ceil(1.6 * start_up_min(tree)))
    targets = [f"{HOST}/molecules/{key}/relax.record.json" for key in ("kx", "ma-br")]
    molecule = [
        "molecule:mem_mb=min(60*attempt**4,900)",
        f"molecule:runtime=60 if attempt in (1, 4) else {walltime}*(attempt-1)",
    ]
    process = submitted(
        tree,
        "small.yaml",
        "--set-resources",
        *molecule,
        "--",
        *targets,
        SLAB,
        PEROPASS_TOY_SLEEP_S=str(4 * walltime),
    )
    job, node = until(lambda: running("rule_relax_clean"))
    journal = SLAB.replace("relax.record.json", "work-relax-*/journal.jsonl")
    until(lambda: any(len(file.read_text().splitlines()) > 2 for file in tree.glob(journal)))
    slurm("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    slurm("scancel", "--signal=KILL", "--full", job)
    second = until(lambda: (found := running("rule_relax_clean")) and found[0] != job and found)
    assert second[1] != node, "the second attempt must not land on the drained node"
    status, said = finished(process, PATIENCE_S)
    slurm("scontrol", "update", f"nodename={node}", "state=resume")
    assert status == 0, said[-3000:]

    logs = "\n".join(
        file.read_text() for file in (tree / ".snakemake" / "slurm_logs").rglob("*.log")
    )
    assert re.search(r"[Ee]xceeded.*memory limit|oom", logs), "no job was killed for memory"
    assert re.search(r"molecules/ma-br/.*exit status 75", logs), (
        "it must stop in time, not be killed"
    )
    for path in (targets[1], SLAB):
        done = record(tree, path)
        assert done["provenance"]["attempts"] > 1
        assert any("continued from ionic step" in remedy for remedy in done["remedies"])
    for path in (*targets, SLAB):
        assert_same(record(tree, path), record(local.parents[1], path), path)


def test_the_campaign_ends_with_the_results_of_the_local_run(tree, local):
    status, said = finished(submitted(tree, "small.yaml"), PATIENCE_S)
    assert status == 0, said[-3000:]
    assert (tree / "results/small/report.html").stat().st_size > 10_000
    compared = 0
    for file in local.rglob("*.record.json"):
        path = file.relative_to(local.parents[1])
        if "work-" not in str(path):
            assert_same(record(tree, path), record(local.parents[1], path), path)
            compared += 1
    assert compared > 20
    assert_same(
        record(tree, "results/small/ranking.json"),
        record(local.parents[1], "results/small/ranking.json"),
        "",
    )
    for file in local.rglob("*.extxyz"):
        path = file.relative_to(local.parents[1])
        if "work-" not in str(path):
            assert (tree / path).read_bytes() == file.read_bytes(), path


def assert_same(found, expected, path):
    wrong = [
        f"{key}: {a!r} against {b!r}"
        for key, a, b in differences(found, expected)
        if not any(part in UNCOMPARED for part in key.split("."))
    ]
    assert not wrong, f"{path}: {wrong[:5]}"


def test_gpaw_on_two_ranks_agrees_with_one(tree):
    """HBr in a box: two ranks through Slurm against one rank here, within the stated noise of a relaxation."""
    from peropass.recompute import NOISE_EV

    site = tree / "profiles" / "slurm" / "site.yaml"
    settings = {
        **yaml.safe_load(site.read_text())["site"],
        "launcher": "mpirun --mca plm isolated --mca ras ^slurm",
    }
    site.write_text(yaml.safe_dump({"site": settings}))
    name = next(p.parent.name for p in (tree / HOST / "references").glob("BrH*/relax.record.json"))
    target = f"results/dft/tiny/CsPbBr3-cubic/references/{name}/relax.record.json"
    status, said = finished(
        submitted(tree, "dft.yaml", "--", target, PEROPASS_RANKS="2"), PATIENCE_S
    )
    assert status == 0, said[-3000:]
    parallel = record(tree, target)
    assert parallel["provenance"]["cores"] == 2
    shutil.move(tree / "results" / "dft", tree / "results" / "parallel")
    here = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--nolock",
        "--config",
        "campaign=dft.yaml",
        "--",
        target,
    ]
    subprocess.run(here, cwd=tree, env=environment(), check=True, capture_output=True)
    serial = record(tree, target)
    assert serial["provenance"]["cores"] == 1
    difference = parallel["energy"]["total_eV"] - serial["energy"]["total_eV"]
    assert abs(difference) < NOISE_EV["relax"], difference
    assert parallel["provenance"]["physics_hash"] == serial["provenance"]["physics_hash"]
