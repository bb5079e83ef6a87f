"""Free energies of ideal-gas species, of what is left on the surface, and of bulk reservoirs. All in eV per species.

Gas, at concentration c (mol/L), each term of the chemical potential by itself:

    translation  -kT ln[ (2 pi m kT / h^2)^(3/2) / (c N_A) ]
    rotation     -kT ln[ sqrt(pi I_a I_b I_c) (8 pi^2 kT / h^2)^(3/2) / sigma ]       (linear: 8 pi^2 I kT / (sigma h^2))
    vibration    sum kT ln(1 - exp(-h nu / kT))         zero point  sum h nu / 2        electronic  -kT ln(multiplicity)

Rigid rotor and harmonic oscillator: D. A. McQuarrie, Statistical Mechanics, chapters 5 and 8. The work term pV is in
the translation, so the sum is a Gibbs free energy; every term but the zero point vanishes as T -> 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from peropass.units import (
    ATOMIC_MASS_KG,
    AVOGADRO_PER_MOL,
    BOLTZMANN_EV_PER_K,
    ELEMENTARY_CHARGE_C,
    PLANCK_J_S,
    WAVENUMBER_EV,
)

# ASSUME soft vibrations count as 100 cm^-1 (10.1021/jp205508z): a harmonic mode's entropy diverges as its wavenumber goes to zero,
# and Hessians of floppy ion pairs are least certain there. Imaginary modes of a minimum are noise and count the same.
SOFT_WAVENUMBER_CM = 100.0
# ASSUME the rigid translations and rotations of a bound ligand become vibrations of 60 cm^-1, the range of Cs and ligand rattling
# modes of these surfaces; at 298 K half or twice that moves a free energy by 0.1 eV (six modes, kT ln 2 each).
FRUSTRATED_WAVENUMBER_CM = 60.0


@dataclass(frozen=True)
class StandardEntropy:
    """Entropy of a solid at 298.15 K and 1 bar per formula unit, and what is known of the number.

    `checked` is False for a number that no table confirms.
    """

    n_atoms: int
    value_J_per_mol_K: float
    source: str
    checked: bool = True


# All six salts agree with a transcription of the Handbook's table (package chemicals 1.5.2), and with the entropies of the
# elements plus (enthalpy - Gibbs energy of formation) / T of the same table.
CRC = "CRC Handbook of Chemistry and Physics, standard thermodynamic properties"
# ASSUME a perovskite halide has 33 J/mol/K more entropy than the AX and BX2 that it is made of: measured for CsPbCl3
# (10.1007/s10973-022-11480-8), taken over for the bromide and the iodide. 10 J/mol/K are 31 meV at 298 K.
PEROVSKITE_ENTROPY_J_PER_MOL_K = 33.0
STANDARD_ENTROPIES = {
    "CsCl": StandardEntropy(2, 101.2, CRC),
    "CsBr": StandardEntropy(2, 113.1, CRC),
    "CsI": StandardEntropy(2, 123.1, CRC),
    "PbCl2": StandardEntropy(
        3, 136.0, f"{CRC}; NIST WebBook (Chase 1998): 32.500 cal/mol/K = 135.98"
    ),
    "PbBr2": StandardEntropy(3, 161.5, f"{CRC}; another table lists 161.1, 1 meV less at 298 K"),
    "PbI2": StandardEntropy(3, 174.9, CRC),
    "CsPbCl3": StandardEntropy(
        5, 270.1, "Tsvetkov et al. 2022, 10.1007/s10973-022-11480-8: 270.1 +- 4.3"
    ),
}
STANDARD_ENTROPIES |= {
    f"CsPb{x}3": StandardEntropy(
        5,
        STANDARD_ENTROPIES[f"Cs{x}"].value_J_per_mol_K
        + STANDARD_ENTROPIES[f"Pb{x}2"].value_J_per_mol_K
        + PEROVSKITE_ENTROPY_J_PER_MOL_K,
        "unconfirmed: sum over AX and BX2 with the excess of CsPbCl3",
        checked=False,
    )
    for x in ("Br", "I")
}
STANDARD_TEMPERATURE_K = 298.15
_JOULE_EV = 1.0 / ELEMENTARY_CHARGE_C
_LINEAR_RATIO = 1e-3  # smallest over largest moment below which a molecule counts as linear


@dataclass(frozen=True)
class IdealGas:
    """Molecule as a rigid rotor and harmonic oscillator.

    Attributes
    ----------
    mass_u : float
    moments_u_ang2 : tuple of float
        Principal moments of inertia; empty for an atom.
    wavenumbers_cm : tuple of float
        Vibrations, without translations and rotations.
    symmetry_number, multiplicity : int
    """

    mass_u: float
    moments_u_ang2: tuple[float, ...] = ()
    wavenumbers_cm: tuple[float, ...] = ()
    symmetry_number: int = 1
    multiplicity: int = 1

    @property
    def rotations(self) -> int:
        """0 for an atom, 2 for a linear molecule, 3 otherwise."""
        if not self.moments_u_ang2 or max(self.moments_u_ang2) == 0:
            return 0
        return 2 if min(self.moments_u_ang2) < _LINEAR_RATIO * max(self.moments_u_ang2) else 3


@dataclass(frozen=True)
class FreeEnergyTerms:
    """Itemised free energy in eV; `thermal` leaves the zero-point energy out."""

    translation: float
    rotation: float
    vibration: float
    electronic: float
    zero_point: float

    @property
    def thermal(self) -> float:
        return self.translation + self.rotation + self.vibration + self.electronic

    @property
    def total(self) -> float:
        return self.thermal + self.zero_point


def concentration_of_pressure(pressure_Pa: float, temperature_K: float) -> float:
    """Concentration of an ideal gas in mol/L."""
    k_joule = BOLTZMANN_EV_PER_K * ELEMENTARY_CHARGE_C
    return pressure_Pa / (k_joule * temperature_K * AVOGADRO_PER_MOL) / 1000.0


def gas_free_energy(gas: IdealGas, temperature_K: float, concentration_M: float) -> FreeEnergyTerms:
    """Chemical potential of an ideal gas or ideal solute relative to the static molecule, eV."""
    kt = BOLTZMANN_EV_PER_K * temperature_K
    return FreeEnergyTerms(
        translation=-kt * _log_translation(gas.mass_u, temperature_K, concentration_M),
        rotation=-kt * _log_rotation(gas, temperature_K),
        vibration=vibrational_free_energy(gas.wavenumbers_cm, temperature_K),
        electronic=electronic_free_energy(gas.multiplicity, temperature_K),
        zero_point=zero_point_energy(gas.wavenumbers_cm),
    )


def electronic_free_energy(multiplicity: int, temperature_K: float) -> float:
    """Of a ground state with this many equal components, eV."""
    return -BOLTZMANN_EV_PER_K * temperature_K * math.log(multiplicity)


def vibrational_free_energy(wavenumbers_cm: Sequence[float], temperature_K: float) -> float:
    """Harmonic free energy without zero point, eV; soft and imaginary modes count as `SOFT_WAVENUMBER_CM`."""
    kt = BOLTZMANN_EV_PER_K * temperature_K
    energies = WAVENUMBER_EV * np.maximum(np.asarray(wavenumbers_cm, float), SOFT_WAVENUMBER_CM)
    return float(np.sum(kt * np.log(-np.expm1(-energies / kt)))) if len(energies) else 0.0


def zero_point_energy(wavenumbers_cm: Sequence[float]) -> float:
    """Half a quantum per mode, eV; soft modes as in `vibrational_free_energy`."""
    modes = np.maximum(np.asarray(wavenumbers_cm, float), SOFT_WAVENUMBER_CM)
    return float(0.5 * WAVENUMBER_EV * modes.sum()) if len(modes) else 0.0


def frustrated_free_energy(gas: IdealGas, temperature_K: float) -> FreeEnergyTerms:
    """Free energy of the rigid-body modes of a bound ligand, eV: 3 translations and its rotations as vibrations."""
    kt = BOLTZMANN_EV_PER_K * temperature_K
    quantum = WAVENUMBER_EV * FRUSTRATED_WAVENUMBER_CM
    per_mode = kt * math.log(-math.expm1(-quantum / kt))
    return FreeEnergyTerms(
        translation=3 * per_mode,
        rotation=gas.rotations * per_mode,
        vibration=0.0,
        electronic=0.0,
        zero_point=0.5 * quantum * (3 + gas.rotations),
    )


def debye_free_energy(debye_K: float, n_atoms: int, temperature_K: float) -> float:
    """Thermal free energy of a Debye solid per formula unit of n atoms, eV; zero point left out.

    F = n kT [ 3 ln(1 - exp(-x)) - D(x) ],  x = theta/T,  D(x) = 3/x^3 int_0^x t^3/(e^t - 1) dt
    """
    kt = BOLTZMANN_EV_PER_K * temperature_K
    x = debye_K / temperature_K
    return n_atoms * kt * (3 * math.log(-math.expm1(-x)) - _debye_function(x))


def debye_zero_point(debye_K: float, n_atoms: int) -> float:
    """Zero-point energy of a Debye solid per formula unit of n atoms, 9/8 n k theta, eV."""
    return 9.0 / 8.0 * n_atoms * BOLTZMANN_EV_PER_K * debye_K


def debye_temperature(entropy_J_per_mol_K: float, n_atoms: int, temperature_K: float) -> float:
    """Debye temperature that gives a solid this entropy at this temperature, K (bisection)."""
    wanted = entropy_J_per_mol_K / AVOGADRO_PER_MOL * _JOULE_EV
    low, high = 1.0, 5000.0
    for _ in range(80):
        middle = math.sqrt(low * high)
        x = middle / temperature_K
        entropy = (
            n_atoms * BOLTZMANN_EV_PER_K * (4 * _debye_function(x) - 3 * math.log(-math.expm1(-x)))
        )
        low, high = (middle, high) if entropy > wanted else (low, middle)
    return middle


@dataclass(frozen=True)
class ReservoirTerms:
    """Free energy of a bulk phase per formula unit, eV; `thermal` leaves the zero-point energy out."""

    thermal: float
    zero_point: float


@lru_cache(maxsize=256)
def reservoir_free_energy(formula: str, temperature_K: float) -> ReservoirTerms | None:
    """Free energy of the vibrations of a bulk reservoir per formula unit; None if its entropy is not listed."""
    entropy = STANDARD_ENTROPIES.get(formula)
    if entropy is None:
        return None
    # ASSUME a Debye solid whose one parameter reproduces the measured entropy; pV and expansion are left out.
    theta = debye_temperature(entropy.value_J_per_mol_K, entropy.n_atoms, STANDARD_TEMPERATURE_K)
    return ReservoirTerms(
        debye_free_energy(theta, entropy.n_atoms, temperature_K),
        debye_zero_point(theta, entropy.n_atoms),
    )


def _log_translation(mass_u: float, temperature_K: float, concentration_M: float) -> float:
    kt_joule = BOLTZMANN_EV_PER_K * ELEMENTARY_CHARGE_C * temperature_K
    per_m3 = (2 * math.pi * mass_u * ATOMIC_MASS_KG * kt_joule / PLANCK_J_S**2) ** 1.5
    return math.log(per_m3 / (concentration_M * 1000.0 * AVOGADRO_PER_MOL))


def _log_rotation(gas: IdealGas, temperature_K: float) -> float:
    if gas.rotations == 0:
        return 0.0
    kt_joule = BOLTZMANN_EV_PER_K * ELEMENTARY_CHARGE_C * temperature_K
    moments = np.sort(np.asarray(gas.moments_u_ang2, float))[-gas.rotations :]
    ratio = 8 * math.pi**2 * moments * ATOMIC_MASS_KG * 1e-20 * kt_joule / PLANCK_J_S**2
    if gas.rotations == 2:
        return math.log(float(ratio[-1]) / gas.symmetry_number)
    return 0.5 * float(np.sum(np.log(ratio)) + math.log(math.pi)) - math.log(gas.symmetry_number)


def _debye_function(x: float) -> float:
    t = np.linspace(0.0, x, 401)[1:]
    integrand = np.concatenate([[0.0], t**3 / np.expm1(t)])
    step = x / 400
    simpson = (
        integrand[0] + integrand[-1] + 4 * integrand[1:-1:2].sum() + 2 * integrand[2:-1:2].sum()
    )
    return float(3 / x**3 * simpson * step / 3)
