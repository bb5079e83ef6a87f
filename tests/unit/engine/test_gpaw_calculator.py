"""Keywords for GPAW: what must be set, and what no rung of the remedy ladder may loosen. GPAW is not started."""

import numpy as np
import pytest
from ase import Atoms

from peropass.config import PROTOCOLS_FILE
from peropass.engine import gpaw_calculator
from peropass.engine.gpaw_calculator import SCF_LADDER, grid_points, keywords
from peropass.engine.protocol import load_protocols
from peropass.errors import EngineError

SMOKE = load_protocols(PROTOCOLS_FILE)["smoke"]
GAMMA = (1, 1, 1)
CELL = np.diag([8.3556, 8.3556, 22.0])


def slab(**more):
    return keywords(SMOKE, **{"cell_ang": CELL, "slab": True, "kpts": GAMMA, **more})


def test_slabs_have_a_dipole_layer_and_molecules_have_none():
    assert slab()["poissonsolver"] == {"dipolelayer": "xy"}
    assert "poissonsolver" not in slab(slab=False)


def test_atoms_that_move_keep_no_point_group():
    assert slab()["symmetry"] == {"point_group": False}


def test_settings_come_from_the_protocol():
    found = slab()
    assert found["mode"] == {"name": "pw", "ecut": 300}
    assert found["xc"] == "PBE"
    assert found["occupations"] == {"name": "fermi-dirac", "width": 0.05}
    assert found["convergence"]["energy"] == 1e-5
    assert found["maxiter"] == 100


def test_the_first_try_is_ours_and_the_second_is_what_gpaw_does_by_itself():
    assert SCF_LADDER[0].changes == {}
    assert "basis" not in slab()
    second = slab(rung=SCF_LADDER[1])
    assert second["mixer"] == {"name": "msr1"} != slab()["mixer"]
    assert second["eigensolver"] == {"name": "ppcg"} != slab()["eigensolver"]


@pytest.mark.parametrize("rung", SCF_LADDER, ids=lambda rung: rung.name)
def test_no_rung_touches_the_physics_or_the_tolerances(rung):
    first, later = slab(), slab(rung=rung)
    for key in (
        "mode",
        "xc",
        "kpts",
        "symmetry",
        "occupations",
        "convergence",
        "poissonsolver",
        "spinpol",
    ):
        assert later[key] == first[key], f"{rung.name} changes {key}"


def test_rungs_differ_and_have_names_of_their_own():
    assert len({rung.name for rung in SCF_LADDER}) == len(SCF_LADDER)
    changes = [str(rung.changes) for rung in SCF_LADDER]
    assert len(set(changes)) == len(changes)


def test_keywords_of_one_call_are_not_those_of_the_next():
    first = slab()
    first["convergence"]["energy"] = 1.0
    first["poissonsolver"].clear()
    assert slab()["convergence"]["energy"] == 1e-5
    assert slab()["poissonsolver"]


@pytest.mark.parametrize("rung", SCF_LADDER, ids=lambda rung: rung.name)
def test_final_levels_have_converged_empty_states_and_narrow_smearing(rung):
    found = slab(final_levels=True, rung=rung)
    wanted = SMOKE.levels.states_above
    buffer = -found["convergence"]["bands"]
    assert buffer > 0
    assert -found["nbands"] - buffer >= wanted
    assert found["occupations"]["width"] == SMOKE.levels.smearing_eV < SMOKE.energy.smearing_eV
    assert found["convergence"]["energy"] == 1e-5


def test_gamma_only_on_several_ranks_splits_the_domain():
    assert slab(ranks=2)["parallel"] == {"domain": 2}
    assert "parallel" not in slab(ranks=1)


