"""Errors of reactions where records replace the assumptions: one model errs alike for ligand and native."""

import pytest

from peropass.analysis.reaction_errors import ReactionErrors
from peropass.analysis.uncertainty import ErrorModel, ErrorTerm
from peropass.records import ReactionEnergy, Term

MODEL = ErrorModel(
    protocol="synthetic",
    terms={
        "pose": ErrorTerm(origin="assumed", because="test", sigma_eV=0.06),
        "dispersion": ErrorTerm(origin="assumed", because="test", of_dispersion=0.2, common=0.7),
    },
)
TERMS = [
    Term(species="a", coefficient=-1, energy_eV=0.0),
    Term(species="b", coefficient=1, energy_eV=0.0),
]


def reaction(name, d3, d4):
    return ReactionEnergy(
        name=name,
        equation="synthetic",
        value_eV=-1.0,
        dispersion_eV=d3,
        dispersion_models_eV={"none": 0.0, "d3bj": d3, "d4": d4},
        terms=TERMS,
    )


def test_difference_of_two_ligands_keeps_the_difference_of_their_model_errors():
    binding = reaction("binding", -0.50, -0.42)
    errors = ReactionErrors(MODEL, binding, 0.03, {"": 0.04})
    assert errors.put_on(binding).error_eV == pytest.approx((0.03**2 + 0.08**2) ** 0.5)
    # vs-native by D4 and D3 differ by 0.01 eV: what is left of two errors of 0.08 and 0.07 eV. Poses add in quadrature.
    versus = errors.put_on(reaction("vs-native", -0.10, -0.09))
    assert versus.error_eV == pytest.approx((0.03**2 + 0.04**2 + 0.01**2) ** 0.5)


def test_without_records_the_assumptions_stay():
    bare = reaction("binding", -0.5, -0.4).model_copy(update={"dispersion_models_eV": {}})
    errors = ReactionErrors(MODEL, bare, None, {})
    assert errors.put_on(bare).error_eV == pytest.approx((0.06**2 + 0.1**2) ** 0.5)


def test_each_reaction_errs_by_a_share_of_its_own_dispersion():
    binding = reaction("binding", -0.5, -0.4).model_copy(update={"dispersion_models_eV": {}})
    exchange = reaction("exchange", -0.3, -0.2).model_copy(update={"dispersion_models_eV": {}})
    errors = ReactionErrors(MODEL, binding, 0.0, {})
    assert errors.put_on(binding).error_eV == pytest.approx(0.2 * 0.5)
    assert errors.put_on(exchange).error_eV == pytest.approx(0.2 * 0.3)
