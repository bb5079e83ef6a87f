"""Dopants and vacancies from slabs alone: no reservoir, so the differences must balance by themselves."""

import pytest

from peropass.analysis.site_energies import from_slabs

PRISTINE = {"Cs": 8, "Pb": 4, "Br": 16}
DOPED = {"Cs": 8, "Pb": 3, "Sr": 1, "Br": 16}


def without(composition, element):
    return {**composition, element: composition[element] - 1}


@pytest.fixture
def slabs(make_calculation):
    return {
        "pristine": make_calculation(PRISTINE, -100.0),
        "Sr-Pb": make_calculation(DOPED, -101.2),
        "Sr-Pb-deep": make_calculation(DOPED, -101.0),
        "V-X": make_calculation(without(PRISTINE, "Br"), -96.0),
        "Sr-Pb-V-X": make_calculation(without(DOPED, "Br"), -96.9),
    }


def by_kind(found):
    return {result.kind: result for result in found}


def test_signs_of_a_dopant_that_stays_outside_and_suppresses_vacancies(slabs):
    found = by_kind(from_slabs("CsPbBr3-cubic", "001-CsX", slabs))
    assert found["surface-preference"].value_eV == pytest.approx(-0.2)
    # Vacancy alone costs 4.0, next to the dopant 4.3 eV, both against the same halogen.
    assert found["dopant-on-vacancy"].value_eV == pytest.approx(0.3)


def test_a_dopant_far_from_the_vacancy_does_nothing(slabs, make_calculation):
    slabs["Sr-Pb-V-X"] = make_calculation(without(DOPED, "Br"), -101.2 + 4.0)
    found = by_kind(from_slabs("h", "t", slabs))
    assert found["dopant-on-vacancy"].value_eV == pytest.approx(0.0, abs=1e-9)


def test_only_what_is_named_is_compared_and_a_failure_is_named(slabs, make_calculation):
    slabs["V-X"] = make_calculation(without(PRISTINE, "Br"), 0.0, status="unconverged")
    found = by_kind(from_slabs("h", "t", slabs))
    assert found["dopant-on-vacancy"].value_eV is None
    assert "V-X is unconverged" in found["dopant-on-vacancy"].reason
    assert found["surface-preference"].value_eV is not None
    assert from_slabs("h", "t", {"pristine": slabs["pristine"], "V-CsX": None}) == []


def test_other_cells_are_refused(slabs, make_calculation):
    slabs["Sr-Pb-deep"] = make_calculation(
        DOPED, -101.0, cell_ang=((9, 0, 0), (0, 8.3, 0), (0, 0, 24))
    )
    found = by_kind(from_slabs("h", "t", slabs))
    assert "cells differ" in found["surface-preference"].reason
