"""Error terms from ladders: limits of the common share, and the shipped model against the committed ladders."""

import json
from pathlib import Path

import pytest

from peropass.analysis.convergence import NOISE_EV, measured, replaced, shifts
from peropass.analysis.uncertainty import load_error_model

ROOT = Path(__file__).resolve().parents[3]
RUNGS = [300.0, 350.0, 450.0]


def ladder(*steps):
    """One probe per (at 300, at 350, at 450)."""
    return {f"p{k}": dict(zip(RUNGS, step, strict=True)) for k, step in enumerate(steps)}


def test_what_all_probes_have_alike_is_common():
    found = measured(ladder((-1.0, -1.03, -1.05), (-2.0, -2.03, -2.05)), RUNGS, 300)
    assert found.sigma_eV == pytest.approx(0.05)
    assert found.common == 1
    assert found.reference == 450


def test_opposite_shifts_share_nothing():
    found = measured(ladder((-1.0, -1.0, -1.05), (-2.0, -2.0, -1.95)), RUNGS, 300)
    assert (found.sigma_eV, found.common) == (pytest.approx(0.05), 0)


def test_one_probe_tells_nothing_of_others():
    assert measured(ladder((-1.0, -1.0, -1.05)), RUNGS, 350).common == 0


def test_the_last_rung_gets_the_last_step_as_a_bound():
    found = measured(ladder((-1.0, -1.03, -1.05)), RUNGS, 450)
    assert found.sigma_eV == pytest.approx(0.02)
    assert (found.rung, found.reference) == (450, 450)


def test_a_ladder_that_does_not_move_is_still_no_better_than_noise():
    assert measured(ladder((-1.0, -1.0, -1.0)), RUNGS, 300).sigma_eV == NOISE_EV


def test_nothing_is_measured_from_one_rung_or_from_an_unknown_one():
    assert measured({"p": {300.0: -1.0}}, RUNGS, 300) is None
    assert measured(ladder((-1, -1, -1)), RUNGS, 400) is None
    assert measured({}, RUNGS, 300) is None


def test_a_probe_with_another_energy_at_the_first_rung_has_other_structures():
    committed = {
        "cutoff": {
            "kx": {"300": -2.4432, "450": -2.4420},
            "topo": {"300": -1.2927, "450": -1.2844},
        },
        "copies": {"kx": {"1": -2.4432, "2": -2.6290}},
    }
    first = {"cutoff": "300", "copies": "1"}
    assert replaced(committed, committed, first) == set()
    noise = {"cutoff": {"topo": {"300": -1.2931}}}
    assert replaced(committed, noise, first) == set()
    lower = {"cutoff": {"kx": {"300": -2.4835}, "topo": {"300": -1.2927}}}
    assert replaced(committed, lower, first) == {"kx"}
    new_ladder = {"box": {"topo": {"4": -1.2}}}
    assert replaced(committed, new_ladder, {**first, "box": "4"}) == set()
    finer = {"cutoff": {"kx": {"450": -2.5}}}
    assert replaced(committed, finer, first) == set()


def test_probes_without_both_ends_are_left_out():
    bindings = ladder((-1.0, -1.03, -1.05)) | {"half": {300.0: -9.0}}
    assert set(shifts(bindings, 300, 450)) == {"p0"}


def test_measured_terms_of_the_shipped_model_are_those_of_the_committed_ladders():
    """config/error-model.yaml says `measured` only of numbers that stand in docs/convergence.json."""
    ladders = json.loads((ROOT / "docs" / "convergence.json").read_text())["ladders"]
    behind: dict[str, dict] = {}
    for ladder in ladders.values():
        behind.setdefault(ladder["term"], {}).update(ladder["terms"])
    for protocol in ("smoke", "screen", "production"):
        model = load_error_model(ROOT / "config" / "error-model.yaml", protocol)
        for name, term in model.terms.items():
            if term.origin != "measured":
                continue
            found = behind[name][protocol]
            assert term.sigma_eV == pytest.approx(found["sigma_eV"], abs=5e-4), (protocol, name)
            assert term.common == pytest.approx(found["common"], abs=0.01), (protocol, name)
