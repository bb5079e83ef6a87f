"""Entropies against tabulated ones (CODATA / NIST-JANAF), and limits."""

import math

import numpy as np
import pytest

from peropass.analysis.thermochemistry import (
    FRUSTRATED_WAVENUMBER_CM,
    STANDARD_ENTROPIES,
    IdealGas,
    concentration_of_pressure,
    debye_free_energy,
    debye_temperature,
    debye_zero_point,
    electronic_free_energy,
    frustrated_free_energy,
    gas_free_energy,
    reservoir_free_energy,
    vibrational_free_energy,
    zero_point_energy,
)
from peropass.units import BOLTZMANN_EV_PER_K, KJ_PER_MOL_EV, WAVENUMBER_EV

ARGON = IdealGas(39.948)
# Rotational constants 27.88, 14.52, 9.28 cm^-1 (Herzberg): I = 16.8576 / B in u A^2; fundamentals 3657, 1595, 3756 cm^-1.
WATER = IdealGas(18.0153, (0.6047, 1.1610, 1.8166), (3657.0, 1595.0, 3756.0), 2)
NITROGEN = IdealGas(28.0134, (0.0, 8.437, 8.437), (2330.0,), 2)
OXYGEN = IdealGas(31.998, (0.0, 11.66, 11.66), (1556.0,), 2, 3)
BAR = 1e5


def entropy(gas, temperature=298.15, pressure=BAR):
    """-dG/dT at constant pressure, J/mol/K."""

    def g(t):
        return gas_free_energy(gas, t, concentration_of_pressure(pressure, t)).total

    step = 0.01
    slope = (g(temperature + step) - g(temperature - step)) / (2 * step)
    return -slope / KJ_PER_MOL_EV * 1000


@pytest.mark.parametrize(
    ("gas", "expected"),
    [(ARGON, 154.8), (WATER, 188.8), (NITROGEN, 191.6), (OXYGEN, 205.2)],
    ids=["Ar", "H2O", "N2", "O2"],
)
def test_standard_entropies_are_the_tabulated_ones(gas, expected):
    assert entropy(gas) == pytest.approx(expected, abs=0.25)


def test_one_litre_per_mole_is_the_standard_concentration_shift():
    # kT ln 24.46 between 1 atm and 1 mol/L at 298.15 K: 1.89 kcal/mol = 7.92 kJ/mol.
    gas = gas_free_energy(ARGON, 298.15, concentration_of_pressure(101325, 298.15)).total
    solute = gas_free_energy(ARGON, 298.15, 1.0).total
    assert (solute - gas) / KJ_PER_MOL_EV == pytest.approx(7.92, abs=0.01)


@pytest.mark.parametrize("gas", [ARGON, WATER, NITROGEN])
def test_thermal_part_vanishes_at_zero_temperature(gas):
    assert abs(gas_free_energy(gas, 1e-3, 1e-3).thermal) < 1e-5


def test_zero_point_of_water_is_the_textbook_value():
    # Half the sum of the fundamentals, 4504 cm^-1 = 0.558 eV; the harmonic value 4630 cm^-1 lies within 3 %.
    assert zero_point_energy(WATER.wavenumbers_cm) == pytest.approx(0.558, abs=0.001)


def test_stiff_modes_are_frozen_and_soft_ones_classical():
    assert abs(vibrational_free_energy([3700.0], 298.15)) < 1e-6
    kt = BOLTZMANN_EV_PER_K * 3000
    classical = kt * math.log(100 * WAVENUMBER_EV / kt)
    assert vibrational_free_energy([100.0], 3000) == pytest.approx(classical, rel=0.01)


def test_soft_and_imaginary_modes_count_alike():
    assert vibrational_free_energy([-40.0, 3.0], 300) == vibrational_free_energy(
        [100.0, 100.0], 300
    )


def test_bound_ligand_has_as_many_frustrated_modes_as_rigid_motions():
    one = frustrated_free_energy(ARGON, 298.15)
    six = frustrated_free_energy(WATER, 298.15)
    five = frustrated_free_energy(NITROGEN, 298.15)
    assert six.total == pytest.approx(2 * one.total)
    assert five.total == pytest.approx(5 / 3 * one.total)
    assert six.zero_point == pytest.approx(3 * WAVENUMBER_EV * FRUSTRATED_WAVENUMBER_CM)


def test_a_gas_gains_free_energy_over_the_bound_state():
    gas = gas_free_energy(WATER, 298.15, 1e-3)
    bound = frustrated_free_energy(WATER, 298.15)
    assert gas.translation + gas.rotation < bound.translation + bound.rotation


