"""Conversions; inside the package energies are eV, lengths Angstrom, temperatures kelvin.

CODATA 2014 values as shipped by ASE (the set GPAW itself uses), so that a number converted here and a
number converted by the engine agree to the last digit.
"""

from ase.units import (
    Bohr,
    Debye,
    GPa,
    Hartree,
    _amu,
    _c,
    _e,
    _hplanck,
    _Nav,
    kB,
    kcal,
    kJ,
    mol,
)

HARTREE_EV = Hartree
BOHR_ANG = Bohr
BOLTZMANN_EV_PER_K = kB
DEBYE_E_ANG = Debye  # one debye in e*Angstrom
GPA_EV_PER_ANG3 = GPa  # one GPa in eV/Angstrom^3
KCAL_PER_MOL_EV = kcal / mol
KJ_PER_MOL_EV = kJ / mol
PLANCK_J_S = _hplanck
ATOMIC_MASS_KG = _amu
ELEMENTARY_CHARGE_C = _e
AVOGADRO_PER_MOL = _Nav
WAVENUMBER_EV = _hplanck * _c * 100.0 / _e  # one cm^-1 in eV
