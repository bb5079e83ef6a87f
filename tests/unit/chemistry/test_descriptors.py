"""Descriptors against published cone angles, chain increments and dipoles."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from peropass.chemistry.conformers import part_conformers
from peropass.chemistry.descriptors import (
    cone_angle_deg,
    footprint_ang2,
    reach_ang,
    stretched_positions,
)
from peropass.chemistry.library import build_model, load_library
from peropass.chemistry.molecules import parse

LIBRARY = load_library()


@pytest.mark.parametrize(("smiles", "tolman"), [("CP(C)C", 118), ("FP(F)F", 104)])
def test_cone_angles_of_tolman(smiles, tolman):
    """Tolman, Chem. Rev. 77, 313 (1977): PF3 104, PMe3 118 degrees, from models that are a little wider than molecules."""
    (atoms, *_) = part_conformers(smiles, 1, 1)
    phosphorus = atoms.get_chemical_symbols().index("P")
    assert cone_angle_deg(atoms, phosphorus) == pytest.approx(tolman, abs=9)


def test_cone_angle_of_a_tetrahedral_phosphine():
    """Tolman's models are tetrahedral: PH3 87 degrees."""
    corners = np.array([[1, 1, -1], [1, -1, 1], [-1, 1, 1]]) / np.sqrt(3) * 1.42
    atoms = Atoms("PH3", np.vstack([np.zeros(3), corners]))
    assert cone_angle_deg(atoms, 0) == pytest.approx(87, abs=4)


def test_a_buried_anchor_has_no_cone():
    (atoms,) = part_conformers("C[N+](C)(C)C", 1, 1)
    assert cone_angle_deg(atoms, 1) is None


def test_footprint_of_one_atom_is_its_disc():
    """Bondi radius of Ar 1.88 A."""
    assert footprint_ang2(Atoms("Ar"), [0]) == pytest.approx(np.pi * 1.88**2, rel=0.01)


def test_reach_does_not_depend_on_how_the_molecule_lies():
    (atoms, *_) = part_conformers("CCN", 1, 1)
    turned = atoms.copy()
    turned.rotate(77, (1, 2, 3))
    assert reach_ang(atoms, [2]) == pytest.approx(reach_ang(turned, [2]))
    assert footprint_ang2(atoms, [2]) == pytest.approx(footprint_ang2(turned, [2]), rel=0.02)


def test_stretched_chain_grows_by_the_trans_increment():
    """Tanford: 1.265 A per CH2 of an all-trans chain."""
    lengths = []
    for n in (8, 18):
        positions = stretched_positions(parse("N" + "C" * n, "x"), 1)
        lengths.append(np.linalg.norm(positions - positions[0], axis=1).max())
    assert (lengths[1] - lengths[0]) / 10 == pytest.approx(1.265, abs=0.04)


def test_model_descriptors():
    """Chain length is that of the full ligand; alkali halide dipoles are near e times distance, KBr 10.6 D."""
    topo = build_model(LIBRARY.entries["topo"]).descriptors
    assert topo["chain_length_ang"] > topo["chain_length_model_ang"] + 6
    assert topo["dipole_debye"] == pytest.approx(
        4.4, abs=0.9
    )  # trimethylphosphine oxide, 4.3-4.4 D
    assert 8 < build_model(LIBRARY.entries["kx"]).descriptors["dipole_debye"] < 12
    taurine = build_model(LIBRARY.entries["taurine"]).descriptors
    assert 10 < taurine["dipole_debye"] < 25  # zwitterions: 10-25 D
