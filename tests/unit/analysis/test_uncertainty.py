"""Error propagation against limits: common terms cancel, own terms add in quadrature."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from peropass.analysis.uncertainty import (
    LEAST_POSE_ERROR_EV,
    ErrorModel,
    ErrorTerm,
    Measured,
    dispersion_difference,
    load_error_model,
    pose_error,
    sigma,
)
from peropass.errors import InputError

SHIPPED = Path(__file__).parents[3] / "config" / "error-model.yaml"


def model(**terms):
    return ErrorModel(
        protocol="synthetic",
        terms={k: ErrorTerm(origin="assumed", because="test", **v) for k, v in terms.items()},
    )


def test_common_error_cancels_against_the_native_ligand():
    slab = model(layers={"sigma_eV": 0.1, "common": 1.0})
    assert sigma(slab, "binding") == pytest.approx(0.1)
    assert sigma(slab, "vs_native") == 0


def test_own_error_grows_by_the_square_root_of_two():
    own = model(pose={"sigma_eV": 0.1, "common": 0.0})
    assert sigma(own, "vs_native") == pytest.approx(0.1 * math.sqrt(2))


def test_independent_causes_add_in_quadrature():
    both = model(a={"sigma_eV": 0.03}, b={"sigma_eV": 0.04})
    assert sigma(both, "binding") == pytest.approx(0.05)


def test_dispersion_error_follows_the_difference_of_the_dispersion_parts():
    dispersion = model(d={"of_dispersion": 0.2, "common": 1.0})
    assert sigma(dispersion, "binding", -1.0) == pytest.approx(0.2)
    assert sigma(dispersion, "vs_native", -1.0, -1.0) == 0
    assert sigma(dispersion, "vs_native", -1.0, -0.5) == pytest.approx(0.1)


def test_reservoir_and_thermochemistry_enter_only_where_they_belong():
    extra = model(
        r={"sigma_eV": 0.02, "enters": "exchange"}, t={"sigma_eV": 0.05, "enters": "lability"}
    )
    assert [sigma(extra, q) for q in ("binding", "vs_native", "exchange", "lability")] == [
        0,
        0,
        pytest.approx(0.02),
        pytest.approx(0.05),
    ]


def test_shipped_model_says_what_is_assumed_and_shrinks_in_production():
    smoke, production = (load_error_model(SHIPPED, p) for p in ("smoke", "production"))
    text = SHIPPED.read_text()
    assert text.count("# ASSUME ") == text.count("origin: assumed")
    assert sigma(production, "binding") < sigma(smoke, "binding")
    assert sigma(smoke, "vs_native") < math.sqrt(2) * sigma(smoke, "binding")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("default: {cutoff: {origin: assumed, because: x}}", "cutoff"),
        ("default: {cutoff: {origin: guessed, because: x, sigma_eV: 1}}", "origin"),
        ("default: {cutoff: {origin: assumed, because: x, sigma_eV: -1}}", "sigma_eV"),
        (
            "default: {cutoff: {origin: assumed, because: x, sigma_eV: 1, unit: kcal}}",
            "unit",
        ),
        ("cutoff: {}", "default"),
        ("default: [", "YAML"),
    ],
)
def test_bad_error_models_are_refused_in_one_line(tmp_path, text, named):
    path = tmp_path / "error-model.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_error_model(path, "smoke")
    assert named in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_equal_poses_leave_the_least_error_and_one_leaves_the_assumption():
    assert pose_error([-10.0]) is None
    assert pose_error([-10.0, -10.0]) == LEAST_POSE_ERROR_EV


def test_pose_error_is_the_gap_of_the_lowest_to_the_floor_of_an_exponential():
    """The lowest of n draws with mean spacing s lies s/n above the floor, on average and in scatter."""
    draws = np.random.default_rng(3).exponential(0.3, size=(4000, 5))
    estimates = [pose_error(row) for row in draws]
    assert np.mean(estimates) == pytest.approx(draws.min(axis=1).mean(), rel=0.05)
    assert np.mean(estimates) == pytest.approx(0.3 / 5, rel=0.05)


def test_measured_pose_error_takes_the_place_of_the_assumed_one():
    own = model(pose={"sigma_eV": 0.06})
    assert sigma(own, "binding", measured=Measured(pose_eV=0.02)) == pytest.approx(0.02)
    assert sigma(
        own, "vs_native", measured=Measured(pose_eV=0.03), native_measured=Measured(pose_eV=0.04)
    ) == pytest.approx(0.05)


def test_a_dispersion_model_errs_alike_for_both_ligands():
    spread = model(dispersion={"of_dispersion": 0.2, "common": 0.7})
    one, other = Measured(dispersion_eV=0.08), Measured(dispersion_eV=0.03)
    assert sigma(spread, "binding", -1.0, measured=one) == pytest.approx(0.08)
    assert sigma(spread, "vs_native", -1.0, -1.0, one, one) == 0
    assert sigma(spread, "vs_native", -1.0, -1.0, one, other) == pytest.approx(0.05)
    assert sigma(spread, "lability", -1.0, measured=one) == pytest.approx(0.08)


def test_difference_of_models_needs_both():
    assert dispersion_difference({"none": 0.0, "d3bj": -0.5, "d4": -0.4}) == pytest.approx(0.1)
    assert dispersion_difference({"none": 0.0, "d3bj": -0.5}) is None


def test_a_protocol_that_differs_in_its_levels_takes_the_terms_of_the_same_energies(tmp_path):
    """Only one with the same energy settings may lend its terms; the committed file is held to that."""
    from peropass.config import error_terms_of
    from peropass.engine.protocol import load_protocols

    blocks = yaml.safe_load(SHIPPED.read_text())
    protocols = load_protocols(SHIPPED.with_name("protocols.yaml"))
    lent = {name: error_terms_of(blocks, name) for name in protocols}
    assert lent["smoke-hse"] == "smoke"
    for name, source in lent.items():
        assert protocols[name].settings_hash == protocols[source].settings_hash, name
    borrowed, own = (load_error_model(SHIPPED, name) for name in ("smoke-hse", "smoke"))
    assert borrowed.terms == own.terms
    assert borrowed.terms["k_points"].origin == "measured"
