"""Runs of the plain script, one after another; each result is kept and never computed twice.

    python -m tests.bench.plain_runs                  # all that are missing, cheapest first
    python -m tests.bench.plain_runs csbr kx          # these two
    python -m tests.bench.plain_runs --times 4        # none for more than four times the core-seconds that ours took
    python -m tests.bench.plain_runs --list           # what is there and what is under way
    python -m tests.bench.plain_runs --rates          # what an SCF iteration of the script costs on this machine (a minute or two each)

Ten minutes to an hour or two per candidate on one core. Results go to results/bench, each written when it is finished; a run that was killed
continues from its last ionic step when it is started again, one that fails is told and the others go on. One that was stopped by --times is kept
as not converged and goes on when it is asked for more. A second process skips what another one works on.
PEROPASS_BENCH_CAMPAIGN names the campaign folder from which the relaxed socket, the gas-phase molecules and our costs come (default:
results/quickstart where it is finished, else results/reference/quickstart, and for our costs the timed run of it in results/reference/bench).

Machines differ by a factor of two, and a run of the script is too long to be repeated with each of ours. Its SCF iterations are exact, so its cost
where ours was timed is their number times what one of them costs there: `--rates` runs the first ionic steps of each candidate. Asked before and after
ours, it adds up, which takes out the drift of a machine that others use too.
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from peropass.records import CalculationRecord, PosesRecord, read_record

ROOT = Path(__file__).resolve().parents[2]
CANDIDATES = ("kx", "csbr", "ma-br", "dbsa", "topo", "ddab", "znx2", "taurine")  # cheapest first
KEPT = ROOT / "results" / "bench"
COMMITTED = ROOT / "results" / "reference" / "bench"
TIMED = COMMITTED / "quickstart"  # records of our side that were timed beside the committed rates
RATE_CPU_S = 60.0  # of the script, to the end of the ionic step
UNDER_WAY, FAILED = "another process works on it", "the script failed"


def own_campaign() -> Path | None:
    """Folder of a finished quickstart of this checkout, or the one that was named."""
    named = os.environ.get("PEROPASS_BENCH_CAMPAIGN")
    own = ROOT / "results" / "quickstart"
    if named:
        return Path(named)
    return own if (own / "ranking.json").exists() else None


def site(campaign: Path) -> Path:
    return campaign / "smoke" / "CsPbBr3-cubic" / "001-CsX" / "V-CsX"


def rate(candidate: str) -> dict | None:
    """CPU seconds and SCF iterations of the script's first steps on the machine where ours was timed; None if not measured."""
    file = (KEPT if own_campaign() else COMMITTED) / f"rate-{candidate}.json"
    return json.loads(file.read_text()) if file.exists() else None


def plain_cost(candidate: str, run: dict) -> float:
    """Core-seconds of the script where ours was timed; where no rate was measured, those of its own machine."""
    here = rate(candidate)
    return (
        run["cpu_s"] if here is None else run["scf_iterations"] * here["cpu_s"] / here["iterations"]
    )


def finished(candidate: str) -> dict | None:
    """Result of the plain script where there is one: of this checkout, else the committed one."""
    for folder in (KEPT, COMMITTED):
        file = folder / f"plain-{candidate}.json"
        if file.exists():
            return json.loads(file.read_text())
    return None


def records(candidate: str) -> tuple[PosesRecord, list[CalculationRecord]]:
    """The campaign's records of a row: its poses and every relaxed pose, in the order in which they were begun."""
    folder = site(own_campaign() or TIMED) / candidate
    return (
        read_record(folder / "poses.record.json", PosesRecord),
        [
            read_record(path, CalculationRecord)
            for path in sorted(folder.glob("k*/relax.record.json"))
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
    with open(KEPT / f"plain-{candidate}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return UNDER_WAY
        out = KEPT / f"plain-{candidate}.json"
        return "" if script(candidate, out, times * ours(candidate)["core_s"]) else FAILED


def script(candidate: str, out: Path, most_cpu_s: float) -> bool:
    """Whether the script ended well."""
    place = site(own_campaign() or ROOT / "results" / "reference" / "quickstart")
    record = place.parents[1] / "molecules" / candidate / "relax.record.json"
    molecule = record.parent / json.loads(record.read_text())["final"]["file"]
    socket = place / "none" / "none" / "relax.final.extxyz"
    program = ROOT / "tests" / "bench" / "plain_script.py"
    done = subprocess.run(
        [sys.executable, *map(str, (program, candidate, socket, out, molecule, most_cpu_s))],
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    return done.returncode == 0


def measure_rate(candidate: str) -> str:
    """Time the script's first steps here, from the start, and add that to what was measured before; empty, or why there is no result."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"plain-{candidate}.json"
        if not script(candidate, out, RATE_CPU_S):
            return FAILED
        run = json.loads(out.read_text())
    file = KEPT / f"rate-{candidate}.json"
    before = json.loads(file.read_text()) if file.exists() else {"cpu_s": 0.0, "iterations": 0}
    found = {
        "candidate": candidate,
        "cpu_s": round(before["cpu_s"] + run["cpu_s"], 1),
        "iterations": before["iterations"] + run["scf_iterations"],
    }
    file.write_text(json.dumps(found) + "\n")
    return ""


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


def rates(candidates: list[str]) -> int:
    """0 all were measured, 1 some were not."""
    reasons = {name: measure_rate(name) for name in candidates}
    for name, reason in reasons.items():
        file = KEPT / f"rate-{name}.json"
        sys.stdout.write(reason and f"{name}: {reason}\n" or file.read_text())
    return 1 if any(reasons.values()) else 0


def main(arguments: list[str]) -> int:
    """0 all results are there, 1 some are not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--times", type=float, default=float("inf"), help="most cost, ours being 1")
    parser.add_argument("--list", action="store_true", help="compute nothing")
    parser.add_argument("--rates", action="store_true", help="time an SCF iteration here instead")
    options = parser.parse_args(arguments)
    if options.rates:
        return rates(options.names)
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
