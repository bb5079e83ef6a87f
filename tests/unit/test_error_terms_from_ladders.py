"""Measured ladders reach the error model that ranks: replaced terms, untouched hand-written text, reruns of what depends on them."""

from pathlib import Path

import pytest

from peropass import workflow
from peropass.analysis.convergence import Measured, kept_out
from peropass.analysis.uncertainty import load_error_model, sigma
from peropass.convergence import write_error_terms
from peropass.errors import InputError

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "error-model.yaml"
CUTOFF = {"origin": "measured", "because": "a ladder: 3 ligands", "sigma_eV": 0.2, "common": 0.25}


@pytest.fixture
def model_file(tmp_path):
    file = tmp_path / "error-model.yaml"
    file.write_text(SHIPPED.read_text())
    write_error_terms({}, file)
    return file


def test_a_measured_term_replaces_the_assumption_of_its_protocol_alone(model_file):
    before = load_error_model(model_file, "smoke")
    write_error_terms({"smoke": {"cutoff": CUTOFF}}, model_file)
    after = load_error_model(model_file, "smoke")
    assert set(before.assumed) - set(after.assumed) == {"cutoff"}
    # variances of independent causes add
    grown = sigma(after, "binding") ** 2 - sigma(before, "binding") ** 2
    assert grown == pytest.approx(0.2**2 - before.terms["cutoff"].sigma_eV ** 2)
    assert load_error_model(model_file, "production").terms["cutoff"].origin == "assumed"
    assert load_error_model(model_file, "smoke", measured=False) == before


def test_what_was_written_by_hand_stays_and_writing_twice_changes_nothing(model_file):
    by_hand = model_file.read_text()
    write_error_terms({"smoke": {"cutoff": CUTOFF}}, model_file)
    once = model_file.read_text()
    assert once.startswith(by_hand)
    write_error_terms({"smoke": {"cutoff": CUTOFF}}, model_file)
    assert model_file.read_text() == once
    write_error_terms({}, model_file)
    assert model_file.read_text() == by_hand


def test_a_measured_term_that_nothing_enters_is_refused(model_file):
    write_error_terms({"smoke": {"moon": CUTOFF}}, model_file)
    with pytest.raises(InputError, match="moon"):
        load_error_model(model_file, "smoke")


def test_a_new_measurement_reruns_the_numbers_of_its_protocol_alone(model_file, monkeypatch):
    monkeypatch.setattr(workflow, "ERROR_MODEL_FILE", model_file)
    before = {name: workflow.error_digest(name, 300.0) for name in ("smoke", "screen")}
    model_file.write_text(model_file.read_text() + "# a comment\n")
    assert {name: workflow.error_digest(name, 300.0) for name in before} == before
    write_error_terms({"smoke": {"cutoff": CUTOFF}}, model_file)
    assert workflow.error_digest("smoke", 300.0) != before["smoke"]
    assert workflow.error_digest("screen", 300.0) == before["screen"]


@pytest.mark.parametrize(
    ("probes", "fixed", "assumed", "enters"),
    [
        (("kx", "csbr"), False, 0.03, True),
        (("kx",), False, 0.03, False),  # one ligand tells nothing of the next
        (("kx", "csbr"), True, 0.03, False),  # a lower bound does not shrink an error bar
        (("kx", "csbr"), True, 0.01, True),  # but it may widen one
        (("kx", "csbr"), False, None, False),
    ],
)
def test_which_terms_enter(probes, fixed, assumed, enters):
    term = Measured(0.02, 0.5, probes, 300, 450)
    assert (kept_out(term, fixed, assumed) == "") is enters
