"""An atom held in a plane: never leaves it, is relaxed within it, and has a calculation of its own."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixedPlane

from peropass.config import PROTOCOLS_FILE
from peropass.engine import jobs
from peropass.engine.electronic import Setting, ToyEngine
from peropass.engine.freedom import confined, free_atoms, plane_normals, within_planes
from peropass.engine.journal import Journal
from peropass.engine.protocol import load_protocols
from peropass.engine.relaxation import relax
from peropass.records import Address

TOY = load_protocols(PROTOCOLS_FILE)["toy"]
NORMAL = np.array([1.0, 2.0, 0.5]) / np.linalg.norm([1.0, 2.0, 0.5])


def cluster():
    atoms = Atoms(
        "CsPbBr2", [(0, 0, 6), (3.4, 3.1, 6), (1.5, 3.0, 8.4), (4.7, 2.6, 8.6)], cell=[9, 9, 24]
    )
    atoms.set_constraint([FixAtoms([0]), FixedPlane(2, 3 * NORMAL)])
    return atoms


def test_a_plane_is_kept_and_what_lies_in_it_is_relaxed(tmp_path):
    start, engine = cluster(), ToyEngine(None, None)
    found = relax(start, TOY, engine, Journal(tmp_path / "j.jsonl", "k"))
    assert found.converged
    move = found.atoms.positions[2] - start.positions[2]
    assert abs(move @ NORMAL) < 1e-9
    assert np.linalg.norm(move) > 0.01
    true = engine.evaluate(found.atoms).forces[2]
    # independent route: what is left of the force lies along the normal
    assert np.linalg.norm(np.cross(true, NORMAL)) <= TOY.relax.fmax_eV_per_ang + 1e-9


def test_a_plane_lies_between_free_and_held(tmp_path):
    energies = {}
    for name, constraints in {
        "free": [FixAtoms([0])],
        "plane": [FixAtoms([0]), FixedPlane(2, NORMAL)],
        "held": [FixAtoms([0, 2])],
    }.items():
        atoms = cluster()
        atoms.set_constraint(constraints)
        journal = Journal(tmp_path / f"{name}.jsonl", name)
        energies[name] = relax(atoms, TOY, ToyEngine(None, None), journal).steps[-1].energy_eV
    assert energies["free"] <= energies["plane"] <= energies["held"]
    assert energies["held"] - energies["plane"] > 1e-3


def test_another_plane_is_another_calculation(tmp_path):
    job = jobs.Job(
        address=Address(campaign="c", protocol="toy"),
        protocol=TOY,
        record=tmp_path / "r.record.json",
        role="slab",
        stage="relax",
        setting=Setting(slab=True, kpts=(1, 1, 1)),
        relax=True,
    )
    one, other, none = cluster(), cluster(), cluster()
    other.set_constraint([FixAtoms([0]), FixedPlane(2, [0, 0, 1])])
    none.set_constraint(FixAtoms([0]))
    hashes = {jobs.physics_hash(atoms, job) for atoms in (one, other, none)}
    assert len(hashes) == 3
    assert jobs.physics_hash(one, replace(job, stage="relax")) in hashes


def test_no_plane_changes_nothing():
    forces, hessian = np.arange(12.0).reshape(4, 3), np.arange(144.0).reshape(12, 12)
    assert within_planes(forces, {}) is forces
    assert confined(hessian, {}) is hessian
    assert free_atoms(cluster()).tolist() == [1, 2, 3]


def test_a_confined_hessian_keeps_its_curvature_in_the_plane():
    random = np.random.default_rng(2)
    half = random.normal(size=(12, 12))
    hessian = half @ half.T
    found = confined(hessian, plane_normals(cluster()))
    normal = np.zeros(12)
    normal[6:9] = NORMAL
    assert found @ normal == pytest.approx(normal)
    inside = random.normal(size=12)
    inside -= (inside @ normal) * normal
    assert inside @ found @ inside == pytest.approx(inside @ hessian @ inside)