def test_debye_solid_has_the_entropy_that_it_was_fitted_to():
    theta = debye_temperature(113.1, 2, 298.15)
    # Measured Debye temperatures of CsBr lie between 145 and 155 K; the fit takes up anharmonicity.
    assert 110 < theta < 160
    step = 0.01
    slope = (
        debye_free_energy(theta, 2, 298.15 + step) - debye_free_energy(theta, 2, 298.15 - step)
    ) / (2 * step)
    assert -slope / KJ_PER_MOL_EV * 1000 == pytest.approx(113.1, abs=0.1)


def test_debye_limits():
    # High T: heat capacity 3R per atom (Dulong-Petit). Low T: F = -(pi^4/5) k T^4 / theta^3 per atom.
    t = np.array([900.0, 1000.0, 1100.0])
    f = [debye_free_energy(100.0, 1, x) for x in t]
    heat_capacity = -1000.0 * (f[0] - 2 * f[1] + f[2]) / 100.0**2
    assert heat_capacity / BOLTZMANN_EV_PER_K == pytest.approx(3.0, rel=0.01)
    low = debye_free_energy(300.0, 1, 5.0)
    assert low == pytest.approx(
        -(math.pi**4) / 5 * BOLTZMANN_EV_PER_K * 5.0**4 / 300.0**3, rel=0.01
    )


def test_reservoirs_without_a_listed_entropy_say_so():
    assert reservoir_free_energy("XyZ", 300) is None
    warm, cold = (reservoir_free_energy("CsBr", t) for t in (298.15, 100))
    assert warm.thermal < cold.thermal < 0 < cold.zero_point == warm.zero_point


def test_zero_point_of_a_debye_solid_is_what_makes_it_classical_when_hot():
    """Quantum corrections of order theta cancel: F -> n kT (3 ln(theta/T) - 1), the next one is (theta/T)^2 / 40 per mode."""
    theta, n, t = 120.0, 2, 3000.0
    kt = BOLTZMANN_EV_PER_K * t
    classical = n * kt * (3 * math.log(theta / t) - 1)
    total = debye_free_energy(theta, n, t) + debye_zero_point(theta, n)
    assert total - classical == pytest.approx(n * kt * 3 * (theta / t) ** 2 / 40, rel=0.02)


def test_a_triplet_has_three_states():
    assert electronic_free_energy(1, 298.15) == 0
    kt = BOLTZMANN_EV_PER_K * 298.15
    assert electronic_free_energy(3, 298.15) == pytest.approx(-kt * math.log(3))


def test_entropies_that_are_listed_say_where_they_come_from():
    # PbCl2: 32.500 cal/mol/K (NIST WebBook, Chase 1998), 4.184 J each.
    assert STANDARD_ENTROPIES["PbCl2"].value_J_per_mol_K == pytest.approx(32.5 * 4.184, abs=0.05)
    # The perovskites are taken to have the excess over AX + BX2 that was measured for the chloride (10.1007/s10973-022-11480-8).
    for x in ("Br", "I"):
        parts = [STANDARD_ENTROPIES[f].value_J_per_mol_K for f in (f"Cs{x}", f"Pb{x}2")]
        excess = STANDARD_ENTROPIES[f"CsPb{x}3"].value_J_per_mol_K - sum(parts)
        assert excess == pytest.approx(270.1 - 101.2 - 136.0, abs=0.2)
    assert all(e.source for e in STANDARD_ENTROPIES.values())


@pytest.mark.parametrize(
    ("salt", "elements", "enthalpy_kJ", "gibbs_kJ"),
    [
        ("CsCl", 85.2 + 223.1 / 2, -443.0, -414.5),
        ("CsBr", 85.2 + 152.2 / 2, -405.8, -391.4),
        ("CsI", 85.2 + 116.1 / 2, -346.6, -340.6),
        ("PbCl2", 64.8 + 223.1, -359.4, -314.1),
        ("PbBr2", 64.8 + 152.2, -278.7, -261.9),
        ("PbI2", 64.8 + 116.1, -175.5, -173.6),
    ],
)
def test_entropies_agree_with_the_formation_of_the_salts(salt, elements, enthalpy_kJ, gibbs_kJ):
    # CRC Handbook: entropies of Cs, Pb, Cl2, Br2(l), I2 and formation at 298.15 K; dG = dH - T dS. Rounded to 0.1 kJ/mol,
    # which is 0.3 J/mol/K; the three columns of PbBr2 differ by 0.9.
    formed = elements + 1000 * (enthalpy_kJ - gibbs_kJ) / 298.15
    assert STANDARD_ENTROPIES[salt].value_J_per_mol_K == pytest.approx(formed, abs=0.9)
    assert STANDARD_ENTROPIES[salt].checked


def test_assumed_entropies_are_marked():
    assert {f for f, e in STANDARD_ENTROPIES.items() if not e.checked} == {"CsPbBr3", "CsPbI3"}
    assert all(("unconfirmed" in e.source) is not e.checked for e in STANDARD_ENTROPIES.values())