@pytest.mark.parametrize("ranks", [2, 3, 4, 6, 8, 12, 64])
@pytest.mark.parametrize("mesh", [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 4, 4)])
def test_ranks_go_to_k_points_first_and_none_is_left_over(ranks, mesh):
    """Time reversal may halve the mesh: no more groups than that, or GPAW refuses."""
    n = mesh[0] * mesh[1] * mesh[2]
    found = slab(ranks=ranks, kpts=mesh)["parallel"]
    kpt, domain, band = (found.get(key, 1) for key in ("kpt", "domain", "band"))
    assert kpt * domain * band == ranks
    assert kpt <= (n + 1) // 2
    assert domain <= gpaw_calculator.MOST_DOMAIN_RANKS


def test_a_gpu_is_asked_for_by_the_machine_and_only_where_there_is_one(monkeypatch):
    assert "parallel" not in slab()
    assert slab(gpu=True)["parallel"] == {"gpu": True}
    assert slab(gpu=True, ranks=2)["parallel"] == {"domain": 2, "gpu": True}
    monkeypatch.delenv("PEROPASS_GPU", raising=False)
    assert gpaw_calculator.gpu_wanted() is False
    monkeypatch.setenv("PEROPASS_GPU", "1")
    monkeypatch.setattr(gpaw_calculator, "find_spec", lambda _: None)
    with pytest.raises(EngineError, match="CuPy"):
        gpaw_calculator.gpu_wanted()
    monkeypatch.setattr(gpaw_calculator, "find_spec", lambda _: object())
    assert gpaw_calculator.gpu_wanted() is True


def lcao():
    energy = SMOKE.energy.model_copy(update={"mode": "lcao", "grid_spacing_ang": 0.2})
    return SMOKE.model_copy(update={"energy": energy})


def test_atomic_orbitals_have_a_basis_a_grid_and_no_plane_wave_solver():
    found = [
        keywords(lcao(), cell_ang=CELL, slab=True, kpts=GAMMA, rung=rung) for rung in SCF_LADDER
    ]
    for chosen in found:
        assert (chosen["mode"], chosen["basis"], chosen["h"]) == ("lcao", "dzp", 0.2)
        assert "eigensolver" not in chosen
        assert chosen["poissonsolver"] == {"dipolelayer": "xy"}


def test_ghosts_keep_their_orbitals_only_where_there_are_orbitals():
    found = keywords(lcao(), cell_ang=CELL, slab=True, kpts=GAMMA, ghosts=(3, 4))
    assert found["setups"] == {3: "ghost", 4: "ghost"}
    with pytest.raises(EngineError, match="plane waves"):
        slab(ghosts=(3,))
    with pytest.raises(EngineError, match="GPU"):
        keywords(lcao(), cell_ang=CELL, slab=True, kpts=GAMMA, gpu=True)


def test_datasets_are_named_only_where_they_differ():
    assert "setups" not in slab()
    other = SMOKE.model_copy(
        update={"energy": SMOKE.energy.model_copy(update={"setups": {"Pb": "14"}})}
    )
    assert keywords(other, cell_ang=CELL, slab=True, kpts=GAMMA)["setups"] == {"Pb": "14"}


def test_planning_a_calculation_imports_no_gpaw():
    """Keywords are data: importing this module must stay cheap."""
    assert not any(name == "GPAW" for name in vars(gpaw_calculator))


def test_grids_are_even_fine_enough_and_made_for_fourier_transforms():
    assert slab()["gpts"] == (40, 40, 100)  # 38 and 39 hold primes or are odd
    for length in np.linspace(4.0, 30.0, 53):
        (n, _, _) = grid_points(np.diag([length, 5.0, 5.0]), 0.22)
        assert n % 2 == 0
        assert length / n <= 0.22
        assert length / n > 0.22 / 1.3
        assert max(prime for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23) if n % prime == 0) <= 7


def test_the_lock_of_a_record_names_programs_and_every_dataset():
    found = gpaw_calculator.software(Atoms("CsBr3"), "PBE")
    assert {"gpaw", "gpaw-data", "libxc", "ase", "dftd3", "paw-Cs", "paw-Br"} <= set(found)
    assert not any(name.startswith("paw-") for name in set(found) - {"paw-Cs", "paw-Br"})
    assert len(found["paw-Br"]) == 16
