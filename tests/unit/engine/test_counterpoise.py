"""Superposition error: signs, limits and where it enters. GPAW is not started."""

import numpy as np
import pytest
from ase import Atoms

from peropass.config import PROTOCOLS_FILE
from peropass.engine import counterpoise as module
from peropass.engine.counterpoise import Counterpoise, counterpoise, needs_counterpoise
from peropass.engine.electronic import ElectronicResult, Setting
from peropass.engine.protocol import load_protocols
from peropass.errors import EngineError

SMOKE = load_protocols(PROTOCOLS_FILE)["smoke"]
LCAO = SMOKE.model_copy(update={"energy": SMOKE.energy.model_copy(update={"mode": "lcao"})})
SLAB = Setting(slab=True, kpts=(1, 1, 1))


def pair(fragment=(0, 0, 1)):
    atoms = Atoms("CsBrHe", [(0, 0, 0), (3, 0, 0), (0, 0, 3)])
    atoms.set_array("fragment", np.array(fragment))
    return atoms


def test_a_larger_basis_lowers_a_fragment_and_the_correction_weakens_the_bond():
    """The numbers of a phosphine oxide on caesium: -0.466 eV as computed, -0.224 eV corrected."""
    found = Counterpoise(-10.466, -6.0, -4.0, -6.10, -4.142)
    assert found.interaction_eV == pytest.approx(-0.466)
    assert found.superposition_eV < 0
    assert found.corrected_eV == pytest.approx(-0.224)


def test_plane_waves_have_no_superposition_error():
    found = Counterpoise(-10.2, -6.0, -4.0, None, None)
    assert found.superposition_eV == 0
    assert found.corrected_eV == found.interaction_eV


@pytest.fixture
def asked(monkeypatch):
    """Engines that give each atom -1 eV and each ghost -0.1 eV; what they were asked for."""
    calls = []

    class Engine:
        def __init__(self, protocol, setting, folder):
            self.setting = setting

        def evaluate(self, atoms, forces):
            calls.append((atoms.get_chemical_formula(), self.setting.ghosts))
            energy = -float(len(atoms)) + 0.9 * len(self.setting.ghosts)
            return ElectronicResult(energy, energy, np.zeros((len(atoms), 3)), 1, "defaults")

    monkeypatch.setattr(module, "GpawEngine", Engine)
    return calls


def test_each_fragment_is_computed_in_its_own_and_in_the_whole_basis(asked, tmp_path):
    found = counterpoise(pair(), LCAO, SLAB, tmp_path)
    assert len(asked) == 5
    assert {ghosts for _, ghosts in asked} == {(), (0, 1), (2,)}
    assert found.superposition_eV == pytest.approx(
        -0.3
    )  # one ghost for the slab, two for the ligand
    assert found.itemised()["corrected_eV"] == pytest.approx(found.interaction_eV + 0.3)


def test_plane_waves_and_a_known_complex_cost_two_calculations(asked, tmp_path):
    found = counterpoise(pair(), SMOKE, SLAB, tmp_path, complex_eV=-3.5)
    assert len(asked) == 2
    assert found.interaction_eV == pytest.approx(-0.5)


def test_both_fragments_must_be_there(tmp_path):
    for fragment in ((0, 0, 0), (1, 1, 1)):
        with pytest.raises(EngineError, match="fragment"):
            counterpoise(pair(fragment), LCAO, SLAB, tmp_path)


def test_only_a_loaded_slab_in_orbitals_needs_it():
    assert needs_counterpoise(pair(), LCAO)
    assert not needs_counterpoise(pair(), SMOKE)
    assert not needs_counterpoise(pair((0, 0, 0)), LCAO)
    assert not needs_counterpoise(Atoms("He"), LCAO)
