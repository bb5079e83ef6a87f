"""SCF trouble: the ladder climbs, each rung a calculator of its own, and the record says so."""

import time

import pytest
from tiny import diatomic, job, protocol

from peropass.engine import gpaw_calculator, jobs
from peropass.engine.gpaw_calculator import Rung
from peropass.engine.journal import Journal
from peropass.errors import DeadlineReached

pytestmark = pytest.mark.gpaw
HOPELESS = {"maxiter": 2}


@pytest.fixture
def built(monkeypatch):
    """(keywords, calculator) of every calculator that was made."""
    made = []
    build = gpaw_calculator.build

    def recording(parameters, txt):
        calculator = build(parameters, txt)
        made.append((dict(parameters), calculator))
        return calculator

    monkeypatch.setattr(gpaw_calculator, "build", recording)
    return made


def start(folder, **more):
    return diatomic("HH", 0.78, 6.0), job(folder, protocol(), **more)


def test_the_first_rung_that_converges_is_named(tmp_path, monkeypatch, built):
    ladder = (Rung("defaults", HOPELESS), Rung("second", {}), Rung("third", {}))
    monkeypatch.setattr(gpaw_calculator, "SCF_LADDER", ladder)
    record = jobs.run(*start(tmp_path, relax=True))
    assert record.status == "ok"
    assert record.remedies == ["SCF remedy: second"]
    (first, one), (second, other), (last, fresh) = built
    assert (first["maxiter"], second["maxiter"]) == (2, gpaw_calculator.MAX_SCF_ITERATIONS)
    assert one is not other
    assert record.ionic_steps > 1, "later steps stay on the rung that works"
    assert last["maxiter"] == second["maxiter"], "so does the fresh SCF at the end"
    assert fresh is not other


def test_remedies_do_not_move_the_energy(tmp_path, monkeypatch):
    plain = jobs.run(*start(tmp_path / "plain"))
    monkeypatch.setattr(gpaw_calculator, "SCF_LADDER", gpaw_calculator.SCF_LADDER[2:])
    other = jobs.run(*start(tmp_path / "pulay"))
    assert other.remedies == [f"SCF remedy: {gpaw_calculator.SCF_LADDER[0].name}"]
    assert other.energy.total_eV == pytest.approx(plain.energy.total_eV, abs=1e-3)


def test_no_rung_converges_is_a_failed_record_that_lists_them(tmp_path, monkeypatch):
    ladder = (Rung("defaults", HOPELESS), Rung("second", HOPELESS))
    monkeypatch.setattr(gpaw_calculator, "SCF_LADDER", ladder)
    record = jobs.run(*start(tmp_path))
    assert record.status == "failed"
    assert "did not converge on any rung" in record.reason
    assert "defaults: " in record.reason
    assert "second: " in record.reason
    assert record.energy is None


def test_a_deadline_stops_after_an_iteration_and_the_next_run_continues(tmp_path, monkeypatch):
    """Walltime ends while the third step is computed: two steps are kept, and none is repeated."""
    atoms, chosen = start(tmp_path, relax=True)
    append = Journal.append
    engines = []
    make = jobs.make_engine

    def kept(*arguments, **keywords):
        engines.append(make(*arguments, **keywords))
        return engines[-1]

    def appending(self, step):
        append(self, step)
        if len(self.steps) == 2:
            engines[-1].deadline_s = time.time() - 1

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "make_engine", kept)
        patch.setattr(Journal, "append", appending)
        with pytest.raises(DeadlineReached):
            jobs.run(atoms, chosen)
    assert not chosen.record.exists()
    record = jobs.run(atoms, chosen)
    assert record.status == "ok"
    assert "continued from ionic step 2 of the journal" in record.remedies
    assert record.provenance.attempts == 2


def test_a_deadline_that_is_over_stops_at_the_first_iteration(tmp_path):
    from dataclasses import replace

    atoms, chosen = start(tmp_path)
    with pytest.raises(DeadlineReached):
        jobs.run(atoms, replace(chosen, deadline_s=time.time() - 1))
    assert jobs.run(atoms, chosen).status == "ok"
