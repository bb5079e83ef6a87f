"""Chemical potential window, formation energies and surface energies by their identities."""

from dataclasses import replace

import numpy as np
import pytest

from peropass.analysis.plane_waves import smooth_total_eV
from peropass.analysis.surface_thermo import (
    EV_PER_ANG2_IN_J_PER_M2,
    Phases,
    chemical_window,
    defect_formation_energy,
    halide_window,
    phases_from_records,
    salt_potentials,
    surface_energy,
)
from peropass.errors import AnalysisRefused, MissingTerm, SettingsMismatch
from peropass.records import Address, Energy, EosRecord, Provenance

IONS = ("Cs", "Pb", "Br")
# E(host) lies 0.30 eV below its salts
PHASES = Phases(host=-17.3, ax=-6.0, bx2=-11.0)


def on_the_tie_line(coefficient_ax, coefficient_bx2, extra=0.0):
    """Energy of a phase that decomposes into host and salt at no gain, plus `extra`."""
    units = min(coefficient_ax, coefficient_bx2)
    rest = (coefficient_ax - units) * PHASES.ax + (coefficient_bx2 - units) * PHASES.bx2
    return units * PHASES.host + rest + extra


def test_the_width_against_the_salts_is_the_formation_energy():
    window = chemical_window(PHASES)
    assert (window.lower_phase, window.upper_phase) == ("BX2", "AX")
    assert window.width_eV == pytest.approx(0.30)


def test_phases_on_the_tie_line_do_not_narrow_the_window():
    """Marginal phases touch the window's ends: their bound coincides with that of the salt."""
    marginal = Phases(
        PHASES.host, PHASES.ax, PHASES.bx2, on_the_tie_line(4, 1), on_the_tie_line(1, 2)
    )
    window = chemical_window(marginal)
    assert window.bounds_eV["A4BX6"] == pytest.approx(window.bounds_eV["AX"])
    assert window.bounds_eV["AB2X5"] == pytest.approx(window.bounds_eV["BX2"])


def test_each_stable_ternary_phase_takes_its_share_of_the_window():
    """A4BX6 lower by e ends it at -e/3 (three AX are exchanged); AB2X5 lower by e ends it e earlier."""
    stable = Phases(
        PHASES.host,
        PHASES.ax,
        PHASES.bx2,
        on_the_tie_line(4, 1, -0.09),
        on_the_tie_line(1, 2, -0.05),
    )
    window = chemical_window(stable)
    assert (window.lower_phase, window.upper_phase) == ("AB2X5", "A4BX6")
    assert window.upper_eV == pytest.approx(-0.03)
    assert window.lower_eV == pytest.approx(-0.30 + 0.05)


def test_an_unstable_host_has_no_window():
    window = chemical_window(Phases(host=-16.9, ax=-6.0, bx2=-11.0))
    assert window.width_eV == pytest.approx(-0.1)
    with pytest.raises(AnalysisRefused, match="unstable by 0.100 eV"):
        window.grid()


def test_the_salts_always_add_up_to_the_host():
    ax, bx2 = salt_potentials(PHASES, np.array([-0.3, -0.1, 0.0]))
    assert ax + bx2 == pytest.approx(np.full(3, PHASES.host))


def test_removing_a_whole_formula_unit_does_not_see_the_environment():
    dmu = np.array([-0.3, 0.0])
    energy = defect_formation_energy(-82.0, -100.0, {"Cs": 1, "Pb": 1, "Br": 3}, IONS, PHASES, dmu)
    assert energy == pytest.approx([18.0 + PHASES.host] * 2)


def test_complementary_vacancies_have_opposite_slopes():
    """V-CsX is cheap where CsX is scarce, V-PbX2 where it is plentiful; the sum is constant."""
    dmu = chemical_window(PHASES).grid(11)
    salt = defect_formation_energy(-93.0, -100.0, {"Cs": 1, "Br": 1}, IONS, PHASES, dmu)
    lead = defect_formation_energy(-88.0, -100.0, {"Pb": 1, "Br": 2}, IONS, PHASES, dmu)
    assert np.polyfit(dmu, salt, 1)[0] == pytest.approx(1.0)
    assert np.polyfit(dmu, lead, 1)[0] == pytest.approx(-1.0)
    assert salt[-1] == pytest.approx(7.0 - 6.0)  # in equilibrium with bulk CsX: no correction
    assert np.ptp(salt + lead) == pytest.approx(0.0, abs=1e-12)


def test_a_single_halogen_needs_its_own_potential():
    dmu = np.array([0.0])
    with pytest.raises(AnalysisRefused, match="chemical potential of Br"):
        defect_formation_energy(-96.0, -100.0, {"Br": 1}, IONS, PHASES, dmu)
    energy = defect_formation_energy(-96.0, -100.0, {"Br": 1}, IONS, PHASES, dmu, np.array([-2.0]))
    assert energy == pytest.approx([2.0])


