"""Atomic orbitals with GPAW itself: a dimer that is held together by nothing but borrowed basis functions."""

import numpy as np
import pytest
from ase import Atoms

from peropass.config import PROTOCOLS_FILE
from peropass.engine.counterpoise import counterpoise
from peropass.engine.electronic import Setting
from peropass.engine.protocol import load_protocols

pytestmark = pytest.mark.gpaw


def test_counterpoise_unbinds_two_helium_atoms(tmp_path):
    """At 2.5 A closed shells repel in PBE; dzp alone makes them attract. Both atoms err alike."""
    atoms = Atoms("HeHe", [(4, 4, 3), (4, 4, 5.5)], cell=[8, 8, 9], pbc=(True, True, False))
    atoms.set_array("fragment", np.array([0, 1]))
    chosen = load_protocols(PROTOCOLS_FILE)["large-lcao"]
    found = counterpoise(atoms, chosen, Setting(slab=True, kpts=(1, 1, 1)), tmp_path)
    assert found.interaction_eV < 0 < found.corrected_eV
    own = found.slab_in_full_basis_eV - found.slab_eV
    other = found.ligand_in_full_basis_eV - found.ligand_eV
    assert own < 0
    assert own == pytest.approx(other, abs=1e-3)
