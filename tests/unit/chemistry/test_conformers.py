"""Conformers and neutral sets: counts from textbooks, geometry from experiment, determinism."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from peropass.chemistry.conformers import (
    bonds,
    even_directions,
    gas_phase_conformers,
    part_conformers,
    rmsd_ang,
    with_hydrogens,
)
from peropass.chemistry.library import build_model, load_library, model_from_smiles

LIBRARY = load_library()


def test_ethylenediamine_has_gauche_and_trans():
    """N-C-C-N torsion: both forms are minima of ethylenediamine."""
    found = part_conformers("NCCN", 6, 7)
    torsions = [min(a.get_dihedral(0, 1, 2, 3), 360 - a.get_dihedral(0, 1, 2, 3)) for a in found]
    assert any(t < 90 for t in torsions)
    assert any(t > 150 for t in torsions)


def test_rigid_ions_have_one_conformer():
    for smiles in ("C[N+](C)(C)C", "[S-]C#N", "[NH4+]", "F[B-](F)(F)F", "[Br-]"):
        assert len(part_conformers(smiles, 4, 1)) == 1


def test_lowest_energy_comes_first():
    energies = [a.info["energy_gfn2_eV"] for a in part_conformers("NCCO", 4, 3)]
    assert energies == sorted(energies)


@given(
    seed=st.integers(0, 2**31 - 1), smiles=st.sampled_from(["CC[NH3+]", "CS(=O)(=O)[O-]", "NCCN"])
)
@settings(max_examples=6, deadline=None)
def test_same_seed_same_geometry(seed, smiles):
    first, second = (part_conformers(smiles, 2, seed) for _ in range(2))
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert a.get_chemical_symbols() == b.get_chemical_symbols()
        assert np.array_equal(a.positions, b.positions)


def test_zwitterion_stays_one_as_a_part_and_its_bonds_are_those_of_the_smiles():
    """In vacuum taurine would move its proton; as a part it must not."""
    (part,) = build_model(LIBRARY.entries["taurine"], n_conformers=2).parts
    assert part.role == "zwitterion"
    wanted = {
        tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx())))
        for b in with_hydrogens(part.smiles).GetBonds()
    }
    assert all(bonds(atoms) == wanted for atoms in part.conformers)


def test_rmsd_ignores_how_the_molecule_lies_and_which_methyl_is_which():
    molecule = with_hydrogens("CP(C)(C)=O")
    (atoms,) = part_conformers("CP(C)(C)=O", 1, 1)
    moved = atoms.copy()
    moved.positions = Rotation.from_rotvec([0.3, 1.0, -0.5]).apply(moved.positions) + 4.0
    swapped = moved.copy()
    swapped.positions[[0, 2]] = swapped.positions[[2, 0]]
    assert rmsd_ang(molecule, atoms, moved) == pytest.approx(0.0, abs=1e-4)
    assert rmsd_ang(molecule, atoms, swapped) < 0.1


def test_zinc_bromide_is_linear_and_in_the_order_of_its_parts():
    """ZnBr2 vapour: linear, Zn-Br 2.204 A (gas electron diffraction); GFN2 is good to about 0.1 A."""
    atoms = gas_phase_conformers(build_model(LIBRARY.entries["znx2"]), 1)[0]
    assert atoms.get_chemical_symbols() == ["Zn", "Br", "Br"]
    assert atoms.get_angle(1, 0, 2) == pytest.approx(180, abs=8)
    assert atoms.get_distance(0, 1) == pytest.approx(2.204, abs=0.12)


def test_ion_pair_of_a_quaternary_ammonium_sits_on_a_face_of_the_tetrahedron():
    """Br- touches three methyl groups and none of them loses a proton."""
    model = build_model(LIBRARY.entries["ddab"], tail_carbons=1)
    (atoms, *_) = gas_phase_conformers(model, 1)
    carbons = [0, 2, 3, 4]
    near = np.sort(atoms.get_distances(len(atoms) - 1, carbons))
    assert not atoms.info["bonds_changed"]
    assert near[2] - near[0] < 0.2
    assert near[3] - near[2] > 1.0
    assert atoms.info["dipole_debye"] > 8


def test_neutral_tautomer_is_the_gas_phase_form_of_taurine():
    """Aminosulfonic acids, like amino acids, are not zwitterions in the gas phase."""
    entry = LIBRARY.entries["taurine"]
    neutral = gas_phase_conformers(build_model(entry, variant="neutral"), 1)[0]
    zwitterion = build_model(entry).parts[0].conformers[0]
    from peropass.engine.xtb_molecules import single_point

    assert neutral.info["energy_gfn2_eV"] < single_point(zwitterion).energy_eV - 0.2


def test_a_neutral_donor_binds_the_metal_of_a_complex():
    """Water on ZnCl2: O on Zn near 2.0-2.1 A, not on chloride."""
    model = model_from_smiles("O.[Zn+2].[Cl-].[Cl-]", n_conformers=1)
    atoms = gas_phase_conformers(model, 1)[0]
    assert atoms.get_chemical_symbols() == ["O", "H", "H", "Zn", "Cl", "Cl"]
    assert atoms.get_distance(0, 3) == pytest.approx(2.05, abs=0.2)


def test_molecules_without_an_anchor_still_have_a_gas_phase():
    """BF3 is planar with B-F 1.31 A; GFN2 is good to a few hundredths."""
    atoms = gas_phase_conformers(model_from_smiles("FB(F)F"), 1)[0]
    assert atoms.get_distances(1, [0, 2, 3]) == pytest.approx([1.31] * 3, abs=0.04)


def test_directions_cover_the_sphere_evenly():
    points = even_directions(200)
    assert np.allclose(np.linalg.norm(points, axis=1), 1.0)
    assert np.allclose(points.mean(axis=0), 0.0, atol=0.01)
    assert np.allclose(points.T @ points / 200, np.eye(3) / 3, atol=0.01)


def test_bond_graph_of_water():
    assert bonds(Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])) == {(0, 1), (0, 2)}
