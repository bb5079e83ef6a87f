"""Dopants from records: identities, signs, a lattice by Vegard's law, and what is missing by name."""

from dataclasses import replace

import numpy as np
import pytest

from peropass.analysis.substitution import (
    BULK_MESH_EV,
    UNDOPED,
    SubstitutionInputs,
    equilibrium_strain,
    error_eV,
    strain_error,
    substitution_values,
)
from peropass.analysis.uncertainty import ErrorModel, ErrorTerm
from peropass.chemistry.reactions import HostIons
from peropass.errors import AnalysisRefused

FACE = "001-CsX"
CELL, SLAB = {"Cs": 4, "Pb": 4, "Br": 12}, {"Cs": 4, "Pb": 2, "Br": 8}
STRAINS = (-0.01, 0.0, 0.01)
BULK_CELL = ((8.3, 0, 0), (0, 8.3, 0), (0, 0, 11.8))
HOST_EV, BROMIDE_EV, LEAD_BROMIDE_EV, SALT_EV = -60.0, -6.0, -40.0, -38.0


def swapped(composition, dopant):
    changed = {**composition, "Pb": composition["Pb"] - 1, dopant: 1}
    return {element: n for element, n in changed.items() if n}


def less_salt(composition):
    return {**composition, "Cs": composition["Cs"] - 1, "Br": composition["Br"] - 1}


@pytest.fixture
def make_inputs(make_calculation):
    """Synthetic records: substitution costs 0.30 eV in the bulk and 0.10 eV at the surface before salts are counted."""

    def build(dopant="Sr", *, bulk_eV=0.30, surface_eV=0.10, minima=(0.0, 0.0), salt_shift_eV=0.0):
        def cell(composition, energy):
            return make_calculation(
                composition, energy, role="bulk", cell_ang=BULK_CELL, kpts=(2, 2, 2)
            )

        def parabola(minimum, strain):
            return 500.0 * ((strain - minimum) ** 2 - minimum**2)

        doped = swapped(CELL, dopant) if dopant != "Pb" else CELL
        doped_slab = swapped(SLAB, dopant) if dopant != "Pb" else SLAB
        cells = {}
        for name, composition, energy, minimum in (
            (UNDOPED, CELL, HOST_EV, minima[0]),
            (dopant, doped, HOST_EV + bulk_eV, minima[1]),
        ):
            for strain in STRAINS:
                cells[name, strain] = cell(composition, energy + parabola(minimum, strain))
        slabs = {
            (FACE, "pristine"): make_calculation(SLAB, -50.0),
            (FACE, f"{dopant}-Pb"): make_calculation(doped_slab, -50.0 + surface_eV),
            (FACE, "V-CsX"): make_calculation(less_salt(SLAB), -42.0),
            (FACE, f"{dopant}-Pb-V-CsX"): make_calculation(
                less_salt(doped_slab), -41.7 + surface_eV
            ),
        }
        sources = {
            "PbBr2": cell({"Pb": 4, "Br": 8}, LEAD_BROMIDE_EV + salt_shift_eV),
            f"{dopant}Br2": cell({dopant: 4, "Br": 8}, SALT_EV - 3 * salt_shift_eV),
            "CsBr": cell({"Cs": 1, "Br": 1}, BROMIDE_EV),
        }
        if dopant == "Pb":
            sources["PbBr2"] = cell({"Pb": 4, "Br": 8}, LEAD_BROMIDE_EV)
        return SubstitutionInputs(
            ions=HostIons(),
            oxidation_states={dopant: 2},
            fraction=0.25,
            strains=STRAINS,
            cells=cells,
            slabs=slabs,
            terminations=(FACE,),
            sources=sources,
            vacancy="V-CsX",
        )

    return build


def named(inputs):
    return {row.name: row for row in substitution_values(inputs)}


