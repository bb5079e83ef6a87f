"""Numbers that others have measured or computed, from calculations of seconds."""

import numpy as np
import pytest
from tiny import diatomic, job, protocol

from peropass.engine import jobs
from peropass.units import DEBYE_E_ANG

pytestmark = pytest.mark.gpaw


def test_hydrogen_bond_length(hydrogen):
    """0.741 A measured (Huber and Herzberg 1979), 0.750 A in PBE."""
    record, atoms = hydrogen
    assert record.status == "ok"
    assert 0.74 <= atoms.get_distance(0, 1) <= 0.76


def test_hydrogen_atomisation_energy(hydrogen, tmp_path):
    """104.6 kcal/mol = 4.536 eV in PBE (Kurth, Perdew and Blaha 1999); the atom is a doublet."""
    from ase import Atoms

    atom = Atoms("H", [(4, 4, 4)], cell=[8, 8, 8], pbc=True)
    alone = jobs.run(atom, job(tmp_path, protocol(400, smearing_eV=0.01), spin=True))
    assert alone.magnetic_moment_muB == pytest.approx(1, abs=0.01)
    assert 2 * alone.energy.total_eV - hydrogen[0].energy.total_eV == pytest.approx(4.536, abs=0.08)


@pytest.fixture(scope="module")
def potassium_bromide(tmp_path_factory):
    """At the measured bond length (2.821 A, Huber and Herzberg 1979) in boxes of 12 and 15 A."""
    return {
        box: jobs.run(diatomic("KBr", 2.821, box), job(tmp_path_factory.mktemp("kbr"), protocol()))
        for box in (12.0, 15.0)
    }


def test_dipole_of_potassium_bromide(potassium_bromide):
    """10.63 D measured (CRC Handbook); PBE within 5 %. From bromide to potassium, along the molecule."""
    dipole = np.array(potassium_bromide[15.0].dipole_e_ang) / DEBYE_E_ANG
    assert np.linalg.norm(dipole) == pytest.approx(10.63, rel=0.05)
    assert dipole[:2] == pytest.approx([0, 0], abs=0.02)
    assert dipole[2] < 0  # K below Br: the dipole points to the positive end


def test_the_dipole_term_takes_the_box_out_of_the_energy(potassium_bromide):
    """Makov and Payne (10.1103/PhysRevB.51.4014): what is left falls with the fifth power of the edge."""
    small, large = (potassium_bromide[box].energy for box in (12.0, 15.0))
    assert abs(small.electronic_eV - large.electronic_eV) > 0.02
    assert abs(small.total_eV - large.total_eV) < 0.005


def test_what_is_computed_does_not_depend_on_where_the_molecule_lies(potassium_bromide, tmp_path):
    """Half a grid step aside: the egg-box of plane waves is small."""
    atoms = diatomic("KBr", 2.821, 12.0)
    atoms.positions += 0.08
    moved = jobs.run(atoms, job(tmp_path, protocol()))
    assert moved.energy.total_eV == pytest.approx(
        potassium_bromide[12.0].energy.total_eV, abs=0.005
    )


def test_versions_and_datasets_are_recorded(hydrogen):
    found = hydrogen[0].provenance.versions
    assert {"gpaw", "gpaw-data", "ase", "libxc", "paw-H"} <= set(found)
    assert len(found["paw-H"]) == 16


def test_a_slab_record_carries_its_checks(slab_record):
    """60 valence electrons: 2 x 9 (Cs) + 14 (Pb) + 4 x 7 (Br); the dipole layer leaves a flat vacuum."""
    found = {check.name: check for check in slab_record.checks}
    assert found["valence electrons"].passed
    assert found["valence electrons"].value == slab_record.n_electrons == 60
    assert found["potential slope in vacuum"].passed
    assert found["potential slope in vacuum"].value < 0.02
    assert slab_record.status == "ok"


def test_the_face_with_the_raised_bromide_has_the_higher_work_function(slab_record):
    """A negative ion moved outwards makes leaving harder."""
    bottom, top = slab_record.work_functions_eV
    assert top > bottom + 0.5
