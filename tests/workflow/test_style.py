"""The rule files as Snakemake's own tools see them."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).resolve().parents[2]


def test_lint_finds_nothing(finished):
    tree, _ = finished
    done = tree.snakemake("config/toy.yaml", "--lint")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in a good condition" in done.stdout + done.stderr


def test_rule_files_are_formatted():
    """Mend with `make format`."""
    command = [
        str(Path(sys.executable).with_name("snakefmt")),
        "--check",
        "Snakefile",
        "workflow/rules",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
