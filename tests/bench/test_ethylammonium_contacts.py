"""Ethylammonium on the A hole of the CsX face: three N-H...Br contacts below 2.6 A (Ravi 2017). Tier: GFN1-xTB, frozen slab.

Ravi et al., J. Phys. Chem. Lett. 8, 4988 (2017): the ammonium takes the place of a surface Cs and points its three
hydrogens to bromides.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from peropass.chemistry.library import build_model, load_library
from peropass.engine import xtb
from peropass.surfaces.defects import make_site
from peropass.surfaces.hosts import load_host
from peropass.surfaces.poses import generate_poses
from peropass.surfaces.slabs import build_slab

TABLE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.json"
CONTACT_ANG = 2.6
STEPS = 40
RELAXED = 2


def contacts_ang(atoms: Atoms) -> list[float]:
    """Shortest distance to a bromide from each hydrogen of the ammonium, ascending."""
    ligand = atoms.arrays["fragment"] == 1
    (nitrogen,) = np.flatnonzero(ligand & (atoms.symbols == "N"))
    hydrogens = [
        i
        for i in np.flatnonzero(ligand & (atoms.symbols == "H"))
        if atoms.get_distance(nitrogen, i) < 1.25
    ]
    bromides = np.flatnonzero(atoms.symbols == "Br")
    return sorted(float(atoms.get_distances(h, bromides, mic=True).min()) for h in hydrogens)


@pytest.fixture(scope="module")
def relaxed() -> xtb.XtbScore:
    """The best of six poses: all scored as placed, the lowest two relaxed."""
    slab = build_slab(load_host("CsPbBr3-cubic"), "001-CsX", a_ang=5.91, layers=3, height_ang=27)
    socket = make_site(slab, "V-CsX")
    entry = load_library().entry("ola-br")
    model = build_model(entry, tail_carbons=2, halide="Br", n_conformers=2, seed=1)
    poses = [p.atoms for p in generate_poses(socket.atoms, socket.holes, model, n=6, seed=20).poses]
    scores = xtb.score_poses(poses, relax_steps=0)
    best = sorted((s.energy_xtb_eV, k) for k, s in enumerate(scores) if s.energy_xtb_eV is not None)
    found = xtb.score_poses([poses[k] for _, k in best[:RELAXED]], relax_steps=STEPS)
    return min(found, key=lambda score: score.energy_xtb_eV)


def test_three_contacts(relaxed):
    found = contacts_ang(relaxed.atoms)
    data = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    data["ethylammonium_contacts"] = {
        "tier": relaxed.reason,
        "N-H...Br_ang": [round(length, 2) for length in found],
    }
    TABLE.write_text(json.dumps(data, indent=1) + "\n")
    sys.stdout.write(f"\n{json.dumps(data['ethylammonium_contacts'])}\n")
    assert relaxed.accepted
    assert len(found) == 3
    assert max(found) < CONTACT_ANG