def test_each_number_by_hand(make_inputs):
    found = named(make_inputs())
    # Four formula units per cell of each salt: -10.0 eV for PbBr2 and -9.5 eV for SrBr2.
    assert found["solution-bulk"].value == pytest.approx(0.30 - 10.0 + 9.5)
    assert found["solution-surface"].value == pytest.approx(0.10 - 10.0 + 9.5)
    assert found["surface-preference"].value == pytest.approx(-0.20)
    assert found["vacancy-beside-host-ion"].value == pytest.approx(2.0)
    assert found["vacancy-beside-dopant"].value == pytest.approx(2.3)
    assert found["dopant-on-vacancy"].value == pytest.approx(0.3)
    assert {row.unit for row in found.values()} == {"eV", "1"}
    assert {row.status for row in found.values()} == {"ok"}


def test_the_preference_is_the_difference_of_the_solution_energies_and_knows_no_salt(make_inputs):
    for shift in (0.0, 0.7, -2.0):
        found = named(make_inputs(salt_shift_eV=shift))
        difference = found["solution-surface"].value - found["solution-bulk"].value
        assert found["surface-preference"].value == pytest.approx(difference, abs=1e-9)
        assert found["surface-preference"].value == pytest.approx(-0.20)
        assert not [t for t in found["surface-preference"].terms if "(bulk)" in t.species]


def test_the_host_ion_in_place_of_itself_gives_nothing(make_inputs):
    found = named(make_inputs("Pb", bulk_eV=0.0, surface_eV=0.0))
    for name in ("solution-bulk", "solution-surface", "surface-preference", "lattice-response"):
        assert found[name].value == pytest.approx(0.0, abs=1e-9), name


def test_lattice_response_of_a_linear_alloy_is_its_slope(make_inputs):
    """By Vegard's law a(x) = a0 (1 + s x): a quarter of the B ions moves the minimum by s / 4."""
    slope = -0.02
    found = named(make_inputs(minima=(0.0, slope * 0.25)))
    assert found["lattice-response"].value == pytest.approx(slope, rel=1e-6)
    # The slope refers to the undoped cell's own constant, wherever that lies in the scanned range.
    base = 0.004
    moved = (1 + base) * (1 + slope * 0.25) - 1
    found = named(make_inputs(minima=(base, moved)))
    assert found["lattice-response"].value == pytest.approx(slope, rel=1e-6)


def test_points_without_a_minimum_or_far_from_it_are_refused():
    with pytest.raises(AnalysisRefused, match="no minimum"):
        equilibrium_strain(STRAINS, [1.0, 2.0, 1.0])
    with pytest.raises(AnalysisRefused, match="far outside"):
        equilibrium_strain(STRAINS, [(s - 0.05) ** 2 for s in STRAINS])


def test_a_missing_salt_is_named_and_the_other_numbers_go_on(make_inputs):
    full = make_inputs()
    sources = {name: r for name, r in full.sources.items() if name != "SrBr2"}
    found = named(replace(full, sources=sources, unavailable={"SrBr2": "not computed yet"}))
    for name in ("solution-bulk", "solution-surface"):
        assert found[name].value is None
        assert found[name].status == "missing"
        assert found[name].reason == "no SrBr2: not computed yet"
    others = {row.name for row in found.values() if row.value is not None}
    assert others == set(found) - {"solution-bulk", "solution-surface"}


def test_a_missing_cell_costs_only_what_hangs_on_it(make_inputs):
    full = make_inputs()
    found = named(replace(full, cells={**full.cells, ("Sr", 0.01): None}))
    assert "Sr cell at strain +0.010 is missing" in found["lattice-response"].reason
    assert found["solution-bulk"].value is not None
    found = named(replace(full, cells={**full.cells, ("Sr", 0.0): None}))
    assert found["surface-preference"].value is None
    assert found["dopant-on-vacancy"].value is not None


def test_cells_of_another_mesh_are_refused(make_inputs, make_calculation):
    full = make_inputs()
    other = make_calculation(
        swapped(CELL, "Sr"), -59.7, role="bulk", cell_ang=BULK_CELL, kpts=(3, 3, 2)
    )
    found = named(replace(full, cells={**full.cells, ("Sr", 0.0): other}))
    assert found["surface-preference"].value is None
    assert "k-meshes differ" in found["surface-preference"].reason