def test_foreign_elements_are_refused():
    with pytest.raises(AnalysisRefused, match="Bi"):
        defect_formation_energy(-96.0, -100.0, {"Bi": -1}, IONS, PHASES, np.array([0.0]))


# the salts of PHASES lie 3.5 (AX) and 4.0 eV (BX2) below their elements: E(A) = -1.0, E(B) = -4.0, E(X2) / 2 = -1.5
ELEMENTS = {"a": -1.0, "b": -4.0, "x": -1.5}
LIMITED = replace(PHASES, **ELEMENTS)


def potentials(phases, dmu, halide):
    """mu(A), mu(B), mu(X) as the cost of taking one atom out of nothing."""
    return [
        defect_formation_energy(0.0, 0.0, {element: 1}, IONS, phases, dmu, halide)
        for element in IONS
    ]


def test_every_corner_is_in_equilibrium_with_the_host_and_no_element_grows():
    """mu(A) + mu(B) + 3 mu(X) = E(host); the element that ends the range is at its own energy, the others are below theirs."""
    dmu = np.linspace(-0.3, 0.0, 7)
    window = halide_window(LIMITED, dmu)
    for end, halide in (("poor", window.poor_eV), ("rich", window.rich_eV)):
        found = dict(zip("abx", potentials(LIMITED, dmu, halide), strict=True))
        assert found["a"] + found["b"] + 3 * found["x"] == pytest.approx(np.full(7, PHASES.host))
        for name, potential in found.items():
            assert (potential <= ELEMENTS[name] + 1e-9).all(), (end, name)
    assert found["x"] == pytest.approx(np.full(7, ELEMENTS["x"]))  # the rich end
    poor = dict(zip("abx", potentials(LIMITED, dmu, window.poor_eV), strict=True))
    assert set(window.poor_phases) == {"B"}
    assert poor["b"] == pytest.approx(np.full(7, ELEMENTS["b"]))


def test_the_metal_that_would_grow_first_ends_the_range():
    """A metal A that binds 3 eV more strongly is reached before metal B."""
    strong = replace(LIMITED, a=-4.0)
    window = halide_window(strong, np.array([0.0]))
    assert window.poor_phases == ("A",)
    caesium, lead, _ = potentials(strong, np.array([0.0]), window.poor_eV)
    assert caesium == pytest.approx([-4.0])
    assert (lead < strong.b).all()


def test_the_range_is_what_the_halogen_gains_in_the_salt():
    """In equilibrium with BX2 its width is half the heat of formation of BX2, 4.0 eV; with AX alone it is that of AX."""
    at_bx2 = np.array([chemical_window(PHASES).bounds_eV["BX2"]])
    window = halide_window(LIMITED, at_bx2)
    assert window.rich_eV - window.poor_eV == pytest.approx([4.0 / 2])
    no_lead = halide_window(replace(LIMITED, b=1e3), np.array([0.0]))
    assert no_lead.rich_eV - no_lead.poor_eV == pytest.approx([3.5])


def test_a_pair_vacancy_is_its_two_vacancies_at_any_halide_potential():
    """Far apart (energies add up) V-AX costs what V-A and V-X cost, whatever mu(X) is."""
    dmu = np.array([-0.2, -0.2, -0.2])
    halide = np.array([-3.4, -2.0, -1.5])
    single = [
        defect_formation_energy(-100.0 + cost, -100.0, {element: 1}, IONS, LIMITED, dmu, halide)
        for element, cost in (("Cs", 2.5), ("Br", 4.1))
    ]
    pair = {"Cs": 1, "Br": 1}
    together = defect_formation_energy(-100.0 + 6.6, -100.0, pair, IONS, LIMITED, dmu)
    assert sum(single) == pytest.approx(together)
    assert np.ptp(single[0]) > 1.0


@pytest.mark.parametrize(("element", "named"), [("b", "no B"), ("x", "no X2")])
def test_a_range_without_one_of_its_ends_is_refused(element, named):
    with pytest.raises(MissingTerm, match=named):
        halide_window(replace(LIMITED, **{element: None}), np.array([0.0]))


def test_without_metal_a_the_other_one_ends_the_range():
    window = halide_window(replace(LIMITED, a=None), np.array([0.0]))
    assert window.poor_phases == ("B",)


def test_a_salt_that_falls_apart_has_no_range():
    with pytest.raises(AnalysisRefused, match="no range of the halide potential"):
        halide_window(replace(LIMITED, b=-11.0), np.array([0.0]))


def test_two_terminations_cost_the_cleavage_energy_together():
    """A CsX- and a PbX2-terminated slab together are whole formula units: the sum ignores dmu.

    Three layers each in a 1x1 cell: Cs2PbX4 and CsPb2X5.
    """
    dmu = chemical_window(PHASES).grid(5)
    area = 36.0
    cs = surface_energy(-23.0, {"Cs": 2, "Pb": 1, "Br": 4}, area, IONS, PHASES, dmu)
    pb = surface_energy(-28.0, {"Cs": 1, "Pb": 2, "Br": 5}, area, IONS, PHASES, dmu)
    cleavage = (-23.0 - 28.0 - 3 * PHASES.host) / (2 * area)
    assert cs + pb == pytest.approx(np.full(5, cleavage))
    assert np.polyfit(dmu, cs, 1)[0] == pytest.approx(-1 / (2 * area))


