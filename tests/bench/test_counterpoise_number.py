"""Superposition error of the smallest ligand, O=PH3 upright on a Cs site of a CsBr-terminated slab.

Interaction energies without dispersion, measured once with GPAW 26.7 and gpaw-data 1.2.1: PW 500 -0.198, PW 300 -0.187, LCAO dzp -0.466, LCAO
with counterpoise -0.224 eV. Two to five minutes on one core.
"""

import numpy as np
import pytest
from ase import Atoms

from peropass.config import PROTOCOLS_FILE
from peropass.engine.counterpoise import counterpoise
from peropass.engine.electronic import Setting
from peropass.engine.protocol import EnergySettings, load_protocols

A_ANG = 5.95
CS_O_ANG = 3.0
PO_ANG, PH_ANG, OPH_DEG = 1.48, 1.42, 117.0
VACUUM_ANG = 9.0
WITHIN_EV = 0.020
KNOWN = {"lcao": -0.466, "lcao corrected": -0.224, "pw300": -0.187}


def phosphine_oxide():
    """O at the origin, P above it, three H around."""
    polar = np.radians(180.0 - OPH_DEG)
    hydrogens = [
        (
            PH_ANG * np.sin(polar) * np.cos(turn),
            PH_ANG * np.sin(polar) * np.sin(turn),
            PO_ANG + PH_ANG * np.cos(polar),
        )
        for turn in np.radians([0, 120, 240])
    ]
    return Atoms("OPH3", [(0, 0, 0), (0, 0, PO_ANG), *hydrogens])


def loaded():
    """Seven atoms of the ideal 1x1 slab and the ligand above its Cs, Gamma only: a number to reproduce, no model of a surface."""
    a = A_ANG
    slab = Atoms(
        "CsBrPbBr2CsBr",
        [
            (0, 0, 0),
            (a / 2, a / 2, 0),
            (a / 2, a / 2, a / 2),
            (0, a / 2, a / 2),
            (a / 2, 0, a / 2),
            (0, 0, a),
            (a / 2, a / 2, a),
        ],
    )
    ligand = phosphine_oxide()
    ligand.positions += slab.positions[5] + [0, 0, CS_O_ANG]
    atoms = slab + ligand
    atoms.positions[:, 2] += VACUUM_ANG
    atoms.set_cell([a, a, atoms.positions[:, 2].max() + VACUUM_ANG])
    atoms.pbc = (True, True, False)
    atoms.set_array("fragment", np.array([0] * 7 + [1] * 5))
    return atoms


def interaction(folder, **energy):
    smoke = load_protocols(PROTOCOLS_FILE)["smoke"]
    kept = {k: v for k, v in smoke.energy.model_dump().items() if k != "grid_spacing_ang"}
    settings = EnergySettings(**{**kept, "energy_tolerance_eV_per_electron": 1e-6, **energy})
    chosen = smoke.model_copy(update={"energy": settings})
    return counterpoise(loaded(), chosen, Setting(slab=True, kpts=(1, 1, 1)), folder)


def test_orbitals_overbind_and_counterpoise_mends_it(tmp_path):
    found = interaction(tmp_path, mode="lcao")
    assert found.interaction_eV == pytest.approx(KNOWN["lcao"], abs=WITHIN_EV)
    assert found.corrected_eV == pytest.approx(KNOWN["lcao corrected"], abs=WITHIN_EV)


def test_plane_waves_need_none(tmp_path):
    found = interaction(tmp_path, ecut_eV=300)
    assert found.interaction_eV == pytest.approx(KNOWN["pw300"], abs=WITHIN_EV)
    assert found.superposition_eV == 0
