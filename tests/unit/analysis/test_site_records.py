"""One slab against the pristine one: counts on synthetic spectra, formation energies by their identities."""

import pytest
from level_model import GAP, LIGAND, Model, P, dangling_lead, ligand_level, pristine, vacancy

from peropass.analysis.controls import (
    Asked,
    deepest_trap,
    in_words,
    judge,
    may_survive,
    survives,
)
from peropass.analysis.sites import thermo_fields, trap_fields
from peropass.records import (
    Address,
    Energy,
    EosRecord,
    Provenance,
    SiteRecord,
)

IONS = ("Cs", "Pb", "Br")
HOST_EV, SALT_EV, LEAD_SALT_EV = -17.3, -6.0, -11.0


def site(model, **changes):
    fields = trap_fields(pristine().record(), model.record(**changes))
    place = Address(campaign="c", protocol="p", host="h", termination="t", site=model.site)
    return SiteRecord(
        status="ok", address=place, provenance=Provenance(revision=1, physics_hash="x"), **fields
    )


def asked(expected, name="one", than=None):
    return Asked(name=name, host="h", termination="t", site="V-X", expected=expected, than=than)


def outcome(expected, record):
    return judge([asked(expected)], {"one": record})[0].outcome


def test_a_dangling_level_is_a_trap_and_an_empty_gap_is_none():
    with_trap, without = site(dangling_lead(vacancy(), 0.7)), site(vacancy())
    assert (with_trap.n_traps, without.n_traps) == (1, 0)
    for expected, first, second in (
        ("trap", "as expected", "differs"),
        ("no-trap", "differs", "as expected"),
        ("shallow-or-host-like", "differs", "as expected"),
        ("survey", "surveyed", "surveyed"),
    ):
        assert (outcome(expected, with_trap), outcome(expected, without)) == (first, second)


@pytest.mark.parametrize("change", [{"shift": 1.7}, {"vacuum": 12.0}])
def test_neither_zero_of_energy_nor_vacuum_changes_the_outcome(change):
    plain, moved = (
        site(dangling_lead(vacancy(), 0.7)),
        site(dangling_lead(vacancy(), 0.7), **change),
    )
    assert moved.n_traps == plain.n_traps == 1
    assert moved.states[0].energy_above_vbm_eV == pytest.approx(plain.states[0].energy_above_vbm_eV)


def test_a_pristine_slab_is_judged_by_its_own_edges():
    """Its gap holds no level by definition; a localised level that poses as an edge is what can be wrong."""
    clean, trapped = pristine().record(), dangling_lead(pristine(), GAP - 0.8).record()
    assert trap_fields(clean, clean)["n_traps"] == 0
    found = trap_fields(trapped, trapped)
    assert (found["n_traps"], found["n_traps_low"], found["n_traps_high"]) == (1, 1, 1)


def test_what_hangs_on_the_alignment_is_undecided():
    """Frozen potentials scatter by 0.2 eV: a level 0.25 eV deep is a trap without the wider margin only."""
    found = poorly_aligned(dangling_lead(vacancy(), 0.25))
    assert (found.n_traps_low, found.n_traps_high) == (0, 1)
    assert outcome("trap", found) == outcome("no-trap", found) == "undecided"
    assert "0 to 1 within the error of the alignment" in in_words(found)


def poorly_aligned(model):
    """The model's site with frozen potentials that scatter by 0.2 eV: error 0.115, margin 0.231 eV."""
    record = model.record()
    potentials = list(record.atomic_potentials_eV)
    for atom, change in zip(record.fixed, (-0.245, 0.0, 0.245), strict=True):
        potentials[atom] += change
    return site(model, atomic_potentials_eV=potentials)


def loaded():
    return Model(ligand=LIGAND)


