"""Signs and limits of the comparisons."""

import pytest

from peropass.analysis import comparisons
from peropass.analysis.uncertainty import ErrorModel, ErrorTerm
from peropass.errors import MissingTerm
from peropass.records import ReactionEnergy


def reaction(name, value):
    return ReactionEnergy(
        name=name,
        equation="synthetic",
        value_eV=value,
        terms=[],
        status="ok" if value is not None else "missing",
        reason="" if value is not None else f"no record of {name}",
    )


def test_independent_ligands_are_additive_and_helpers_are_negative():
    a, b = reaction("a", -0.5), reaction("b", -0.7)
    assert comparisons.non_additivity(reaction("ab", -1.2), a, b).value_eV == pytest.approx(0)
    assert comparisons.non_additivity(reaction("ab", -1.5), a, b).value_eV < 0


def test_chelate_gain_compares_with_the_better_single_end():
    ends = [reaction("ammonium end", -0.6), reaction("sulfonate end", -0.9)]
    found = comparisons.chelate_gain(reaction("both", -1.4), ends)
    assert found.value_eV == pytest.approx(-0.5)
    assert found.of == ("both", "sulfonate end")


def test_coverage_does_not_matter_without_neighbours():
    found = comparisons.coverage_effect(reaction("half", -2.0), 2, reaction("quarter", -1.0), 1)
    assert found.value_eV == pytest.approx(0)


def test_dopant_signs():
    inside, outside = reaction("bulk", 0.4), reaction("surface", 0.1)
    assert comparisons.surface_preference(outside, inside).value_eV < 0
    near, far = reaction("near", 1.3), reaction("far", 1.0)
    assert comparisons.dopant_on_vacancy(near, far).value_eV > 0
    # Mn in CsPbCl3 contracts the lattice.
    assert comparisons.lattice_response(5.60, 5.57, 0.1) < 0


def test_missing_reaction_is_named():
    with pytest.raises(MissingTerm, match="no record of b"):
        comparisons.non_additivity(reaction("ab", -1), reaction("a", -1), reaction("b", None))


MODEL = ErrorModel(
    protocol="synthetic",
    terms={
        "own": ErrorTerm(origin="assumed", because="test", sigma_eV=0.03),
        "slab": ErrorTerm(origin="assumed", because="test", sigma_eV=0.04, common=1.0),
    },
)
SOCKET = ("CsPbBr3-cubic", "001-CsX", "V-CsX")


def between(kind, of, parts, make_candidate, **bindings):
    rows = {name: make_candidate(name, binding=value) for name, value in bindings.items()}
    return comparisons.between_rows(kind, of, parts, rows, MODEL, SOCKET)


def test_rows_that_do_not_feel_each_other_are_additive(make_candidate):
    found = between("non-additivity", "ab", ["a", "b"], make_candidate, ab=-1.2, a=-0.5, b=-0.7)
    assert found.value_eV == pytest.approx(0)
    # Own errors of three rows; the socket's common error enters with 1 - 1 - 1.
    assert found.error_eV == pytest.approx((3 * 0.03**2 + 0.04**2) ** 0.5)


def test_chelate_gain_of_rows_has_no_common_error(make_candidate):
    found = between("chelate-gain", "both", ["n", "o"], make_candidate, both=-1.4, n=-0.6, o=-0.9)
    assert found.value_eV == pytest.approx(-0.5)
    assert found.error_eV == pytest.approx(0.03 * 2**0.5)
    assert "chelating pays" in comparisons.in_words(found)


def test_a_row_that_is_missing_is_named(make_candidate):
    found = between("non-additivity", "ab", ["a", "b"], make_candidate, ab=-1.2, a=-0.5)
    assert found.value_eV is None
    assert "row b" in comparisons.in_words(found)
    lacking = between("chelate-gain", "both", ["n"], make_candidate, both=None, n=-0.6)
    assert "binding energy of both" in lacking.reason
