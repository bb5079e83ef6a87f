"""Signs and limits of the comparisons."""

import pytest

from peropass.analysis import comparisons
from peropass.analysis.comparisons import Loaded
from peropass.analysis.uncertainty import ErrorModel, ErrorTerm
from peropass.errors import MissingTerm
from peropass.records import ReactionEnergy, Term

EMPTY, FULL = -100.0, -106.3
CSBR = {"Cs": 1, "Br": 1}


def reaction(name, value):
    return ReactionEnergy(
        name=name,
        equation="synthetic",
        value_eV=value,
        terms=[],
        status="ok" if value is not None else "missing",
        reason="" if value is not None else f"no record of {name}",
    )


def slab(name, composition, energy, pristine=FULL, socket=EMPTY):
    return Loaded(name, composition, energy, socket, pristine, CSBR)


def test_ligands_that_do_not_feel_each_other_are_additive_and_helpers_are_negative():
    a, b = slab("a", {"K": 1}, EMPTY - 5.0), slab("b", {"N": 1}, EMPTY - 7.0)
    both = {"K": 1, "N": 1}
    alone = comparisons.non_additivity(slab("ab", both, EMPTY - 12.0), [a, b])
    assert alone.value_eV == pytest.approx(0)
    assert comparisons.non_additivity(slab("ab", both, EMPTY - 12.3), [a, b]).value_eV < 0


def test_parts_with_their_own_partners_close_with_the_pristine_slab():
    """KOAc against KBr and CsOAc: with energies of places, one per ion, nothing is left."""
    place = {"K": -2.0, "OAc": -4.5, "Cs": -2.6, "Br": -3.7}
    acetate = {"C": 2, "H": 3, "O": 2}

    def filled(a, x, composition):
        return slab(f"{a}{x}", composition, EMPTY + place[a] + place[x])

    both = filled("K", "OAc", {"K": 1} | acetate)
    parts = [
        filled("K", "Br", {"K": 1, "Br": 1}),
        filled("Cs", "OAc", {"Cs": 1} | acetate),
    ]
    assert filled("Cs", "Br", CSBR).loaded_eV == pytest.approx(FULL)
    assert comparisons.non_additivity(both, parts).value_eV == pytest.approx(0)
    without = slab("KOAc", both.composition, both.loaded_eV, pristine=None)
    with pytest.raises(MissingTerm, match="pristine"):
        comparisons.non_additivity(without, parts)


def test_three_parts_leave_two_empty_slabs():
    parts = [slab(e, {e: 1}, EMPTY - k) for k, e in enumerate(("K", "N", "O"))]
    whole = slab("all", {"K": 1, "N": 1, "O": 1}, EMPTY - 3.0)
    assert comparisons.non_additivity(whole, parts).value_eV == pytest.approx(0)


def test_parts_that_are_no_parts_are_refused_with_what_differs():
    a, b = slab("a", {"K": 1}, EMPTY), slab("b", {"N": 1}, EMPTY)
    with pytest.raises(MissingTerm, match=r"do not add up to ab: parts minus whole O -1"):
        comparisons.non_additivity(slab("ab", {"K": 1, "N": 1, "O": 1}, EMPTY), [a, b])
    elsewhere = slab("b", {"N": 1}, EMPTY, socket=EMPTY - 1)
    with pytest.raises(MissingTerm, match="one socket"):
        comparisons.non_additivity(slab("ab", {"K": 1, "N": 1}, EMPTY), [a, elsewhere])


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
        comparisons.chelate_gain(reaction("ab", -1), [reaction("a", -1), reaction("b", None)])


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


@pytest.fixture
def row(make_candidate):
    """Factory of candidates whose reactions list their slabs: model set, energy of the loaded slab, energy of the gas."""

    def build(name, smiles, loaded, gas=-5.0):
        def term(species, coefficient, energy):
            return Term(species=species, coefficient=coefficient, energy_eV=energy)

        ligand, on_it = term("set(g)", -1, gas), term(f"slab[V-CsX]:{name}", 1, loaded)
        binding = [term("slab[V-CsX]", -1, EMPTY), ligand, on_it]
        exchange = [term("slab", -1, FULL), ligand, on_it, term("CsBr(bulk)", 1, -6.1)]
        made = make_candidate(name)
        reactions = [
            r.model_copy(update={"terms": terms, "name": r.name})
            for r, terms in ((made.reactions[0], binding), (reaction("exchange", 0.0), exchange))
        ]
        return made.model_copy(update={"model_smiles": smiles, "reactions": reactions})

    return build


