"""Runs of the plain script, one after another; each result is kept and never computed twice.

    python -m tests.bench.plain_runs                  # all that are missing, cheapest first
    python -m tests.bench.plain_runs csbr kx          # these two
    python -m tests.bench.plain_runs --times 4        # none for more than four times the core-seconds that ours took
    python -m tests.bench.plain_runs --list           # what is there and what is under way

Ten minutes to an hour or two per candidate on one core. Results go to results/bench, each written when it is finished; a run that was killed
continues from its last ionic step when it is started again, one that fails is told and the others go on. One that was stopped by --times is kept
as not converged and goes on when it is asked for more. A second process skips what another one works on.
PEROPASS_BENCH_CAMPAIGN names the campaign folder from which the relaxed socket and the gas-phase molecules come (default: results/quickstart
where it is finished, else results/reference/quickstart).
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

from peropass.records import CalculationRecord, PosesRecord, read_record

ROOT = Path(__file__).resolve().parents[2]
CANDIDATES = ("kx", "csbr", "ma-br", "dbsa", "topo", "ddab", "znx2", "taurine")  # cheapest first
KEPT = ROOT / "results" / "bench"
COMMITTED = ROOT / "results" / "reference" / "bench"
UNDER_WAY, FAILED = "another process works on it", "the script failed"


def campaign() -> Path:
    """Folder of the finished quickstart whose structures and costs are compared."""
    named = os.environ.get("PEROPASS_BENCH_CAMPAIGN")
    own = ROOT / "results" / "quickstart"
    if named:
        return Path(named)
    return own if (own / "ranking.json").exists() else ROOT / "results" / "reference" / "quickstart"


def site() -> Path:
    return campaign() / "smoke" / "CsPbBr3-cubic" / "001-CsX" / "V-CsX"


def finished(candidate: str) -> dict | None:
    """Result of the plain script where there is one: of this checkout, else the committed one."""
    for folder in (KEPT, COMMITTED):
        file = folder / f"plain-{candidate}.json"
        if file.exists():
            return json.loads(file.read_text())
    return None


def records(candidate: str) -> tuple[PosesRecord, list[CalculationRecord]]:
    """The campaign's records of a row: its poses and every relaxed pose, in the order in which they were begun."""
    return (
        read_record(site() / candidate / "poses.record.json", PosesRecord),
        [
            read_record(path, CalculationRecord)
            for path in sorted((site() / candidate).glob("k*/relax.record.json"))
        ],
    )


def cost_to_energy(candidate: str, energy_eV: float) -> float | None:
    """Core-seconds until the campaign first had a structure this low, one relaxation after the other; None if it never had."""
    poses, loaded = records(candidate)
    spent = poses.provenance.core_s
    for record in loaded:
        for step in record.history:
            spent += step.seconds * record.provenance.cores
            if step.energy_eV <= energy_eV:
                return spent
    return None


def ours(candidate: str) -> dict:
    """What the campaign's records say: poses and every relaxed pose."""
    poses, loaded = records(candidate)
    usable = [record for record in loaded if record.status == "ok"]
    best = min(usable, key=lambda record: record.energy.total_eV)
    return {
        "core_s": poses.provenance.core_s + sum(r.provenance.core_s for r in loaded),
        "ionic_steps": sum(r.ionic_steps for r in loaded),
        "scf_iterations": sum(r.scf_iterations for r in loaded),
        "energy_eV": best.energy.total_eV,
        "peak_MB": max(r.provenance.peak_MB for r in loaded),
    }


def is_enough(candidate: str, times: float) -> bool:
    """Whether there is a converged run, or one that has cost `times` what ours did."""
    run = finished(candidate)
    if run is None:
        return False
    return run["converged"] or run["cpu_s"] >= times * ours(candidate)["core_s"]


def compute(candidate: str, times: float) -> str:
    """Run the script, or continue its run; empty, or why there is no result."""
    KEPT.mkdir(parents=True, exist_ok=True)
    record = site().parents[1] / "molecules" / candidate / "relax.record.json"
    molecule = record.parent / json.loads(record.read_text())["final"]["file"]
    script = [sys.executable, str(ROOT / "tests" / "bench" / "plain_script.py")]
    socket = site() / "none" / "none" / "relax.final.extxyz"
    most = times * ours(candidate)["core_s"]
    arguments = [candidate, socket, KEPT / f"plain-{candidate}.json", molecule, most]
    with open(KEPT / f"plain-{candidate}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return UNDER_WAY
        done = subprocess.run(
            [*script, *map(str, arguments)],
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    return "" if done.returncode == 0 else FAILED


def told(candidate: str) -> str:
    """One line of what is known of a candidate."""
    found = finished(candidate)
    if found is None:
        state = KEPT / f"plain-{candidate}.state.json"
        if not state.exists():
            return f"{candidate}: no plain run yet"
        found = json.loads(state.read_text())
        return (
            f"{candidate}: under way, {found['ionic_steps']} steps, {found['cpu_s']} s, "
            f"largest force {found['fmax_eV_per_ang']:.3f} eV/Angstrom"
        )
    return (
        f"{candidate}: {found['ionic_steps']} steps, {found['scf_iterations']} iterations, {found['cpu_s']} core-s, "
        f"{found['energy_eV']:.4f} eV{'' if found['converged'] else ', NOT CONVERGED'}"
    )


def main(arguments: list[str]) -> int:
    """0 all results are there, 1 some are not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--times", type=float, default=float("inf"), help="most cost, ours being 1")
    parser.add_argument("--list", action="store_true", help="compute nothing")
    options = parser.parse_args(arguments)
    missing = 0
    for name in options.names:
        enough = options.list or is_enough(name, options.times)
        reason = "" if enough else compute(name, options.times)
        missing += finished(name) is None
        sys.stdout.write(told(name) + (f" ({reason})" if reason else "") + "\n")
        sys.stdout.flush()
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
