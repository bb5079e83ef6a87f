"""Classes, counts and verdicts on synthetic spectra whose outcome is known by construction."""

import pytest
from level_model import (
    GAP,
    LIGAND,
    TOP_BROMINE,
    Model,
    P,
    dangling_lead,
    ligand_level,
    pristine,
    vacancy,
)

from peropass.analysis.level_classes import StateNumbers, Thresholds, classify
from peropass.analysis.traps import assess, gap_states, own_edge_traps
from peropass.errors import AnalysisRefused
from peropass.records import Address


def numbers(**changes):
    """A level in the middle of the gap with the host's own character: host-like unless changed."""
    base = dict(
        depth_eV=0.5,
        margin_eV=0.1,
        participation_ratio=1.0,
        orbital_difference=0.0,
        ligand_weight=0.0,
        defect_weight=0.0,
        defect_weight_edge=0.0,
        surface_weight=0.5,
        surface_weight_edge=0.5,
        carriers=0.0,
    )
    return StateNumbers(**{**base, **changes})


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "host-like"),
        ({"participation_ratio": 0.501}, "host-like"),
        ({"participation_ratio": 0.5}, "localised-trap"),
        ({"participation_ratio": 0.1, "depth_eV": 0.1}, "shallow"),
        ({"participation_ratio": 0.1, "depth_eV": 0.101}, "localised-trap"),
        ({"defect_weight": 0.5, "defect_weight_edge": 0.3}, "localised-trap"),
        ({"defect_weight": 0.5, "defect_weight_edge": 0.31}, "host-like"),
        ({"defect_weight": 0.499}, "host-like"),
        ({"ligand_weight": 0.5}, "ligand-level"),
        ({"ligand_weight": 0.5, "participation_ratio": 0.1}, "ligand-level"),
        ({"ligand_weight": 0.499}, "host-like"),
        ({"ligand_weight": 0.9, "depth_eV": 0.1}, "shallow"),
        ({"orbital_difference": 0.199}, "host-like"),
        ({"orbital_difference": 0.2}, "shallow"),
        ({"carriers": 0.2}, "host-like"),
        ({"carriers": 0.201}, "shallow"),
        ({"surface_weight": 0.7, "surface_weight_edge": 0.4}, "surface-resonance"),
        ({"surface_weight": 0.699, "surface_weight_edge": 0.4}, "host-like"),
        ({"surface_weight": 0.8, "surface_weight_edge": 0.61}, "host-like"),
        ({"surface_weight": 0.8, "orbital_difference": 0.3}, "shallow"),
        # the orbitals of the edge do not excuse a localised level
        ({"participation_ratio": 0.2, "orbital_difference": 0.0}, "localised-trap"),
    ],
)
def test_each_boundary_of_the_rule(changes, label):
    found, rule = classify(numbers(**changes), Thresholds())
    assert found == label
    assert "depth/eV" in rule


def test_pristine_slab_has_no_state_in_its_own_gap():
    found = gap_states(pristine().record(), pristine().record())
    assert found.states == []
    assert found.gap_pristine_eV == pytest.approx(GAP)
    assert own_edge_traps(pristine().record()) == []


def test_a_localised_level_at_the_edge_of_the_reference_is_reported():
    """A pristine slab with a surface trap must not call its trap an edge in silence."""
    slab = dangling_lead(pristine(), GAP - 0.8).record()
    assert "CBM of the slab stands 0.80 eV off" in own_edge_traps(slab)[0]


def at_two_k_points(record):
    """The same levels at a second k-point."""
    levels = record.soc
    n = len(levels.spin)
    names = ("energies_eV", "filling", "spin", "weights")
    twice = {name: getattr(levels, name) * 2 for name in names}
    return record.model_copy(
        update={"soc": levels.model_copy(update={**twice, "kpoint": [0] * n + [1] * n})}
    )


