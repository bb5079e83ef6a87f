"""The same input gives the same bytes: structures, poses, hashes, analysis and ranking, in another process as well."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).resolve().parents[2]
COMMAND = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from campaign_folder import CAMPAIGN, run_campaign, workplace
workplace(Path.cwd())
rows = [*CAMPAIGN["candidates"], {"ligand": "ddab"}]
run_campaign(Path("small.yaml"), {**CAMPAIGN, "candidates": rows, "lability": {"solvent": "toluene"}})
"""
TIMES = {"started_utc", "wall_s", "core_s", "core_seconds", "seconds", "peak_MB"}


def campaign(place, hash_seed):
    """Structures as they are, records without what a clock says, of one run in a process of its own."""
    place.mkdir()
    subprocess.run(
        [sys.executable, "-c", COMMAND, str(ROOT), str(ROOT / "tests" / "unit")],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": hash_seed},
        check=True,
    )
    root = place / "results" / "small"
    files = [f for f in sorted(root.rglob("*")) if f.suffix in (".extxyz", ".json", ".csv")]
    declared = [f for f in files if "work-" not in str(f.relative_to(root))]
    return {str(f.relative_to(root)): content(f) for f in declared}


def content(file):
    if file.suffix == ".json":
        return timeless(json.loads(file.read_text()))
    if file.suffix == ".csv":
        header, *rows = [line.split(",") for line in file.read_text().splitlines()]
        cost = header.index("core_seconds")
        return [cell for row in rows for n, cell in enumerate(row) if n != cost]
    return file.read_bytes()


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(v) for key, v in value.items() if key not in TIMES}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def test_two_runs_of_one_campaign_differ_in_their_clocks_alone(tmp_path):
    one, two = campaign(tmp_path / "one", "1"), campaign(tmp_path / "two", "2")
    assert sum(name.endswith(".extxyz") for name in one) > 20
    assert sum(name.endswith(".record.json") for name in one) > 20
    assert set(one) == set(two)
    assert [name for name in one if one[name] != two[name]] == []
