"""Ladder points in results/reference/convergence: what docs/convergence.json says follows from them, and none is computed again."""

import json
from pathlib import Path

import pytest

from peropass import convergence
from peropass.convergence import DEFAULT, Climb, load_plan, relaxed, structures_folder

ROOT = Path(__file__).resolve().parents[2]
FOUND = json.loads((ROOT / "docs" / "convergence.json").read_text())["ladders"]
MESHES = ("k_points", "relaxed_mesh")


@pytest.fixture
def climb(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    plan, protocol = load_plan(DEFAULT)

    def made(ladder: str, probe: str) -> Climb:
        start = relaxed(plan, protocol, probe, structures_folder(plan, probe))
        return Climb(plan, protocol, ladder, probe, start, tmp_path)

    return made


@pytest.mark.parametrize(
    ("ladder", "probe"),
    [
        (name, p)
        for name in MESHES
        for p, rungs in FOUND[name]["bindings"].items()
        if len(rungs) > 1
    ],
)
def test_binding_energies_on_meshes_follow_from_their_published_points(
    climb, ladder, probe, monkeypatch
):
    monkeypatch.setattr("peropass.engine.ladder_jobs.run", None)  # would compute
    own = climb(ladder, probe)
    assert own.bindings() == pytest.approx(FOUND[ladder]["bindings"][probe], abs=1e-4)
    if set(own.bindings()) == {str(rung) for rung in own.rungs}:
        assert own.run()
        assert own.left_s == 0


def test_a_point_that_is_published_nowhere_is_missing(climb, monkeypatch, tmp_path):
    monkeypatch.setattr(convergence, "COMMITTED", tmp_path / "none")
    own = climb("relaxed_mesh", "csbr")
    assert own.bindings() == {}
    assert own.left_s > 0
