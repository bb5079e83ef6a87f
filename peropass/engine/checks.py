"""Checks after a calculation: each states what was found next to what is allowed."""

from __future__ import annotations

import numpy as np

from peropass.engine.electronic import ElectronicResult
from peropass.engine.journal import JournalStep
from peropass.records import Check

ENERGY_RISE_LIMIT_EV = 0.005  # between the last and the lowest step
SLOPE_OVER_ANG = 1.0
# ASSUME 4 Angstrom from a nucleus hold its density: the dipole layer at the cell boundary then lies in vacuum.
DIPOLE_LAYER_CLEARANCE_ANG = 4.0
# ASSUME a curvature of some 1 eV/Angstrom^2 along a hop: with this force along it a saddle is 0.02 eV below its top.
ACROSS_PLANE_LIMIT_EV_PER_ANG = 0.2
ACROSS_PLANE = "force across the plane"
VACUUM_SLOPE_LIMIT_EV_PER_ANG = 0.02  # potential in the vacuum with the dipole layer on


def force_check(fmax: float, limit: float) -> Check:
    return Check(
        name="largest force",
        value=round(fmax, 5),
        unit="eV/Angstrom",
        limit=f"<= {limit:g}",
        passed=fmax <= limit,
    )


def plane_check(force: float) -> Check:
    """Of an atom held in a plane: the force along the normal, eV/Angstrom, with its sign; at a saddle along the normal it vanishes."""
    return Check(
        name=ACROSS_PLANE,
        value=round(force, 5),
        unit="eV/Angstrom",
        limit=f"within +-{ACROSS_PLANE_LIMIT_EV_PER_ANG:g}",
        passed=abs(force) <= ACROSS_PLANE_LIMIT_EV_PER_ANG,
    )


def energy_checks(steps: list[JournalStep], tolerance_ev: float) -> list[Check]:
    """The end of a relaxation must not lie above a step on the way by more than noise.

    Energies are compared at equal SCF tolerance: those steps that were converged as tightly as the last one. Looser
    steps have a check of their own, whose limit is wider by what their tolerance leaves open.

    Parameters
    ----------
    steps : list of JournalStep
        All steps; the last one is the result.
    tolerance_ev : float
        SCF energy tolerance of the whole cell at looseness 1, eV.
    """
    last = steps[-1]
    tight = [step.energy_eV for step in steps if step.looseness <= last.looseness]
    found = [
        _rise_check("energy above lowest step", last.energy_eV - min(tight), ENERGY_RISE_LIMIT_EV)
    ]
    loose = [step for step in steps if step.looseness > last.looseness]
    if loose:
        lowest = min(loose, key=lambda step: step.energy_eV)
        limit = ENERGY_RISE_LIMIT_EV + round(lowest.looseness * tolerance_ev, 4)
        rise = max(0.0, last.energy_eV - lowest.energy_eV)
        found.append(_rise_check("energy above lowest loosely converged step", rise, limit))
    return found


def _rise_check(name: str, rise: float, limit: float) -> Check:
    return Check(
        name=name, value=round(rise, 6), unit="eV", limit=f"<= {limit:g}", passed=rise <= limit
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


def dipole_layer_check(heights_ang: np.ndarray, cell_height_ang: float) -> Check:
    """Distance between the dipole layer, which lies at the cell boundary, and the nearest atom on either side of it.

    Parameters
    ----------
    heights_ang : (n,) array
        Heights of all atoms above the bottom of the cell.
    """
    heights = np.asarray(heights_ang, float)
    clearance = float(min(heights.min(), cell_height_ang - heights.max()))
    return Check(
        name="atoms to dipole layer",
        value=round(clearance, 3),
        unit="Angstrom",
        limit=f">= {DIPOLE_LAYER_CLEARANCE_ANG:g}",
        passed=clearance >= DIPOLE_LAYER_CLEARANCE_ANG,
    )


def vacuum_check(potential_ev: np.ndarray, spacing_ang: float) -> Check:
    """Largest change of the plane-averaged potential over 1 Angstrom of the upper vacuum (eV/Angstrom).

    Not the derivative from one grid point to the next: plane waves cut off at the grid's own period leave a ripple of 1 meV
    from point to point beside the dipole layer, 0.02 eV/Angstrom by neighbours, where the potential is flat to 1 meV over
    5 Angstrom (LiBr on the pair vacancy).
    """
    apart = min(len(potential_ev) - 1, max(1, round(SLOPE_OVER_ANG / spacing_ang)))
    slope = (
        float(np.abs(potential_ev[apart:] - potential_ev[:-apart]).max() / (apart * spacing_ang))
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
