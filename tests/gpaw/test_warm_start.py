"""The SCF cycle after a move: the numbers of a fresh start, in fewer iterations than GPAW alone takes."""

import numpy as np
import pytest
from ase import Atoms
from tiny import protocol, tiny_slab

from peropass.engine import gpaw_calculator, gpaw_speed
from peropass.engine.electronic import GpawEngine, Setting

pytestmark = pytest.mark.gpaw
MOVES_ANG = 0.05


def shaken(atoms: Atoms, times: int) -> list[Atoms]:
    """The structure and `times` more, each moved at random from the one before."""
    rng = np.random.default_rng(3)
    found = [atoms]
    for _ in range(times):
        moved = found[-1].copy()
        moved.positions += rng.normal(0, MOVES_ANG, moved.positions.shape)
        found.append(moved)
    return found


def zinc_bromide() -> Atoms:
    places = [(3.5, 3.5, 1.3), (3.5, 3.5, 3.5), (3.5, 3.5, 5.7)]
    return Atoms("BrZnBr", places, cell=[7, 7, 7], pbc=True)


def engine(folder, slab=False, **energy) -> GpawEngine:
    return GpawEngine(protocol(**energy), Setting(slab=slab, kpts=(1, 1, 1)), folder)


@pytest.mark.parametrize("slab", [True, False], ids=["slab", "molecule"])
def test_warm_and_fresh_starts_agree(tmp_path, slab):
    structures = shaken(tiny_slab() if slab else zinc_bromide(), 2)
    tight = {"energy_tolerance_eV_per_electron": 1e-6, "density_tolerance": 1e-5}
    warm = engine(tmp_path / "warm", slab, **tight)
    for atoms in structures:
        moved = warm.evaluate(atoms)
    fresh = engine(tmp_path / "fresh", slab, **tight).evaluate(structures[-1])
    assert moved.electronic_eV == pytest.approx(fresh.electronic_eV, abs=1e-4)
    assert np.abs(moved.forces - fresh.forces).max() < 5e-3
    assert (moved.rung, fresh.rung) == ("defaults", "defaults")


def energies_and_forces(folder) -> tuple[list[float], np.ndarray]:
    cycle = engine(folder, slab=True)
    found = [cycle.evaluate(atoms) for atoms in shaken(tiny_slab(), 1)]
    return [result.electronic_eV for result in found], np.array([r.forces for r in found])


@pytest.mark.parametrize("most", [gpaw_speed.MOST_PHASES_BYTES, 0], ids=["kept", "too many"])
def test_phases_that_are_kept_change_no_number(tmp_path, monkeypatch, most):
    """The same SCF iterations to rounding, so far closer than the tolerances of the cycle; also after a move."""
    monkeypatch.setattr(gpaw_speed, "MOST_PHASES_BYTES", most)
    energies, forces = energies_and_forces(tmp_path / "ours")
    monkeypatch.setattr(gpaw_speed, "keep_phases", lambda calculator: None)
    alone, by_gpaw = energies_and_forces(tmp_path / "gpaw")
    assert energies == pytest.approx(alone, abs=1e-7)
    assert np.abs(forces - by_gpaw).max() < 1e-6


def test_phases_are_kept_unless_they_are_too_many(tmp_path, monkeypatch):
    def kept(folder) -> bool:
        cycle = engine(folder)
        cycle.evaluate(zinc_bromide(), looseness=10.0, forces=False)
        charges = cycle.calculator.dft.pot_calc.poisson_solver.ghat_aLh
        return charges._lfc.emiGR_Ga is not None

    assert kept(tmp_path / "few")
    monkeypatch.setattr(gpaw_speed, "MOST_PHASES_BYTES", 1000)
    assert not kept(tmp_path / "many")


def iterations_after_moves(folder) -> int:
    cycle = engine(folder)
    return sum(cycle.evaluate(atoms).scf_iterations for atoms in shaken(zinc_bromide(), 3)[1:])


def test_orthonormal_wave_functions_save_iterations(tmp_path, monkeypatch):
    ours = iterations_after_moves(tmp_path / "ours")
    monkeypatch.setattr(gpaw_speed, "orthonormal_after_moves", lambda calculator: None)
    assert ours < iterations_after_moves(tmp_path / "without")


def charge_after_a_move(folder) -> float:
    """Of the density that the SCF cycle of the moved structure starts from, e."""
    first, second = shaken(zinc_bromide(), 1)
    cycle = engine(folder)
    cycle.evaluate(first)
    gpaw_speed.orthonormal_after_moves(cycle.calculator)  # asked again: nothing more happens
    dft = cycle.calculator.dft
    dft.move_atoms(second)
    compensation = dft.density.calculate_compensation_charge_coefficients()
    monopoles = sum(moments[0] for moments in compensation.values())
    return float(dft.density.nt_sR.integrate().sum() + np.sqrt(4 * np.pi) * monopoles)


def test_the_first_density_after_a_move_is_neutral(tmp_path, monkeypatch):
    assert charge_after_a_move(tmp_path / "ours") == pytest.approx(0.0, abs=1e-4)
    monkeypatch.setattr(gpaw_speed, "orthonormal_after_moves", lambda calculator: None)
    assert abs(charge_after_a_move(tmp_path / "without")) > 1e-2


def test_the_second_rung_is_what_gpaw_chooses_when_it_is_told_nothing(tmp_path):
    told = []
    for changes in (gpaw_calculator.SCF_LADDER[1].changes, {}):
        parameters = gpaw_calculator.keywords(
            protocol(), cell_ang=np.diag([7.0] * 3), slab=False, kpts=(1, 1, 1)
        )
        for name in ("mixer", "eigensolver"):
            del parameters[name]
        calculator = gpaw_calculator.build(parameters | changes, None)
        calculator.create_new_calculation(zinc_bromide())
        loop = calculator.dft.scf_loop
        told.append((str(loop.mixer), type(loop.eigensolver)))
    assert told[0] == told[1]