def test_bulk_has_no_surface_energy():
    assert surface_energy(
        3 * PHASES.host, {"Cs": 3, "Pb": 3, "Br": 9}, 1.0, IONS, PHASES, np.array([-0.2])
    ) == pytest.approx([0.0])


def test_a_nonstoichiometric_slab_is_refused():
    with pytest.raises(AnalysisRefused, match="beyond neutral salts"):
        surface_energy(-1.0, {"Cs": 1, "Pb": 1, "Br": 4}, 1.0, IONS, PHASES, np.array([0.0]))


def test_surface_energy_units():
    """1 eV/A^2 = 1.602e-19 J / 1e-20 m^2."""
    assert EV_PER_ANG2_IN_J_PER_M2 == pytest.approx(1.602176634e-19 / 1e-20)


def bulk(composition, energy, settings="s", status="ok"):
    return EosRecord(
        status=status,
        address=Address(campaign="c", protocol="p", host="CsPbBr3-cubic"),
        provenance=Provenance(revision=1, physics_hash="x"),
        settings_hash=settings,
        settings={},
        composition=composition,
        kpts=(4, 4, 4),
        energy=Energy(electronic_eV=energy, free_eV=energy, total_eV=energy),
    )


def test_phases_are_recognised_by_composition():
    """Two formula units of PbX2 in the cell give half the energy per unit."""
    found = phases_from_records(
        [
            bulk({"Cs": 1, "Pb": 1, "Br": 3}, -17.3),
            bulk({"Br": 1, "Cs": 1}, -6.0),
            bulk({"Pb": 2, "Br": 4}, -22.0),
        ],
        IONS,
    )
    assert found == PHASES


def test_elements_are_counted_by_the_atom():
    """Four atoms in the cell of a cubic metal; the two of a halogen molecule give half of it."""
    found = phases_from_records(
        [
            bulk({"Cs": 1, "Pb": 1, "Br": 3}, -17.3),
            bulk({"Br": 1, "Cs": 1}, -6.0),
            bulk({"Pb": 2, "Br": 4}, -22.0),
            bulk({"Cs": 2}, -2.0),
            bulk({"Pb": 4}, -16.0),
            bulk({"Br": 2}, -3.0),
        ],
        IONS,
    )
    assert found == LIMITED


def test_the_halogen_has_the_plane_wave_term_of_a_molecule_and_bulk_cells_have_none(
    make_calculation,
):
    """A box of 9 A at 300 eV holds more or fewer plane waves than the smooth number."""
    settings = {"mode": "pw", "ecut_eV": 300.0}
    box = ((9.0, 0, 0), (0, 9.0, 0), (0, 0, 9.0))
    molecule, cell = (
        make_calculation({"Br": 2}, -3.0, role=role, settings=settings, cell_ang=box)
        for role in ("molecule", "bulk")
    )
    salts = [
        bulk({"Cs": 1, "Pb": 1, "Br": 3}, -17.3, settings="aaaa"),
        bulk({"Br": 1, "Cs": 1}, -6.0, settings="aaaa"),
        bulk({"Pb": 2, "Br": 4}, -22.0, settings="aaaa"),
    ]
    found = [phases_from_records([*salts, record], IONS).x for record in (molecule, cell)]
    assert found[1] == -1.5
    assert found[0] == pytest.approx(smooth_total_eV(molecule) / 2, abs=1e-12)
    assert found[0] != -1.5


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_polymorphs_the_lower_one_is_the_host(order):
    """A tilted cell of four units, 0.1 eV per unit below the cubic one, whichever comes first."""
    cubic, tilted = (
        bulk({"Cs": n, "Pb": n, "Br": 3 * n}, energy) for n, energy in ((1, -17.2), (4, -69.2))
    )
    salts = [bulk({"Br": 1, "Cs": 1}, -6.0), bulk({"Pb": 2, "Br": 4}, -22.0)]
    found = phases_from_records([*[cubic, tilted][::order], *salts], IONS)
    assert found == PHASES


def test_missing_or_unequal_phases_are_refused():
    host = bulk({"Cs": 1, "Pb": 1, "Br": 3}, -17.3)
    with pytest.raises(MissingTerm, match="no ax, bx2"):
        phases_from_records([host], IONS)
    with pytest.raises(SettingsMismatch):
        phases_from_records([host, bulk({"Cs": 1, "Br": 1}, -6.0, settings="t")], IONS)
    with pytest.raises(MissingTerm, match="unconverged"):
        phases_from_records([bulk({"Cs": 1, "Br": 1}, -6.0, status="unconverged")], IONS)
