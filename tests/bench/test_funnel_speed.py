"""The cheap funnel: 20 poses on a 48-atom slab in under 5 minutes on two cores, in a cell of at least 16 A."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from peropass.chemistry.library import build_model, load_library
from peropass.config import PoseSettings
from peropass.engine import xtb
from peropass.engine.pose_jobs import score_and_relax
from peropass.surfaces.defects import make_site
from peropass.surfaces.funnel import run_funnel
from peropass.surfaces.hosts import load_host
from peropass.surfaces.poses import generate_poses
from peropass.surfaces.slabs import build_slab

TABLE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.json"
POSES, SLAB_ATOMS = 20, 48
SECONDS, CORES = 300.0, 2
SAME_ORDER_EV = 0.05  # a tenth of the spread that the funnel decides on


def keep(key: str, row: dict) -> None:
    """Put a row into docs/benchmarks.json, beside what others keep there."""
    data = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    data[key] = row
    TABLE.write_text(json.dumps(data, indent=1) + "\n")
    sys.stdout.write(f"\n{key}: {json.dumps(row)}\n")


@pytest.fixture(scope="module")
def placed():
    """Ethylammonium bromide on the socket of the 2x2 cell with five layers."""
    slab = build_slab(
        load_host("CsPbBr3-cubic"), "001-CsX", a_ang=5.9, lateral="2x2", layers=5, height_ang=36
    )
    assert len(slab) == SLAB_ATOMS
    socket = make_site(slab, "V-CsX")
    model = build_model(
        load_library().entry("ola-br"), tail_carbons=2, halide="Br", n_conformers=2, seed=1
    )
    found = generate_poses(socket.atoms, socket.holes, model, n=POSES, seed=20)
    assert len(found.poses) == POSES
    return found


def test_funnel_of_twenty_poses(placed):
    settings = PoseSettings(generate=POSES, relax=3)
    workers = min(CORES, os.cpu_count() or 1)
    start = time.perf_counter()
    scores = score_and_relax(placed, settings, settings.relax, workers)
    chosen = run_funnel(placed, scores, keep=settings.relax)
    seconds = time.perf_counter() - start
    cell, _ = xtb.repeated(placed.poses[0].atoms[xtb.upper_part(placed.poses[0].atoms)])
    keep(
        "funnel",
        {
            "what": "GFN1-xTB funnel of 20 poses on a 48-atom slab, 10 ligand steps for the better half",
            "seconds": round(seconds, 1),
            "processes": workers,
            "atoms_in_cell": len(cell),
            "relaxed": sum(score.accepted for score in scores),
        },
    )
    assert min(np.linalg.norm(cell.cell.array[:2], axis=1)) >= 16.0
    assert len(chosen.kept) == settings.relax
    assert seconds < SECONDS


def test_three_layers_order_poses_like_five(placed, monkeypatch):
    """What the cut takes away is the same for every pose: relative energies stay within 0.05 eV."""
    chosen = [pose.atoms for pose in placed.poses[:4:2]]
    cut = xtb.score_poses(chosen, relax_steps=0)
    monkeypatch.setattr(xtb, "SCORED_LAYERS", 5)
    monkeypatch.setattr(xtb, "upper_part", lambda pose: np.arange(len(pose)))
    whole = xtb.score_poses(chosen, relax_steps=0)
    gaps = [scores[1].energy_xtb_eV - scores[0].energy_xtb_eV for scores in (cut, whole)]
    keep(
        "funnel_layers", {"gap_of_two_poses_eV": {"three layers": gaps[0], "five layers": gaps[1]}}
    )
    assert gaps[0] == pytest.approx(gaps[1], abs=SAME_ORDER_EV)
