"""Two serial jobs side by side, or one job on two ranks? Seconds of one SCF either way, for slabs of 14, 28 and 56 atoms.

    python -m tests.bench.rank_efficiency

Ten to twenty minutes on two cores that do nothing else. The slab is the relaxed pristine one of the committed quickstart, repeated sideways, at the
protocol's settings and the folded mesh of the small cell. Prints the line `rank_efficiency` for config/cost-model.yaml: number of atoms, and
(seconds of two serial jobs side by side / 2) / (seconds of one job on two ranks). One means that ranks cost nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ase.io import read

from peropass.config import PROTOCOLS_FILE
from peropass.engine.electronic import GpawEngine, Setting
from peropass.engine.protocol import load_protocols
from peropass.workflow import PARALLEL_PYTHON

ROOT = Path(__file__).resolve().parents[2]
SLAB = (
    ROOT
    / "results/reference/quickstart/smoke/CsPbBr3-cubic/001-CsX/pristine/none/none/relax.final.extxyz"
)
REPEATS = ((1, 1), (2, 1), (2, 2))
LAUNCHER = os.environ.get("PEROPASS_MPIEXEC", "mpiexec")
LOOSENESS = 10.0  # of the SCF: iterations count, not digits


def one_scf(across: int, along: int, out: Path) -> None:
    """The worker: one SCF, its seconds and iterations."""
    atoms = read(SLAB).repeat((across, along, 1))
    engine = GpawEngine(
        load_protocols(PROTOCOLS_FILE)["smoke"], Setting(slab=True, kpts=(1, 1, 1)), out.parent
    )
    start = time.monotonic()
    found = engine.evaluate(atoms, LOOSENESS, forces=False)
    told = {
        "atoms": len(atoms),
        "seconds": time.monotonic() - start,
        "iterations": found.scf_iterations,
    }
    out.write_text(json.dumps(told))


def run_beside(commands: list[list[str]]) -> None:
    """Run commands at once; the first that fails stops the bench."""
    running = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    for process, command in zip(running, commands, strict=True):
        if process.wait():
            raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")


def measured(across: int, along: int) -> dict[str, float]:
    """Both ways for one size of the cell."""
    with tempfile.TemporaryDirectory() as folder:
        outs = [Path(folder) / name / "told.json" for name in ("one", "other", "ranks")]
        for out in outs:
            out.parent.mkdir()
        workers = [["-m", __spec__.name, str(across), str(along), str(out)] for out in outs]
        run_beside([[sys.executable, *worker] for worker in workers[:2]])
        run_beside([[LAUNCHER, "-n", "2", *PARALLEL_PYTHON.split(), *workers[2]]])
        one, other, ranks = (json.loads(out.read_text()) for out in outs)
    serial = max(one["seconds"], other["seconds"])
    return {
        "atoms": one["atoms"],
        "iterations": one["iterations"],
        "serial_s": round(serial, 1),
        "two_ranks_s": round(ranks["seconds"], 1),
        "efficiency": round(serial / 2 / ranks["seconds"], 3),
    }


def main(arguments: list[str]) -> None:
    if arguments:
        one_scf(int(arguments[0]), int(arguments[1]), Path(arguments[2]))
        return
    rows = []
    for repeats in REPEATS:
        rows.append(measured(*repeats))
        sys.stdout.write(f"{json.dumps(rows[-1])}\n")
        sys.stdout.flush()
    points = {row["atoms"]: row["efficiency"] for row in rows}
    sys.stdout.write(f"rank_efficiency: {json.dumps({str(k): v for k, v in points.items()})}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