def test_a_trap_of_the_reference_is_found_with_company():
    """Neither a second trap beside it, nor the same trap at another k-point, is the band behind it."""
    lone = dangling_lead(pristine(), GAP - 0.8).record()
    assert own_edge_traps(at_two_k_points(lone)) == own_edge_traps(lone)
    pair = dangling_lead(dangling_lead(pristine(), GAP - 0.8), GAP - 0.75).record()
    assert "CBM of the slab with 1 more stands 0.75 eV off" in own_edge_traps(pair)[0]


def test_an_extended_level_apart_from_its_band_is_no_trap_of_the_reference():
    slab = pristine()
    slab.add(GAP - 0.8, 0.0, slab.spread("Pb", P))
    assert own_edge_traps(slab.record()) == []


def test_dangling_level_in_words():
    found = gap_states(pristine().record(), dangling_lead(vacancy(), 0.7).record())
    state = found.states[0]
    assert state.label == "localised-trap"
    assert state.character == "Pb 6p of the exposed Pb, 100 %"
    assert state.energy_above_vbm_eV == pytest.approx(0.7)
    assert state.nearest_edge == "VBM"
    assert state.depth_fraction == pytest.approx(0.35)
    assert state.degeneracy == 2  # a Kramers pair is one trap
    assert found.n_traps == 1


def test_host_state_pushed_into_the_gap_is_no_trap():
    model = vacancy()
    model.add(GAP - 0.4, 0.0, model.spread("Pb", P))
    found = gap_states(pristine().record(), model.record())
    assert [s.label for s in found.states] == ["host-like"]
    assert found.n_all == 0
    assert any("a larger cell would decide" in flag for flag in found.flags)


def test_electron_in_a_perturbed_host_state_is_shallow():
    model = vacancy()
    model.add(GAP - 0.4, 1.0, model.spread("Pb", P))
    found = gap_states(pristine().record(), model.record())
    assert [s.label for s in found.states] == ["shallow"]


def test_spin_orbit_coupling_gates_a_trap():
    """A level that coupling pushes into the band is no trap, whatever the scalar levels say."""
    p = pristine().record()
    gone = dangling_lead(vacancy(), 1.5).record(soc_change=lambda e: e + 1.0 if e == 1.5 else e)
    assert gap_states(p, gone, kind="scalar").n_traps == 1
    assert gap_states(p, gone, kind="soc").n_traps == 0
    report = assess(p, gone, vacancy().record())
    assert report.verdict == "no-trap-to-heal"
    assert (report.n_traps_before, report.n_traps_before_scalar) == (0, 1)
    assert any("without spin-orbit coupling 1 trap level(s) before" in f for f in report.flags)


def test_level_at_exactly_zero_is_an_artefact():
    """The engine's zero is 3 eV above the valence edge here, so place the level there less 2 eV."""
    model = dangling_lead(vacancy(), 1.0)
    honest = gap_states(pristine().record(), model.record())
    faked = gap_states(pristine().record(shift=2.0), model.record(shift=2.0))
    assert honest.n_traps == 1
    assert faked.n_traps == 0
    assert "exactly 0.000 eV" in faked.flags[0]


def test_degenerate_levels_are_classified_by_their_mean():
    """Two degenerate levels, each on one half of the lead atoms, are together as extended as the edge.

    Any rotation among them is an equally good pair of states, so single members prove nothing.
    """
    model = vacancy()
    model.add(1.0, 0.0, model.spread("Pb", P, [0, 3]))
    model.add(1.0, 0.0, model.spread("Pb", P, [6, 9]))
    found = gap_states(pristine().record(), model.record())
    assert [s.label for s in found.states] == ["host-like"]
    assert found.states[0].degeneracy == 4


VERDICTS = {
    "healed": ([0.7], [], []),
    "partly": ([0.7, 1.2], [1.2], []),
    "unchanged": ([0.7], [0.75], []),
    "worse": ([0.7], [0.7, 1.2], []),
    "no-trap-to-heal": ([], [], []),
}


