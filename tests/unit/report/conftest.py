"""The synthetic campaign of the browser tests also feeds the unit tests of the report."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "report"))

from synthetic import make_campaign


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """Twelve synthetic rows; read only."""
    return make_campaign(tmp_path_factory.mktemp("made") / "synthetic", n=12)


@pytest.fixture
def campaign(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "synthetic"))
