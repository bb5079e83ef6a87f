"""Runs of the plain script, one after another; each result is kept and never computed twice.

    python -m tests.bench.plain_runs                  # all that are missing, cheapest first
    python -m tests.bench.plain_runs csbr kx          # these two
    python -m tests.bench.plain_runs --list           # what is there and what is under way

Ten minutes to an hour or two per candidate on one core. Results go to results/bench, each written when it is finished; a run that was killed
continues from its last ionic step when it is started again, one that fails is told and the others go on. A second process skips what another one works on.
PEROPASS_BENCH_CAMPAIGN names the campaign folder from which the relaxed socket and the gas-phase molecules come (default: results/quickstart
where it is finished, else results/reference/quickstart).
"""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

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


def compute(candidate: str) -> str:
    """Run the script, or continue its run; empty, or why there is no result."""
    KEPT.mkdir(parents=True, exist_ok=True)
    record = site().parents[1] / "molecules" / candidate / "relax.record.json"
    molecule = record.parent / json.loads(record.read_text())["final"]["file"]
    script = [sys.executable, str(ROOT / "tests" / "bench" / "plain_script.py")]
    socket = site() / "none" / "none" / "relax.final.extxyz"
    arguments = [candidate, socket, KEPT / f"plain-{candidate}.json", molecule]
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
    names = [a for a in arguments if not a.startswith("-")] or list(CANDIDATES)
    missing = 0
    for name in names:
        reason = "" if finished(name) or "--list" in arguments else compute(name)
        missing += finished(name) is None
        sys.stdout.write(told(name) + (f" ({reason})" if reason else "") + "\n")
        sys.stdout.flush()
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