def build(verdict):
    before, after, ligand = VERDICTS[verdict]
    socket, loaded = vacancy(), Model(remove=[TOP_BROMINE], ligand=LIGAND, site="V-X")
    for energy in before:
        dangling_lead(socket, energy)
    for energy in after:
        dangling_lead(loaded, energy)
    for energy in ligand:
        ligand_level(loaded, energy)
    return pristine(), socket, loaded


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdict(verdict):
    p, s, x = (model.record() for model in build(verdict))
    report = assess(p, s, x)
    assert report.verdict == verdict
    assert report.spin_orbit
    assert report.thresholds["participation_ratio"] == Thresholds().participation_ratio


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_verdict_does_not_know_the_zero_of_energy(verdict, which):
    models = build(verdict)
    shifts = [1.234 if i == which else 0.0 for i in range(3)]
    plain = assess(*(m.record() for m in models))
    moved = assess(*(m.record(shift=s) for m, s in zip(models, shifts, strict=True)))
    assert moved.verdict == plain.verdict == verdict
    assert moved.gap_eV == pytest.approx(plain.gap_eV)
    assert moved.ionisation_energy_eV == pytest.approx(plain.ionisation_energy_eV)
    energies = [[s.energy_above_vbm_eV for s in r.states_after] for r in (moved, plain)]
    assert energies[0] == pytest.approx(energies[1])


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdict_does_not_know_the_vacuum(verdict):
    """Twice the vacuum around all three slabs, and around the loaded one only."""
    models = build(verdict)
    everywhere = assess(*(m.record(vacuum=12.0) for m in models))
    loaded_only = assess(*(m.record(vacuum=v) for m, v in zip(models, (0, 0, 12.0), strict=True)))
    assert everywhere.verdict == loaded_only.verdict == verdict
    assert any("cell heights differ" in flag for flag in loaded_only.flags)


def test_ligand_level_in_the_gap_is_a_new_trap():
    p, s, x = build("no-trap-to-heal")
    report = assess(p.record(), s.record(), ligand_level(x, 0.9).record())
    assert report.verdict == "worse"
    assert report.n_ligand_levels == 1
    assert report.states_after[0].label == "ligand-level"
    assert "of the ligand" in report.states_after[0].character


def test_replacing_a_trap_by_a_ligand_level_heals_nothing():
    p, s, x = build("healed")
    report = assess(p.record(), s.record(), ligand_level(x, 0.7).record())
    assert report.verdict == "unchanged"


def test_outcome_that_hangs_on_the_alignment_is_undecided():
    """Potentials of three frozen atoms scatter by 0.04 eV, their mean is off by 0.01; the level is as near to the margin."""
    p, s, x = build("no-trap-to-heal")
    scattered = dangling_lead(s, 0.10).record()
    potentials = [-50.0 + (0.04 if i % 2 else -0.04) for i in range(len(scattered.symbols))]
    scattered = scattered.model_copy(update={"atomic_potentials_eV": potentials})
    report = assess(p.record(), scattered, x.record())
    assert report.verdict == "undecided"
    assert "healed or no-trap-to-heal" in report.reason


def test_a_trap_that_only_spreads_over_the_cell_is_not_called_healed():
    """The loaded slab still has a filled level 0.4 eV inside the gap, on all lead atoms alike, as the edge of its host is."""
    p, s, x = build("healed")
    x.add(GAP - 0.4, 1.0, x.spread("Pb", P))
    report = assess(p.record(), s.record(), x.record())
    assert report.n_traps_after == 0
    assert report.verdict == "undecided"
    assert "healed, or partly if it is a trap" in report.reason


def test_the_edge_of_a_shifted_band_is_no_trap_to_be_undecided_about():
    """An empty level with the orbitals and the spread of the conduction edge, 0.4 eV below it: host-like."""
    p, s, x = build("healed")
    x.add(GAP - 0.4, 0.0, x.spread("Pb", P))
    report = assess(p.record(), s.record(), x.record())
    assert [state.label for state in report.states_after] == ["host-like"]
    assert report.verdict == "healed"


def test_an_extended_level_within_the_margin_decides_nothing():
    p, s, x = build("healed")
    x.add(GAP - 0.05, 0.0, x.spread("Pb", P))
    assert assess(p.record(), s.record(), x.record()).verdict == "healed"


