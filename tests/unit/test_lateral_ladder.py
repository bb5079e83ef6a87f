"""The last rung of the lateral ladder is the campaign in the larger cell, and nothing is computed for it."""

from pathlib import Path

import pytest

from peropass.analysis.plane_waves import smooth_total_eV
from peropass.convergence import DEFAULT, Climb, load_plan, relaxed_binding
from peropass.records import CalculationRecord, CandidateRecord, read_record

ROOT = Path(__file__).resolve().parents[2]
SOCKET = ROOT / "results/reference/coverage/smoke/CsPbBr3-cubic/001-CsX/V-CsX"


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.chdir(ROOT)
    return load_plan(DEFAULT)


@pytest.mark.parametrize("probe", ["kx", "ethylammonium-br", "ddab"])
def test_the_rung_is_the_binding_energy_that_the_campaign_ranks(plan, probe):
    record = read_record(SOCKET / probe / "candidate.record.json", CandidateRecord)
    assert relaxed_binding(plan[0], probe) == pytest.approx(
        record.reaction("binding").value_eV, abs=1e-4
    )


def test_the_rung_follows_from_the_total_energies_of_its_three_structures(plan):
    host = SOCKET.parents[1]
    files = (SOCKET / "kx/k0", SOCKET / "none/none", host / "molecules/kx")
    loaded, socket, molecule = (
        smooth_total_eV(read_record(f / "relax.record.json", CalculationRecord)) for f in files
    )
    assert relaxed_binding(plan[0], "kx") == pytest.approx(loaded - socket - molecule, abs=1e-4)


def test_a_probe_that_the_campaign_lacks_has_no_rung_and_costs_nothing(plan):
    climb = Climb(*plan, "lateral_cell", "topo", None, ROOT)
    assert climb.points(climb.relaxed_rung) == []
    assert climb.binding(climb.relaxed_rung) is None
