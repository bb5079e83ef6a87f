"""Vibrations, symmetry and solvation of small molecules: known mode counts, symmetry numbers and trends."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from peropass.engine import thermo_jobs
from peropass.engine.xtb_thermo import (
    describe_species,
    moments_of_inertia,
    solvation_free_energy,
    symmetry_number,
    wavenumbers,
)
from peropass.records import Address, Provenance

ADDRESS = Address(campaign="synthetic", protocol="smoke")
PROVENANCE = Provenance(revision=1, physics_hash="synthetic")


@pytest.mark.parametrize(
    ("name", "number"),
    [("H2O", 2), ("NH3", 3), ("CH4", 12), ("C6H6", 12), ("N2", 2), ("HCl", 1), ("CO2", 2)],
)
def test_symmetry_numbers_are_the_textbook_ones(name, number):
    assert symmetry_number(molecule(name)) == number


def test_water_has_three_modes_near_its_fundamentals_and_no_rigid_ones():
    record, relaxed = describe_species(molecule("H2O"), "H2O(g)", "O", ADDRESS, PROVENANCE)
    assert record.status == "ok"
    # Fundamentals 1595, 3657, 3756 cm^-1; GFN2-xTB is within 7 % of them.
    assert record.wavenumbers_cm == pytest.approx([1595, 3657, 3756], rel=0.07)
    assert record.mass_u == pytest.approx(18.015, abs=0.001)
    assert record.symmetry_number == 2
    assert len(relaxed) == 3
    assert set(record.solvation_eV) == {"hexane", "toluene", "ethylacetate", "water"}


def test_linear_molecules_have_one_mode_more():
    record, _ = describe_species(
        molecule("CO2"), "CO2(g)", "O=C=O", ADDRESS, PROVENANCE, solvents=()
    )
    assert len(record.wavenumbers_cm) == 4
    assert min(record.moments_u_ang2) == pytest.approx(0, abs=1e-6)


def test_wavenumbers_do_not_depend_on_orientation():
    record, relaxed = describe_species(
        molecule("HCl"), "HCl(g)", "Cl", ADDRESS, PROVENANCE, solvents=()
    )
    relaxed.rotate(37, (1, 2, 3))
    assert wavenumbers(relaxed) == pytest.approx(record.wavenumbers_cm, abs=1.0)


def test_an_atom_has_neither_modes_nor_moments():
    argon = Atoms("Ar")
    assert (wavenumbers(argon), moments_of_inertia(argon), symmetry_number(argon)) == ([], [], 1)


def test_water_prefers_water():
    # Measured: -0.27 eV from gas into water, close to zero into hexane.
    polar = solvation_free_energy(molecule("H2O"), "water")
    assert polar < solvation_free_energy(molecule("H2O"), "hexane") - 0.05
    assert -0.6 < polar < -0.1


def test_failure_is_a_record_with_its_reason():
    clash = Atoms("H4", positions=np.zeros((4, 3)) + np.arange(4)[:, None] * 1e-4)
    record, _ = describe_species(clash, "H4(g)", "", ADDRESS, PROVENANCE, solvents=())
    assert record.status in ("failed", "unconverged")
    assert record.reason


def test_oxygen_keeps_the_two_unpaired_electrons_that_dft_gave_it(tmp_path):
    """Ground state of O2 is a triplet; its stretch is measured at 1580 cm-1 (Huber and Herzberg 1979)."""
    oxygen = Atoms("OO", [(0, 0, 0), (0, 0, 1.21)])
    triplet = thermo_jobs.run(oxygen, "O2(g)", "O=O", ADDRESS, tmp_path / "t.json", unpaired=2)
    singlet = thermo_jobs.run(oxygen, "O2(g)", "O=O", ADDRESS, tmp_path / "s.json")
    assert (triplet.multiplicity, singlet.multiplicity) == (3, 1)
    assert triplet.provenance.physics_hash != singlet.provenance.physics_hash
    assert triplet.wavenumbers_cm[-1] == pytest.approx(1580, rel=0.1)