def test_a_socket_whose_level_may_be_a_trap_has_no_clean_verdict():
    p, s, x = build("no-trap-to-heal")
    s.add(GAP - 0.4, 1.0, s.spread("Pb", P))
    report = assess(p.record(), s.record(), x.record())
    assert (report.verdict, report.n_traps_before) == ("undecided", 0)
    assert "no-trap-to-heal, or healed if it is a trap" in report.reason


def test_a_margin_widened_by_a_poor_alignment_hides_no_trap():
    """Spread 0.2 eV over three atoms: error 0.115, margin 0.23 eV; a level at 0.25 eV is neither trap nor none."""
    p, s, x = build("no-trap-to-heal")
    poor = dangling_lead(s, 0.25).record()
    potentials = list(poor.atomic_potentials_eV)
    for atom, change in zip(poor.fixed, (-0.245, 0.0, 0.245), strict=True):
        potentials[atom] += change
    poor = poor.model_copy(update={"atomic_potentials_eV": potentials})
    assert gap_states(p.record(), poor).margin_eV == pytest.approx(0.231, abs=0.001)
    assert assess(p.record(), poor, x.record()).verdict == "undecided"


def test_cross_checks_are_flagged_beyond_a_tenth_of_an_electronvolt():
    p, s, x = (m.record() for m in build("healed"))
    fine = assess(p, s, x.model_copy(update={"vacuum_eV": [4.09, 4.5]}))
    off = assess(p, s, x.model_copy(update={"vacuum_eV": [4.11, 4.5]}))
    semicore = assess(p, s, x.model_copy(update={"semicore_atoms_eV": [-20.2] * len(x.symbols)}))
    assert not any("vacuum level" in f for f in fine.flags)
    assert any("vacuum level" in f for f in off.flags)
    assert any("semicore levels" in f for f in semicore.flags)


def test_ionisation_energy_follows_the_dipole_of_the_ligand():
    """Vacuum level above the face minus valence edge: 4.5 - (-3.0) here; a dipole adds to it."""
    p, s, x = (m.record() for m in build("healed"))
    report = assess(p, s, x.model_copy(update={"vacuum_eV": [4.0, 3.8]}))
    assert report.ionisation_energy_pristine_eV == pytest.approx(7.5)
    assert report.ionisation_energy_eV == pytest.approx(6.8)


def test_traps_at_several_k_points_are_one_trap():
    """A defect band is one level per k-point, not one trap per k-point."""
    p, s = pristine().record(), dangling_lead(vacancy(), 0.7).record()
    found = gap_states(at_two_k_points(p), at_two_k_points(s))
    assert len(found.states) == 2
    assert found.n_traps == 1
    assert found.states[0].index == found.states[1].index


REFUSALS = {
    "k-points": ({"kpts": (2, 2, 1)}, "k-points differ"),
    "settings": ({"settings_hash": "other"}, "settings differ"),
    "operator": ({"settings": {"levels": {"spin_orbit": "mass"}}}, "operators differ"),
    "no spin-orbit": ({"soc": None}, "no soc set"),
    "other lateral cell": (
        {"cell_ang": [[9.0, 0, 0], [0, 8.0, 0], [0, 0, 40.0]]},
        "lateral cells differ",
    ),
    "nothing frozen": ({"fixed": []}, "no frozen atom"),
    "unconverged": ({"status": "unconverged"}, "status unconverged"),
    "charged": ({"charge_e": 1.0}, "charged"),
    "odd without spin": ({"n_electrons": 101}, "without spin polarisation"),
    "no symbols": ({"symbols": []}, "0 symbols"),
    "other termination": (
        {"address": Address(campaign="c", protocol="p", host="h", termination="u", site="V-X")},
        "termination t against u",
    ),
}


REFERENCES = {
    "a defect": (
        {"address": Address(campaign="c", protocol="p", host="h", termination="t", site="V-Cs")},
        "site V-Cs",
    ),
    "a ligand": ({"fragment": [0] * 11 + [1]}, "1 ligand atoms"),
    "another thickness": (
        {"layer": [5] * 3 + [4] * 3 + [3] * 3 + [1] * 3},
        "5 atomic layers against 4",
    ),
}