def test_a_level_counts_as_the_ligands_only_where_the_alignment_holds_it_inside():
    assert outcome("ligand-level", site(ligand_level(loaded(), 0.7))) == "as expected"
    assert outcome("ligand-level", site(loaded())) == "differs"
    assert outcome("ligand-level", site(dangling_lead(loaded(), 0.7))) == "differs"
    assert outcome("ligand-level", site(ligand_level(loaded(), 0.05))) == "differs"
    for depth, expected in ((0.36, "as expected"), (0.33, "undecided"), (0.12, "undecided")):
        assert outcome("ligand-level", poorly_aligned(ligand_level(loaded(), depth))) == expected


def test_a_site_has_a_trap_that_survives_only_where_every_variant_counts_it():
    """The deepest trap is the deepest level that is one, not the deepest level."""
    sure = site(dangling_lead(vacancy(), 0.4))
    unsure = poorly_aligned(dangling_lead(vacancy(), 0.25))
    ligands = site(ligand_level(loaded(), 0.7))
    extended = vacancy()
    extended = site(extended.add(GAP - 0.7, 1.0, extended.spread("Pb", P)))
    found = [(survives(r), may_survive(r)) for r in (sure, unsure, ligands, extended)]
    assert found == [(True, False), (False, True), (False, False), (False, True)]
    assert not survives(site(vacancy()))
    both = dangling_lead(vacancy(), 0.4)
    both = site(both.add(GAP - 0.9, 0.0, both.spread("Pb", P)))
    assert both.states[0].label == "host-like"
    assert deepest_trap(both).depth_eV == pytest.approx(0.4)
    assert deepest_trap(site(vacancy())) is None


@pytest.mark.parametrize("expected", ["no-trap", "shallow-or-host-like", "trap"])
def test_a_deep_level_that_fills_the_cell_decides_nothing(expected):
    """No more local than the edges beside it, 0.7 eV inside the gap: a cell that small can neither show nor exclude a trap."""
    model = vacancy()
    found = site(model.add(GAP - 0.7, 1.0, model.spread("Pb", P)))
    assert (found.n_traps, found.n_traps_low, found.n_traps_high) == (0, 0, 0)
    assert any("a larger cell would decide" in flag for flag in found.flags)
    assert outcome(expected, found) == "undecided"


def test_deeper_is_a_fraction_of_each_gap_beyond_the_margin():
    deep, shallow = site(dangling_lead(vacancy(), 0.9)), site(dangling_lead(vacancy(), 0.3))
    rows = [asked("survey", "one"), asked("deeper-than", "two", than="one")]
    for first, second, expected in (
        (shallow, deep, "as expected"),
        (deep, shallow, "differs"),
        (deep, deep, "undecided"),
    ):
        assert judge(rows, {"one": first, "two": second})[1].outcome == expected
    assert judge(rows, {"two": deep})[1].outcome == "no result"


def test_hybrid_levels_of_a_site_have_those_of_the_functional_beside_them():
    record, reference = dangling_lead(vacancy(), 0.7).record(), pristine().record()
    both = [r.model_copy(update={"hse_soc": r.soc}) for r in (reference, record)]
    found = trap_fields(*both)
    assert (found["levels"], found["n_traps"], found["n_traps_soc"]) == ("hse_soc", 1, 1)
    assert found["gap_soc_eV"] == pytest.approx(found["gap_eV"])
    assert "n_traps_soc" not in trap_fields(reference, record)


def test_what_was_not_run_says_so():
    assert judge([asked("trap")], {})[0].outcome == "not run yet"


def test_a_refused_analysis_is_a_row_with_its_reason():
    record = SiteRecord(
        status="failed",
        reason="k-points differ",
        address=Address(campaign="c", protocol="p"),
        provenance=Provenance(revision=1, physics_hash="x"),
    )
    row = judge([asked("trap")], {"one": record})[0]
    assert row.outcome == "no result"
    assert "k-points differ" in row.found


def test_words_name_place_filling_and_share_of_the_gap():
    model = vacancy()
    model.add(0.5, 1.0, model.spread("Pb", P, [9]))
    words = in_words(site(model))
    assert "1 localised trap" in words
    assert "0.50 eV above the VBM (25 % of the gap), filled, Pb 6p of the exposed Pb" in words


