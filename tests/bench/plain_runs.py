"""Runs of the plain script, one after another; each result is kept in results/bench and never computed twice.

    python -m tests.bench.plain_runs csbr kx ma-br ddab

Minutes to an hour per candidate on one core. PEROPASS_BENCH_CAMPAIGN names the campaign folder (default: results/quickstart), from which the
relaxed socket and the gas-phase molecules come.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CAMPAIGN = Path(os.environ.get("PEROPASS_BENCH_CAMPAIGN", ROOT / "results" / "quickstart"))
SITE = CAMPAIGN / "smoke" / "CsPbBr3-cubic" / "001-CsX" / "V-CsX"
KEPT = ROOT / "results" / "bench"


def plain(candidate: str) -> dict:
    """Result of the plain script; computed once."""
    out = KEPT / f"plain-{candidate}.json"
    if not out.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        socket = SITE / "none" / "none" / "relax.final.extxyz"
        record = SITE.parents[1] / "molecules" / candidate / "relax.record.json"
        molecule = record.parent / json.loads(record.read_text())["final"]["file"]
        script = [sys.executable, str(ROOT / "tests" / "bench" / "plain_script.py")]
        subprocess.run(
            [*script, candidate, str(socket), str(out), str(molecule)],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    return json.loads(out.read_text())


if __name__ == "__main__":
    for name in sys.argv[1:]:
        found = plain(name)
        sys.stdout.write(
            f"{name}: {found['ionic_steps']} steps, {found['scf_iterations']} iterations, {found['wall_s']} s, "
            f"{found['energy_eV']:.4f} eV{'' if found['converged'] else ', NOT CONVERGED'}\n"
        )
        sys.stdout.flush()