def test_the_cohesion_of_the_complex_in_the_gas_is_no_interaction_on_the_surface(row):
    """NH4Cl with CaCl2: whatever binds them to each other in the gas, slabs that add up add up."""
    parts = {
        "salt": row("salt", "[NH4+].[Cl-]", EMPTY - 2.0),
        "halide": row("halide", "[Ca+2].[Cl-].[Cl-]", EMPTY - 3.0),
    }
    for gas in (-10.0, -12.0):
        rows = parts | {"both": row("both", "[NH4+].[Cl-].[Ca+2].[Cl-].[Cl-]", EMPTY - 5.0, gas)}
        names = ("non-additivity", "both", ["salt", "halide"])
        found = comparisons.between_rows(*names, rows, MODEL, SOCKET)
        assert found.value_eV == pytest.approx(0)
        # Own errors of three rows; the socket's common error enters with 1 - 1 - 1.
        assert found.error_eV == pytest.approx((3 * 0.03**2 + 0.04**2) ** 0.5)


def test_potassium_with_a_carboxylate_against_both_with_the_ions_of_the_host(row):
    rows = {
        "both": row("both", "[K+].CC(=O)[O-]", EMPTY - 6.5),
        "k": row("k", "[K+].[Br-]", EMPTY - 5.7),
        "oac": row("oac", "[Cs+].CC(=O)[O-]", EMPTY - 7.0),
    }
    found = comparisons.between_rows("non-additivity", "both", ["k", "oac"], rows, MODEL, SOCKET)
    assert found.value_eV == pytest.approx(-6.5 + (FULL - EMPTY) + 5.7 + 7.0)
    # Four slabs with something in the socket, two on each side: the common error is gone.
    assert found.error_eV == pytest.approx((4 * 0.03**2) ** 0.5)


def test_chelate_gain_of_rows_has_no_common_error(make_candidate):
    found = between("chelate-gain", "both", ["n", "o"], make_candidate, both=-1.4, n=-0.6, o=-0.9)
    assert found.value_eV == pytest.approx(-0.5)
    assert found.error_eV == pytest.approx(0.03 * 2**0.5)
    assert "chelating pays" in comparisons.in_words(found)


def test_a_row_that_is_missing_is_named(row, make_candidate):
    rows = {"ab": row("ab", "[K+].[Br-]", EMPTY), "a": row("a", "[K+].[Br-]", EMPTY)}
    found = comparisons.between_rows("non-additivity", "ab", ["a", "b"], rows, MODEL, SOCKET)
    assert found.value_eV is None
    assert "row b" in comparisons.in_words(found)
    lacking = between("chelate-gain", "both", ["n"], make_candidate, both=None, n=-0.6)
    assert "binding energy of both" in lacking.reason


def test_whoever_holds_harder_takes_the_place(make_candidate):
    """A against B and B against A are one exchange read in both directions."""
    held = between("against", "salt", ["water"], make_candidate, salt=-2.0, water=-0.7)
    lost = between("against", "water", ["salt"], make_candidate, salt=-2.0, water=-0.7)
    assert held.value_eV == pytest.approx(-1.3)
    assert held.value_eV + lost.value_eV == pytest.approx(0)
    assert held.error_eV == pytest.approx(0.03 * 2**0.5)  # what errs alike for both drops out
    assert held.values_eV == {"salt": -2.0, "water": -0.7}
    missing = between("against", "salt", ["oxygen"], make_candidate, salt=-2.0)
    assert missing.value_eV is None
    assert "no record of the row oxygen" in missing.reason


def test_crowded_ligands_hold_less_each(make_candidate):
    crowded = make_candidate("ddab", binding=-1.9).model_copy(update={"coverage": 0.5})
    alone = make_candidate("ddab", binding=-2.4).model_copy(update={"coverage": 0.25})
    found = comparisons.at_two_coverages(alone, crowded, MODEL)
    assert found.value_eV == pytest.approx(0.5)
    turned = comparisons.at_two_coverages(crowded, alone, MODEL)
    assert turned.value_eV == pytest.approx(found.value_eV)
    assert sorted(found.values_eV.values()) == [-2.4, -1.9]
    same = comparisons.at_two_coverages(alone, alone, MODEL)
    assert same.value_eV is None
    assert "do not differ" in same.reason