# --- energies -------------------------------------------------------------------------------------------------


def phase(composition, energy, status="ok"):
    return EosRecord(
        status=status,
        address=Address(campaign="c", protocol="p", host="h"),
        provenance=Provenance(revision=1, physics_hash="x"),
        settings_hash="aaaa",
        settings={},
        composition=composition,
        kpts=(4, 4, 4),
        energy=Energy(electronic_eV=energy, free_eV=energy, total_eV=energy),
    )


@pytest.fixture
def bulk():
    return [
        phase({"Cs": 1, "Pb": 1, "Br": 3}, HOST_EV),
        phase({"Cs": 1, "Br": 1}, SALT_EV),
        phase({"Pb": 1, "Br": 2}, LEAD_SALT_EV),
    ]


@pytest.fixture
def slabs(make_calculation):
    """A slab of 2 CsBr and 2 CsPbBr3 that costs 1 eV, and the same without one CsBr that costs 0.8 eV more."""
    energy = 2 * SALT_EV + 2 * HOST_EV + 1.0
    whole = make_calculation({"Cs": 4, "Pb": 2, "Br": 8}, energy)
    holed = make_calculation({"Cs": 3, "Pb": 2, "Br": 7}, energy - SALT_EV + 0.8)
    return whole, holed


def test_a_pair_vacancy_costs_what_was_put_in_and_less_where_its_salt_is_dear(slabs, bulk):
    """In equilibrium with CsBr the cost is 0.8 eV; with PbBr2 mu(CsBr) is lower by the 0.3 eV that the host gains."""
    found = thermo_fields(*slabs, bulk, IONS)
    assert found["removed"] == {"Cs": 1, "Br": 1}
    costs = {p.phase: p.formation_eV for p in found["points"]}
    assert costs == {"CsBr": pytest.approx(0.8), "PbBr2": pytest.approx(0.5)}


def test_the_limit_of_the_salt_needs_host_and_salt_only(slabs, bulk):
    found = thermo_fields(*slabs, bulk[:2], IONS)
    assert [p.phase for p in found["points"]] == ["CsBr"]
    assert found["points"][0].formation_eV == pytest.approx(0.8)
    assert found["points"][0].inside is None
    assert "PbBr2" in found["thermo_note"]


def test_a_pristine_slab_has_a_surface_energy_at_each_limit(slabs, bulk):
    whole, _ = slabs
    found = thermo_fields(whole, whole, bulk, IONS)
    area = 8.3 * 8.3
    first = next(p for p in found["points"] if p.phase == "CsBr")
    assert first.surface_J_per_m2 == pytest.approx(1.0 / (2 * area) * 16.02176634)
    assert first.formation_eV is None


def test_an_unstable_host_has_an_empty_window_and_says_so(slabs, bulk):
    bulk[2] = phase({"Pb": 1, "Br": 2}, LEAD_SALT_EV - 0.5)
    found = thermo_fields(*slabs, bulk, IONS)
    assert "window empty: the host is unstable by 0.200 eV" in found["thermo_note"]
    assert not any(p.inside for p in found["points"])


@pytest.mark.parametrize(
    ("composition", "reason"),
    [
        ({"Cs": 4, "Pb": 2, "Br": 7}, "beyond neutral salts"),
        ({"Cs": 3, "Pb": 1, "Bi": 1, "Br": 8}, "Bi: not an ion of the host"),
    ],
)
def test_what_is_no_set_of_salts_is_left_out_with_the_reason(
    slabs, bulk, make_calculation, composition, reason
):
    found = thermo_fields(slabs[0], make_calculation(composition, -50.0), bulk, IONS)
    assert "points" not in found
    assert reason in found["thermo_note"]


def test_a_failed_phase_is_named(slabs, bulk):
    found = thermo_fields(*slabs, [*bulk[:2], phase({"Pb": 1, "Br": 2}, 0.0, "failed")], IONS)
    assert "failed" in found["thermo_note"]


