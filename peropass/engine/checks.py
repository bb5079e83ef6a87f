"""Checks after a calculation: each states what was found next to what is allowed."""

from __future__ import annotations

import numpy as np

from peropass.engine.electronic import ElectronicResult
from peropass.engine.journal import JournalStep
from peropass.records import Check

ENERGY_RISE_LIMIT_EV = 0.005  # between the last and the lowest step
VACUUM_SLOPE_LIMIT_EV_PER_ANG = 0.02  # potential in the vacuum with the dipole layer on


def force_check(fmax: float, limit: float) -> Check:
    return Check(
        name="largest force",
        value=round(fmax, 5),
        unit="eV/Angstrom",
        limit=f"<= {limit:g}",
        passed=fmax <= limit,
    )


def energy_check(steps: list[JournalStep]) -> Check:
    """The end of a relaxation must not lie above a step on the way by more than noise."""
    energies = [step.energy_eV for step in steps]
    rise = energies[-1] - min(energies)
    return Check(
        name="energy above lowest step",
        value=round(rise, 6),
        unit="eV",
        limit=f"<= {ENERGY_RISE_LIMIT_EV:g}",
        passed=rise <= ENERGY_RISE_LIMIT_EV,
    )


def electron_check(result: ElectronicResult, expected: int) -> Check:
    found = result.n_electrons
    return Check(
        name="valence electrons",
        value=None if found is None else float(found),
        unit="electrons",
        limit=f"= {expected}",
        passed=found == expected,
    )


def vacuum_check(potential_ev: np.ndarray, spacing_ang: float) -> Check:
    """Slope of the plane-averaged potential over the flattest window of the upper vacuum (eV/Angstrom)."""
    slope = (
        float(np.abs(np.gradient(potential_ev, spacing_ang)).max())
        if len(potential_ev) > 2
        else float("nan")
    )
    return Check(
        name="potential slope in vacuum",
        value=round(slope, 5),
        unit="eV/Angstrom",
        limit=f"<= {VACUUM_SLOPE_LIMIT_EV_PER_ANG:g}",
        passed=slope <= VACUUM_SLOPE_LIMIT_EV_PER_ANG,
    )
