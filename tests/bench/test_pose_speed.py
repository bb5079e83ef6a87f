"""Speed of the pose builder: 1,000 placed and de-duplicated poses per minute on one core."""

import time

import numpy as np
from ase import Atoms

from peropass.chemistry.model import Anchor, LigandModel, LigandPart
from peropass.surfaces.defects import make_site
from peropass.surfaces.hosts import load_host
from peropass.surfaces.poses import generate_poses
from peropass.surfaces.slabs import build_slab

POSES = 1000
SECONDS = 60.0


def test_thousand_poses_per_minute():
    """A ligand of 20 atoms on the socket of a 48-atom slab of the 2x2 cell."""
    rng = np.random.default_rng(0)
    chain = Atoms("NC9H10", positions=rng.normal(scale=0.4, size=(20, 3)))
    chain.positions[:, 2] += 0.7 * np.arange(20)
    part = LigandPart("chain", 0, "neutral", (Anchor("N0", (0,), ("Pb",)),), (chain,))
    model = LigandModel("chain", "default", "L-type", "chain", "chain", "none", (part,))
    slab = build_slab(
        load_host("CsPbBr3-cubic"), "001-CsX", a_ang=5.98, lateral="2x2", layers=5, height_ang=50
    )
    socket = make_site(slab, "V-CsX")
    start = time.perf_counter()
    found = generate_poses(
        socket.atoms, socket.holes, model, n=POSES, seed=1, orientations=POSES, min_contact=0.0
    )
    assert found.filters[0].after == POSES
    assert time.perf_counter() - start < SECONDS
