"""The relaxation driver on forces that are known: it ends, resumes after any step, and refuses lost geometries."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms

from peropass.config import PROTOCOLS_FILE
from peropass.engine.electronic import ElectronicResult
from peropass.engine.freedom import free_atoms, largest_force
from peropass.engine.journal import Journal
from peropass.engine.protocol import load_protocols
from peropass.engine.relaxation import refuse_lost_geometry, relax
from peropass.errors import DeadlineReached, EngineError

TOY = load_protocols(PROTOCOLS_FILE)["toy"]
FMAX = TOY.relax.fmax_eV_per_ang


class Springs:
    """Each atom on its own spring; counts what it was asked for and can stop after some calls."""

    toy = True

    def __init__(self, minimum, die_after=None, error=KeyboardInterrupt, rung="defaults"):
        self.minimum, self.die_after, self.error, self.rung = minimum, die_after, error, rung
        self.asked = []

    def close(self):
        """Nothing is held."""

    def evaluate(self, atoms, looseness=1.0):
        if self.die_after is not None and len(self.asked) >= self.die_after:
            raise self.error("stopped")
        self.asked.append(atoms.positions.copy())
        away = atoms.positions - self.minimum
        stiffness = np.array([2.0, 9.0, 30.0])
        energy = 0.5 * float((stiffness * away**2).sum())
        return ElectronicResult(energy, energy, -stiffness * away, 5, self.rung)


@pytest.fixture
def start():
    return Atoms("CsBrCs", [(0, 0, 0), (3.4, 0, 0), (6.9, 0.1, 0)])


@pytest.fixture
def minimum(start):
    return start.positions + np.random.default_rng(8).normal(0, 0.15, (3, 3))


def places(result):
    """Distinct geometries that were visited; a geometry may be evaluated again at tighter tolerances."""
    return {step.positions.tobytes() for step in result.steps}


def journal(folder):
    return Journal(folder / "journal.jsonl", "h")


def test_it_ends_below_fmax_at_the_minimum(start, minimum, tmp_path):
    result = relax(start, TOY, Springs(minimum), journal(tmp_path))
    assert result.converged
    assert result.fmax_eV_per_ang <= FMAX
    assert np.abs(result.atoms.positions - minimum).max() <= FMAX / 2.0
    assert result.atoms.calc is None
    assert result.resumed_from == 0
    assert result.remedies == []


def test_energies_fall(start, minimum, tmp_path):
    energies = [s.energy_eV for s in relax(start, TOY, Springs(minimum), journal(tmp_path)).steps]
    assert energies[-1] == min(energies)


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_killed_run_goes_on_and_repeats_nothing(start, minimum, tmp_path, after):
    """The interrupted and the uninterrupted run visit the same positions, bit for bit."""
    whole = Springs(minimum)
    relax(start, TOY, whole, journal(tmp_path / "whole"))
    first, second = Springs(minimum, die_after=after), Springs(minimum)
    with pytest.raises(KeyboardInterrupt):
        relax(start, TOY, first, journal(tmp_path / "cut"))
    result = relax(start, TOY, second, journal(tmp_path / "cut"))
    assert result.resumed_from == after
    assert f"continued from ionic step {after} of the journal" in result.remedies
    visited = first.asked + second.asked
    assert len(visited) == len(whole.asked)
    assert all(np.array_equal(a, b) for a, b in zip(visited, whole.asked, strict=True))


def test_a_torn_last_line_costs_one_step_and_is_reported(start, minimum, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        relax(start, TOY, Springs(minimum, die_after=3), journal(tmp_path))
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-25])
    engine = Springs(minimum)
    result = relax(start, TOY, engine, journal(tmp_path))
    assert result.converged
    assert result.resumed_from == 2
    assert any("torn" in remedy for remedy in result.remedies)


def test_a_finished_journal_asks_the_engine_nothing(start, minimum, tmp_path):
    done = relax(start, TOY, Springs(minimum), journal(tmp_path))
    engine = Springs(minimum, die_after=0)
    again = relax(start, TOY, engine, journal(tmp_path))
    assert again.last is None
    assert np.array_equal(again.atoms.positions, done.atoms.positions)


def test_a_deadline_passes_through_with_all_steps_kept(start, minimum, tmp_path):
    with pytest.raises(DeadlineReached):
        relax(start, TOY, Springs(minimum, die_after=2, error=DeadlineReached), journal(tmp_path))
    assert len(journal(tmp_path).steps) == 2


def test_running_out_of_steps_is_not_convergence(start, minimum, tmp_path):
    result = relax(start, TOY, Springs(minimum), journal(tmp_path), max_steps=2)
    assert not result.converged
    assert len(places(result)) == 3  # the start and two moves


def test_a_single_point_evaluates_once_and_moves_nothing(start, minimum, tmp_path):
    engine = Springs(minimum)
    result = relax(start, TOY, engine, journal(tmp_path), max_steps=0)
    assert len(engine.asked) == 1
    assert np.array_equal(result.atoms.positions, start.positions)


def test_frozen_atoms_neither_move_nor_count(start, minimum, tmp_path):
    start.set_constraint(FixAtoms([0]))
    result = relax(start, TOY, Springs(minimum), journal(tmp_path))
    assert result.converged
    assert np.array_equal(result.atoms.positions[0], start.positions[0])
    assert list(free_atoms(start)) == [1, 2]
    forces = np.array([[9.0, 0, 0], [0, 0.3, 0.4], [0, 0, 0]])
    assert largest_force(forces, free_atoms(start)) == pytest.approx(0.5)


def test_nothing_free_is_converged_at_once(start, minimum, tmp_path):
    start.set_constraint(FixAtoms([0, 1, 2]))
    result = relax(start, TOY, Springs(minimum), journal(tmp_path))
    assert result.converged
    assert len(places(result)) == 1


def test_a_remedy_is_written_down_once(start, minimum, tmp_path):
    result = relax(start, TOY, Springs(minimum, rung="pulay"), journal(tmp_path))
    assert result.remedies == ["SCF remedy: pulay"]


def test_a_remedy_of_the_killed_attempt_is_not_forgotten(start, minimum, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        relax(start, TOY, Springs(minimum, die_after=2, rung="pulay"), journal(tmp_path))
    result = relax(start, TOY, Springs(minimum), journal(tmp_path))
    assert "SCF remedy: pulay" in result.remedies


@pytest.mark.parametrize("force", [1e3, np.nan, np.inf])
def test_diverged_forces_end_it_before_they_enter_the_journal(start, tmp_path, force):
    class Broken:
        toy = True

        def evaluate(self, atoms, looseness=1.0):
            return ElectronicResult(0.0, 0.0, np.full((3, 3), force), 1, "defaults")

    with pytest.raises(EngineError, match="diverged"):
        relax(start, TOY, Broken(), journal(tmp_path))
    assert journal(tmp_path).steps == []


def test_atoms_on_top_of_each_other_never_reach_the_engine(tmp_path):
    atoms = Atoms("CsBrC", [(0, 0, 0), (0.4, 0, 0), (9, 0, 0)])
    engine = Springs(atoms.positions)
    with pytest.raises(EngineError, match=r"atoms 0 \(Cs\) and 1 \(Br\) are 0.40 Angstrom apart"):
        relax(atoms, TOY, engine, journal(tmp_path))
    assert engine.asked == []


def test_chemical_bonds_are_no_collapse():
    from ase.build import molecule

    for name in ("H2", "H2O", "CH4", "C6H6", "SO2", "HCl"):
        refuse_lost_geometry(molecule(name))


def test_the_image_across_the_cell_counts():
    atoms = Atoms("CC", [(0, 0, 0.1), (0, 0, 7.7)], cell=[8, 8, 8], pbc=True)
    with pytest.raises(EngineError, match="0.40 Angstrom"):
        refuse_lost_geometry(atoms)


class Wall(Springs):
    """Springs that fail where an atom moved more than `reach` in one step."""

    def __init__(self, minimum, start, reach):
        super().__init__(minimum)
        self.last, self.reach = start.positions.copy(), reach

    def evaluate(self, atoms, looseness=1.0):
        if np.linalg.norm(atoms.positions - self.last, axis=1).max() > self.reach:
            raise EngineError("atoms collapsed")
        self.last = atoms.positions.copy()
        return super().evaluate(atoms, looseness)


def test_a_step_into_trouble_is_cut_and_written_down(start, minimum, tmp_path):
    """Full steps of 0.2 A fail, a third of that does not: the relaxation ends where it would have ended."""
    start.positions[0, 0] = minimum[0, 0] + 1.0
    result = relax(start, TOY, Wall(minimum, start, reach=0.1), journal(tmp_path))
    assert result.converged
    assert np.abs(result.atoms.positions - minimum).max() <= FMAX / 2.0
    assert "geometry remedy: step cut to 0.06 A" in result.remedies
    again = relax(start, TOY, Wall(minimum, start, reach=0.1), journal(tmp_path))
    assert again.remedies[-1] == "geometry remedy: step cut to 0.06 A"


def test_trouble_that_short_steps_do_not_avoid_ends_it(start, minimum, tmp_path):
    start.positions[0, 0] = minimum[0, 0] + 1.0
    with pytest.raises(EngineError, match="collapsed"):
        relax(start, TOY, Wall(minimum, start, reach=1e-4), journal(tmp_path))
    assert len(journal(tmp_path).steps) == 1


class Sticky(Springs):
    """A warm engine sees forces that are too small: its density lags behind. A fresh one sees them as they are."""

    warm = False

    def close(self):
        self.warm = False

    def evaluate(self, atoms, looseness=1.0):
        found = super().evaluate(atoms, looseness)
        share = 0.5 if self.warm else 1.0
        self.warm = True
        return replace(found, forces=share * found.forces)


def test_the_forces_that_are_recorded_are_those_of_a_fresh_start(start, minimum, tmp_path):
    """Warm forces below the limit are not believed: the relaxation goes on until fresh ones are."""
    result = relax(start, TOY, Sticky(minimum), journal(tmp_path))
    true = -np.array([2.0, 9.0, 30.0]) * (result.atoms.positions - minimum)
    assert result.converged
    assert largest_force(true, free_atoms(start)) <= FMAX
    assert result.steps[-1].forces == pytest.approx(true)
