"""Verdicts on committed GPAW levels: the zero of energy and the height of the vacuum do not matter."""

from pathlib import Path

import pytest

from peropass.analysis.traps import TrapVerdicts
from peropass.records import CandidateRecord, LevelsRecord, read_record

FACE = (
    Path(__file__).resolve().parents[3] / "results/reference/quickstart/smoke/CsPbBr3-cubic/001-CsX"
)
LEVEL_SETS = ("scalar", "soc", "hse_soc")


def levels_of(place):
    return read_record(FACE / place / "levels.record.json", LevelsRecord)


def shifted(record, by_eV):
    """Every energy of one calculation moved alike: levels, potentials, vacuum and semicore levels."""
    sets = {
        name: levels.model_copy(update={"energies_eV": [e + by_eV for e in levels.energies_eV]})
        for name in LEVEL_SETS
        if (levels := getattr(record, name)) is not None
    }
    moved = {
        name: [None if e is None else e + by_eV for e in getattr(record, name)]
        for name in ("atomic_potentials_eV", "vacuum_eV", "semicore_atoms_eV")
    }
    return record.model_copy(update={**sets, **moved, "fermi_eV": record.fermi_eV + by_eV})


def in_twice_the_vacuum(record):
    """The slab in the middle of a cell whose vacuum is doubled."""
    heights = [z for _, _, z in record.positions_ang]
    vacuum = record.cell_ang[2][2] - (max(heights) - min(heights))
    cell = [*record.cell_ang[:2], [0.0, 0.0, record.cell_ang[2][2] + vacuum]]
    raised = [(x, y, z + vacuum / 2) for x, y, z in record.positions_ang]
    return record.model_copy(update={"cell_ang": cell, "positions_ang": raised})


@pytest.mark.parametrize("candidate", ["ddab", "dbsa"])
def test_neither_the_zero_of_energy_nor_the_vacuum_changes_a_committed_verdict(candidate):
    pristine, socket = levels_of("pristine/none/none"), levels_of("V-CsX/none/none")
    row = read_record(FACE / f"V-CsX/{candidate}/candidate.record.json", CandidateRecord)
    loaded, committed = levels_of(f"V-CsX/{candidate}/{row.best_pose}"), row.traps
    verdicts = TrapVerdicts(pristine, socket)
    for changed in (shifted(loaded, 3.21), in_twice_the_vacuum(loaded)):
        found = verdicts.of(changed)
        assert (found.verdict, found.n_traps_after) == (committed.verdict, committed.n_traps_after)
        assert found.gap_eV == pytest.approx(committed.gap_eV, abs=1e-6)
        assert found.ionisation_energy_eV == pytest.approx(committed.ionisation_energy_eV, abs=1e-6)
        depths = [[s.depth_eV for s in r.states_after] for r in (found, committed)]
        assert depths[0] == pytest.approx(depths[1], abs=1e-6)
        assert [s.label for s in found.states_after] == [s.label for s in committed.states_after]