def test_a_cell_with_other_atoms_than_its_name_says_is_refused(make_inputs, make_calculation):
    full = make_inputs()
    wrong = make_calculation(CELL, -59.7, role="bulk", cell_ang=BULK_CELL, kpts=(2, 2, 2))
    found = named(replace(full, cells={**full.cells, ("Sr", 0.0): wrong}))
    assert found["surface-preference"].value is None
    assert "do not balance" in found["surface-preference"].reason


def test_a_trivalent_dopant_balances_with_its_vacancy(make_calculation):
    """Bi3+ takes a caesium vacancy along: BiBr3 comes in, PbBr2 and CsBr go out, the cell stays neutral."""

    def cell(composition, energy, **more):
        return make_calculation(
            composition, energy, role="bulk", cell_ang=BULK_CELL, kpts=(2, 2, 2), **more
        )

    without_caesium = {**swapped(CELL, "Bi"), "Cs": 3}
    inputs = SubstitutionInputs(
        ions=HostIons(),
        oxidation_states={"Bi": 3},
        fraction=0.25,
        strains=(0.0,),
        cells={(UNDOPED, 0.0): cell(CELL, -60.0), ("Bi", 0.0): cell(without_caesium, -54.0)},
        slabs={
            (FACE, "pristine"): make_calculation(SLAB, -50.0),
            (FACE, "Bi-Pb-V-Cs"): make_calculation({**swapped(SLAB, "Bi"), "Cs": 3}, -44.5),
        },
        terminations=(FACE,),
        sources={
            "PbBr2": cell({"Pb": 4, "Br": 8}, -40.0),
            "BiBr3": cell({"Bi": 2, "Br": 6}, -24.0),
            "CsBr": cell({"Cs": 1, "Br": 1}, -6.0),
        },
        vacancy="V-CsX",
    )
    found = named(inputs)
    assert found["solution-bulk"].value == pytest.approx(6.0 - 10.0 - 6.0 + 12.0)
    assert found["surface-preference"].value == pytest.approx(-0.5)
    assert found["dopant-on-vacancy"].status == "skipped"
    assert "vacancy of its own" in found["dopant-on-vacancy"].reason


def test_the_error_of_a_minimum_is_that_of_many_disturbed_parabolas():
    """First order against drawing: energies of a parabola, each disturbed by 1 meV."""
    strains, curvature, size = (-0.01, 0.0, 0.01), 800.0, 1e-3
    energies = [curvature * (strain - 0.002) ** 2 for strain in strains]
    rng = np.random.default_rng(3)
    drawn = [
        equilibrium_strain(strains, list(energies + rng.normal(0, size, 3))) for _ in range(4000)
    ]
    assert strain_error(strains, energies, size) == pytest.approx(np.std(drawn), rel=0.05)


def test_errors_add_causes_once_and_forces_per_structure():
    model = ErrorModel(
        protocol="mine",
        terms={
            name: ErrorTerm(origin="assumed", because="test", sigma_eV=size)
            for name, size in (("relaxation", 0.0), ("k_points", 0.3), ("layers", 0.4))
        },
    )
    slab, cell = "CsPbBr3(001-CsX)", "CsPbBr3(cell)"
    assert error_eV([slab, f"{slab}[Sr-Pb]"], model) == pytest.approx(0.5)
    assert error_eV([cell, f"{cell}[Sr-Pb]"], model) == pytest.approx(BULK_MESH_EV)
    both = error_eV([slab, cell, f"{slab}[Sr-Pb]", f"{cell}[Sr-Pb]"], model)
    assert both == pytest.approx((0.25 + BULK_MESH_EV**2) ** 0.5)
    forces = model.model_copy(update={"terms": {"relaxation": model.terms["k_points"]}})
    assert error_eV([slab] * 4, forces) == pytest.approx(0.6)


def test_no_number_no_error(make_inputs):
    assert {row.error for row in substitution_values(make_inputs())} == {None}