@pytest.mark.parametrize("case", REFERENCES)
def test_edges_are_those_of_a_bare_pristine_slab_of_equal_thickness(case):
    changes, message = REFERENCES[case]
    p, s, x = (m.record() for m in build("healed"))
    with pytest.raises(AnalysisRefused, match=message):
        assess(p.model_copy(update=changes), s, x)


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_with_the_reason(case):
    changes, message = REFUSALS[case]
    p, s, x = (m.record() for m in build("healed"))
    with pytest.raises(AnalysisRefused, match=message):
        assess(p, s, x.model_copy(update=changes))


def test_missing_weights_are_refused():
    p, s, x = (m.record() for m in build("healed"))
    empty = x.soc.model_copy(update={"weights": []})
    with pytest.raises(AnalysisRefused, match="no projections"):
        assess(p, s, x.model_copy(update={"soc": empty}))


def test_too_few_bands_are_refused():
    """States that do not reach both edges could hide a trap."""
    p, s, x = (m.record() for m in build("healed"))
    keep = [i for i, e in enumerate(x.soc.energies_eV) if e < -3.0 + GAP - 0.1]
    cut = {
        name: [getattr(x.soc, name)[i] for i in keep]
        for name in ("energies_eV", "filling", "spin", "kpoint", "weights")
    }
    with pytest.raises(AnalysisRefused, match="list more bands"):
        assess(p, s, x.model_copy(update={"soc": x.soc.model_copy(update=cut)}))


def with_hybrid(record, change):
    """The record with hybrid levels: those with coupling, each energy above the valence edge changed."""
    energies = [change(e + 3.0) - 3.0 for e in record.soc.energies_eV]
    hybrid = record.soc.model_copy(update={"energies_eV": energies})
    return record.model_copy(update={"hse_soc": hybrid})


def test_hybrid_levels_decide_where_they_are_and_the_functionals_stand_beside_them():
    """A hybrid that opens the gap by 1 eV and moves the trap with the conduction edge: a trap at both levels, twice as deep."""

    def opened(above):
        return above if above < 0.1 else above + 1.0

    p, s, x = (with_hybrid(m.record(), opened) for m in build("healed"))
    report = assess(p, s, x)
    assert (report.levels, report.verdict) == ("hse_soc", "healed")
    assert report.gap_pristine_eV == pytest.approx(GAP + 1.0)
    assert report.gap_soc_pristine_eV == pytest.approx(GAP)
    assert report.states_before[0].energy_above_vbm_eV == pytest.approx(1.7)
    assert report.states_before_soc[0].energy_above_vbm_eV == pytest.approx(0.7)
    assert (report.n_traps_before_soc, report.n_traps_after_soc) == (1, 0)
    assert not any("functional's own" in flag for flag in report.flags)


def test_a_trap_that_only_one_level_of_theory_sees_is_flagged():
    """The hybrid pushes the empty level into the conduction band: nothing to heal, but the functional says otherwise."""
    p, s, x = (with_hybrid(m.record(), lambda e: e) for m in build("healed"))
    s = with_hybrid(s, lambda e: 3.0 if abs(e - 0.7) < 1e-9 else e)
    report = assess(p, s, x)
    assert report.verdict == "no-trap-to-heal"
    assert any("functional's own levels and spin-orbit coupling 1 trap" in f for f in report.flags)


def test_a_loaded_slab_without_the_hybrid_levels_of_the_others_is_refused():
    p, s, x = (m.record() for m in build("healed"))
    p, s = (with_hybrid(r, lambda e: e) for r in (p, s))
    with pytest.raises(AnalysisRefused, match="no hse_soc set"):
        assess(p, s, x)


def test_scalar_levels_may_not_decide():
    p, s, x = (m.record() for m in build("healed"))
    with pytest.raises(AnalysisRefused, match="spin-orbit"):
        assess(p, s, x, kind="scalar")
