"""10,000 synthetic candidates from their records to their candidate records, on two cores: below 60 s and 2 GB.

Everything that a row needs is read from record files: reactions with error bars, ladder of desorption channels, decomposition,
formability, distortion, and in a second run, by another process, the trap verdict from levels. PEROPASS_BENCH_ROWS makes it smaller.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from peropass.plan import machine

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "benchmarks.json"
ROWS = int(os.environ.get("PEROPASS_BENCH_ROWS", "10000"))
SECONDS_PER_10000, GIGABYTES, PROCESSES = 60.0, 2.0, "2"
REFUSED = (
    "two different calculations go by the"  # a row that is the native ligand under another name
)


def keep(key: str, row: dict) -> None:
    """Put a row into docs/benchmarks.json, beside what others keep there."""
    data = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    data[key] = row
    TABLE.write_text(json.dumps(data, indent=1) + "\n")
    sys.stdout.write(f"\n{key}: {json.dumps(row)}\n")


def run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", f"tests.bench.{module}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_candidates_with_and_without_the_trap_verdict(tmp_path):
    """Every row has its numbers, memory is bounded, and the energies of 10,000 rows take less than a minute."""
    run("synthetic_records", str(tmp_path), str(ROWS))
    folder = tmp_path / "synthetic"
    with_traps = json.loads(run("analyse_rows", str(folder), PROCESSES).splitlines()[-1])
    for file in folder.rglob("k0/levels.record.json"):
        file.unlink()
    energies = json.loads(run("analyse_rows", str(folder), PROCESSES).splitlines()[-1])
    keep(
        "candidate_analysis",
        {
            "what": "candidate records from record files, synthetic rows",
            "rows": ROWS,
            "energies": energies,
            "with trap verdict": with_traps,
            "machine": machine(),
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
        },
    )
    for found, what in ((energies, "decomposition"), (with_traps, "verdict")):
        refused = found["not_ok"].get(REFUSED, 0)
        assert found["rows_with"][what] + refused == ROWS, found
        assert found["peak_GB"] < GIGABYTES
    assert energies["rows_with"].get("verdict", 0) == 0
    assert with_traps["wall_s"] / ROWS * 10_000 < SECONDS_PER_10000