# --- defects that are no set of salts ---------------------------------------------------------------------------

LEAD_EV, CAESIUM_EV, BROMINE_EV = -4.0, -1.0, -3.0  # per atom, per atom, per molecule


@pytest.fixture
def elements():
    return [
        phase({"Pb": 4}, 4 * LEAD_EV),
        phase({"Cs": 2}, 2 * CAESIUM_EV),
        phase({"Br": 2}, BROMINE_EV),
    ]


def with_lead(whole, make_calculation, extra_eV):
    """The slab with an adatom that costs `extra_eV` against metallic lead."""
    energy = whole.energy.total_eV + LEAD_EV + extra_eV
    return make_calculation({"Cs": 4, "Pb": 3, "Br": 8}, energy)


def test_a_lead_adatom_comes_from_the_metal_at_the_halide_poor_end(
    slabs, bulk, elements, make_calculation
):
    """There mu(Pb) is that of the metal whatever mu(CsBr) is; mu(Pb) falls by two halogens from one end to the other."""
    found = thermo_fields(
        slabs[0], with_lead(slabs[0], make_calculation, 0.7), [*bulk, *elements], IONS
    )
    ends = [point.halide for point in found["points"]]
    assert len(ends) == 2
    for end in ends:
        assert (end.poor_phase, end.rich_phase) == ("Pb", "Br2")
        assert end.poor_formation_eV == pytest.approx(0.7)
        assert end.rich_formation_eV - end.poor_formation_eV == pytest.approx(-2 * end.poor_mu_eV)
    assert all(point.formation_eV is None for point in found["points"])


def test_a_halide_vacancy_is_dear_where_the_halogen_is_plentiful(
    slabs, bulk, elements, make_calculation
):
    """At the rich end the halogen leaves as half a molecule; in equilibrium with PbBr2 the poor end is half its heat of formation below."""
    energy = slabs[0].energy.total_eV - BROMINE_EV / 2 + 3.0
    holed = make_calculation({"Cs": 4, "Pb": 2, "Br": 7}, energy)
    found = thermo_fields(slabs[0], holed, [*bulk, *elements], IONS)
    ends = {point.phase: point.halide for point in found["points"]}
    assert [end.rich_formation_eV for end in ends.values()] == pytest.approx([3.0, 3.0])
    heat = LEAD_SALT_EV - LEAD_EV - BROMINE_EV
    assert ends["PbBr2"].poor_mu_eV == pytest.approx(heat / 2)
    assert ends["PbBr2"].poor_formation_eV == pytest.approx(3.0 + heat / 2)
    assert "thermo_note" in found
    assert "metallic" not in found["thermo_note"]


def test_without_metallic_caesium_the_poor_end_is_said_to_be_that_of_lead(
    slabs, bulk, elements, make_calculation
):
    system = with_lead(slabs[0], make_calculation, 0.7)
    found = thermo_fields(slabs[0], system, [*bulk, elements[0], elements[2]], IONS)
    assert found["points"][0].halide.poor_formation_eV == pytest.approx(0.7)
    assert "no metallic Cs: the Br-poor end is that of Pb alone" in found["thermo_note"]


@pytest.mark.parametrize(("left_out", "named"), [(0, "Pb is not"), (2, "Br2 is not")])
def test_a_range_needs_lead_and_halogen(slabs, bulk, elements, make_calculation, left_out, named):
    """Fails closed: no number from one end alone."""
    del elements[left_out]
    system = with_lead(slabs[0], make_calculation, 0.7)
    found = thermo_fields(slabs[0], system, [*bulk, *elements], IONS)
    assert "points" not in found
    assert f"{named} among the phases" in found["thermo_note"]


def test_elements_move_no_formation_energy_of_a_neutral_set(slabs, bulk, elements):
    assert thermo_fields(*slabs, bulk, IONS) == thermo_fields(*slabs, [*bulk, *elements], IONS)
