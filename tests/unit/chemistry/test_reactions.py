"""Balance of elements and charge: identities, refusals, and the plan of each library entry."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peropass.chemistry.library import load_library
from peropass.chemistry.reaction_plan import gas, hill_formula, molecule_id, reactions_for
from peropass.chemistry.reactions import (
    HostIons,
    Reaction,
    Species,
    add,
    binding,
    desorption_complex,
    dopant_exchange,
    exchange,
    exchange_acid,
    imbalance,
    scale,
    versus_native,
)
from peropass.errors import InputError, UnbalancedReaction
from peropass.ids import NAME

LIBRARY = load_library()
IONS = HostIons()
SOCKET = Species("CsPbBr3(001)[V-CsX]", {"Cs": 7, "Pb": 4, "Br": 15})
PRISTINE = Species("CsPbBr3(001)", {"Cs": 8, "Pb": 4, "Br": 16})
TMABR = Species("TMABr(g)", {"C": 4, "H": 12, "N": 1, "Br": 1})
LOADED = Species("CsPbBr3(001)[V-CsX]:TMABr", add(SOCKET.composition, TMABR.composition))

compositions = st.dictionaries(
    st.sampled_from(["H", "C", "N", "O", "Cs", "Pb", "Br"]), st.integers(1, 20), min_size=1
)


def test_binding_reads_as_a_chemist_writes_it():
    assert (
        binding(SOCKET, TMABR, LOADED).equation
        == "CsPbBr3(001)[V-CsX] + TMABr(g) -> CsPbBr3(001)[V-CsX]:TMABr"
    )


def test_unbalanced_is_refused_with_element_and_excess():
    with pytest.raises(UnbalancedReaction, match=r"Br \+1, Cs \+1$"):
        binding(SOCKET, TMABR, Species("wrong", add(LOADED.composition, {"Cs": 1, "Br": 1})))
    with pytest.raises(UnbalancedReaction, match=r"charge \+1"):
        binding(SOCKET, TMABR, Species("charged", LOADED.composition, 1))


@given(a=compositions, b=compositions, n=st.integers(1, 4), m=st.integers(1, 4))
def test_association_always_balances_and_one_atom_more_never(a, b, n, m):
    """n A + m B -> AnBm by construction."""
    educts = ((-n, Species("A", a)), (-m, Species("B", b)))
    product = add(scale(a, n), scale(b, m))
    assert Reaction("r", (*educts, (1, Species("AB", product)))).equation.endswith("-> AB")
    with pytest.raises(UnbalancedReaction, match="He"):
        Reaction("r", (*educts, (1, Species("ABHe", add(product, {"He": 1})))))


@given(a=compositions, b=compositions, charge=st.integers(-3, 3).filter(bool))
def test_charge_alone_unbalances(a, b, charge):
    terms = ((-1, Species("A", a)), (-1, Species("B", b)), (1, Species("AB", add(a, b), charge)))
    assert set(imbalance(terms)) == {"charge"}


def test_thirds_and_halves_balance_exactly():
    """Three thirds are one: 1/3 A3 -> A, 1/2 Br2 -> Br."""
    Reaction("r", ((-1 / 3, Species("A3", {"Na": 3})), (1, Species("A", {"Na": 1}))))
    half = Reaction("r", ((-0.5, Species("Br2", {"Br": 2})), (1, Species("Br", {"Br": 1}))))
    assert half.equation == "1/2 Br2 -> Br"


def test_exchange_forward_and_back_cancel():
    """A -> B and B -> A have opposite coefficients species by species."""
    forward = versus_native(LOADED, TMABR, LOADED, TMABR)
    there = exchange(PRISTINE, TMABR, LOADED, IONS.salt)
    back = there.reversed("back")
    total: dict[str, float] = {}
    for c, s in (*there.terms, *back.terms):
        total[s.name] = total.get(s.name, 0) + c
    assert set(total.values()) == {0}
    assert forward.equation


def test_acid_exchange_gives_hydrogen_halide():
    """slab + CH3SO3H -> slab[Br->CH3SO3] + HBr."""
    acid = gas("CS(=O)(=O)O")
    loaded = Species("loaded", add(SOCKET.composition, gas("CS(=O)(=O)[O-].[Cs+]").composition))
    reaction = exchange_acid(PRISTINE, acid, loaded, gas("Br"))
    assert reaction.equation == "CsPbBr3(001) + MeSO3H(g) -> loaded + HBr(g)"


def test_complex_takes_a_surface_unit_or_a_bulk_one():
    complex_gas = Species("TMABr.CsBr(g)", add(TMABR.composition, {"Cs": 1, "Br": 1}))
    refilled = desorption_complex(LOADED, SOCKET, IONS.salt, complex_gas, refill=True)
    assert "CsBr(bulk)" in refilled.equation
    damaged = Species("damaged", {"Cs": 6, "Pb": 4, "Br": 14})
    assert desorption_complex(LOADED, damaged, IONS.salt, complex_gas, refill=False)


@pytest.mark.parametrize(
    ("dopant", "state", "equation"),
    [
        ("Sr", 2, "SrBr2(bulk) -> {h}[Pb->Sr] + PbBr2(bulk)"),
        ("Bi", 3, "BiBr3(bulk) -> {h}[Pb->Bi + V-Cs] + PbBr2(bulk) + CsBr(bulk)"),
        ("Ag", 1, "AgBr(bulk) -> {h}[Pb->Ag + V-Br] + PbBr2(bulk)"),
        ("Zr", 4, "ZrBr4(bulk) -> {h}[Pb->Zr + 2 V-Cs] + PbBr2(bulk) + 2 CsBr(bulk)"),
    ],
)
def test_dopants_are_compensated_by_the_vacancy_that_their_charge_needs(dopant, state, equation):
    name = PRISTINE.name
    found = dopant_exchange(IONS, PRISTINE, dopant, state).equation
    assert found == f"{name} + " + equation.format(h=name)


def test_other_hosts_come_in_through_the_same_door():
    """FASnI3: no Cs, Pb or Br anywhere."""
    ions = HostIons("FA", "Sn", "I")
    for planned in reactions_for(LIBRARY.entries["ma-br"], ions):
        if planned.reaction:
            assert not {"Cs", "Pb", "Br"} & {
                e for _, s in planned.reaction.terms for e in s.composition
            }


def test_every_entry_has_reactions_with_named_references():
    """A reaction that exists is balanced; one that does not says why; references may become folder names."""
    for entry in LIBRARY.entries.values():
        planned = reactions_for(entry, IONS)
        assert planned or entry.status == "planned", entry.id
        for item in planned:
            assert (item.reaction is None) == bool(item.reason), (entry.id, item.name)
            assert NAME.fullmatch(item.name), item.name
            if item.reaction:
                assert imbalance(item.reaction.terms) == {}
            for reference in item.references:
                assert NAME.fullmatch(reference.id), reference.id


@settings(max_examples=60, deadline=None)
@given(
    entry=st.sampled_from(sorted(LIBRARY.entries)),
    a=st.sampled_from(["Cs", "Rb", "MA", "FA"]),
    b=st.sampled_from(["Pb", "Sn", "Ge"]),
    x=st.sampled_from(["Cl", "Br", "I"]),
)
def test_every_reaction_balances_on_any_host(entry, a, b, x):
    for item in reactions_for(LIBRARY.entries[entry], HostIons(a, b, x)):
        if item.reaction:
            assert imbalance(item.reaction.terms) == {}, (item.name, item.equation)


def test_a_quaternary_ammonium_has_no_proton_channel_but_an_alkyl_one():
    planned = {p.name: p for p in reactions_for(LIBRARY.entries["ddab"])}
    assert "no proton" in planned["desorption-proton-transfer"].reason
    assert planned["desorption-alkyl-transfer"].equation.endswith("NMeEt2(g) + MeBr(g)")
    native = {p.name: p for p in reactions_for(LIBRARY.entries["ola-br"])}
    assert native["desorption-proton-transfer"].equation.endswith("EtNH2(g) + HBr(g)")
    assert not native["desorption-alkyl-transfer"].available


def test_zwitterion_needs_its_tautomer_as_a_reference():
    planned = {p.name: p for p in reactions_for(LIBRARY.entries["taurine"])}
    assert [r.id for r in planned["binding"].references] == ["taurine", "taurine-neutral"]
    assert [r.id for r in planned["desorption-proton-transfer"].references] == ["taurine-neutral"]


def test_competing_variants_are_cut_alike():
    entry = LIBRARY.entries["norvaline"]
    for carbons in (1, 2):
        planned = {p.name: p for p in reactions_for(entry, tail_carbons=carbons)}
        first, second = planned["binding"].references
        assert gas(first.definition).composition == gas(second.definition).composition


def test_exchange_needs_the_site_that_is_one_salt_short():
    planned = {p.name: p for p in reactions_for(LIBRARY.entries["ddab"], site="V-X")}
    assert "V-X" in planned["exchange"].reason


def test_a_bromide_donor_on_an_iodide_leaves_bromide_on_the_x_site():
    planned = {p.name: p for p in reactions_for(LIBRARY.entries["tbtb"], HostIons(x="I"))}
    assert "CsPbI3(001)[I->Br]" in planned["halide-donation"].equation


def test_phases_of_the_host():
    planned = {p.name: p.equation for p in reactions_for(LIBRARY.entries["phases"])}
    assert planned["decomposition-A4BX6"] == "4 CsPbBr3(bulk) -> Cs4PbBr6(bulk) + 3 PbBr2(bulk)"
    assert planned["decomposition-AB2X5"] == "2 CsPbBr3(bulk) -> CsPb2Br5(bulk) + CsBr(bulk)"


def test_unknown_defect_names_entry_and_key():
    entry = LIBRARY.entries["defects"]
    data = entry.substitution.model_copy(update={"species": ("V-Y",)})
    with pytest.raises(InputError, match=r"defects\.substitution\.species.*V-Y"):
        reactions_for(entry.model_copy(update={"substitution": data}))


def test_names_and_ids_of_molecules():
    """Hill order; salts by cation; two isomers never share an id."""
    assert hill_formula({"O": 1, "H": 6, "C": 2}) == "C2H6O"
    assert gas("[Zn+2].[Br-].[Br-]").name == "ZnBr2(g)"
    assert gas("[NH4+].[NH4+].[O-]S(=O)(=O)[O-]").name == "(NH4)2SO4(g)"
    assert molecule_id("CCO") != molecule_id("COC")
    assert molecule_id("CCO") == molecule_id("OCC")
    assert molecule_id("NCCS(=O)(=O)O") != molecule_id("[NH3+]CCS(=O)(=O)[O-]")


def test_channels_with_a_surface_unit_are_planned_where_the_campaign_asks_for_them():
    entry = LIBRARY.entries["ma-br"]
    every = {p.name: p for p in reactions_for(entry)}
    assert "CsPbBr3(bulk)" in every["desorption-with-PbBr2"].equation
    asked = {p.name: p for p in reactions_for(entry, complexes=["BX2"])}
    assert asked["desorption-with-PbBr2"].available
    assert not asked["desorption-with-CsBr"].available
    assert "lability.complexes" in asked["desorption-with-CsBr"].reason
