"""Conversions against CODATA values as printed (2014 set)."""

import pytest

from peropass import units


@pytest.mark.parametrize(
    ("found", "printed"),
    [
        (units.HARTREE_EV, 27.21138602),
        (units.BOHR_ANG, 0.52917721067),
        (units.BOLTZMANN_EV_PER_K, 8.6173303e-5),
        (units.DEBYE_E_ANG, 0.20819434),
        (units.KCAL_PER_MOL_EV, 0.0433641),
        (units.KJ_PER_MOL_EV, 0.01036427),
        (units.GPA_EV_PER_ANG3, 1 / 160.21766),
        (units.WAVENUMBER_EV, 1.239841974e-4),
        (units.AVOGADRO_PER_MOL, 6.022140857e23),
    ],
)
def test_against_printed_values(found, printed):
    assert found == pytest.approx(printed, rel=1e-6)


def test_sets_agree_with_each_other():
    assert units.KCAL_PER_MOL_EV / units.KJ_PER_MOL_EV == pytest.approx(4.184)
    assert units.PLANCK_J_S / units.ELEMENTARY_CHARGE_C * 299792458 * 100 == pytest.approx(
        units.WAVENUMBER_EV
    )
