"""From convergence ladders to error terms: how far binding energies move between a rung and the converged one.

For probe i and a protocol that works at rung r, with the last rung as reference:

    d_i = E_b,i(r) - E_b,i(reference)       sigma = sqrt(mean d_i^2)       common = (mean d_i)^2 / mean d_i^2

`common` is the share of the squared error that all probes have alike; it cancels between ligands. A protocol that works at the
reference itself gets the last step of the ladder, an upper bound where steps fall. All energies in eV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LEAST_PROBES = 2  # one ligand tells nothing of the next
NOISE_EV = 0.001  # of a difference of single points at the SCF tolerance; no sigma is smaller


@dataclass(frozen=True)
class Measured:
    """Size of one error term and where it comes from."""

    sigma_eV: float
    common: float
    probes: tuple[str, ...]
    rung: float
    reference: float


def replaced(
    committed: Mapping[str, Mapping[str, Mapping[str, float]]],
    here: Mapping[str, Mapping[str, Mapping[str, float]]],
    firsts: Mapping[str, str],
) -> set[str]:
    """Probes whose committed rungs belong to other structures than those of today.

    The first rung of a ladder is the campaign itself, so that another energy there means another structure.

    Parameters
    ----------
    committed, here : mapping
        Ladder -> probe -> rung -> binding energy, eV.
    firsts : mapping
        Ladder -> its first rung.
    """
    return {
        probe
        for ladder, first in firsts.items()
        for probe, found in here.get(ladder, {}).items()
        if first in found
        and abs(committed.get(ladder, {}).get(probe, found).get(first, found[first]) - found[first])
        > NOISE_EV
    }


def shifts(
    bindings: Mapping[str, Mapping[float, float]], rung: float, reference: float
) -> dict[str, float]:
    """Probe -> E_b(rung) - E_b(reference), for the probes that have both.

    Parameters
    ----------
    bindings : mapping
        Probe -> rung -> binding energy, eV.
    """
    return {
        probe: found[rung] - found[reference]
        for probe, found in bindings.items()
        if rung in found and reference in found
    }


def measured(
    bindings: Mapping[str, Mapping[float, float]], rungs: list[float], rung: float
) -> Measured | None:
    """Error of working at `rung`; None where no probe has both ends of the comparison.

    Parameters
    ----------
    rungs : list of float
        The ladder from coarse to fine.
    """
    reached = [r for r in rungs if any(r in found for found in bindings.values())]
    if len(reached) < 2 or rung not in rungs:
        return None
    reference = reached[-1]
    start = rung if rung != reference else reached[-2]
    found = shifts(bindings, start, reference)
    if not found:
        return None
    values = np.array(list(found.values()))
    square = float(np.mean(values**2))
    common = float(np.mean(values) ** 2 / square) if len(values) > 1 and square > 0 else 0.0
    sigma = max(NOISE_EV, float(np.sqrt(square)))
    return Measured(round(sigma, 4), round(common, 2), tuple(found), rung, reference)


def kept_out(term: Measured, fixed_structure: bool, assumed_eV: float | None) -> str:
    """Why a measured term does not replace the assumption of the error model; empty if it does.

    Parameters
    ----------
    fixed_structure : bool
        The ladder moved no atoms, so that it holds a part of the error only.
    assumed_eV : float or None
        What the error model assumes for this term; None if it has no such term of fixed size.
    """
    if assumed_eV is None:
        return "the error model has no such term"
    if len(term.probes) < LEAST_PROBES:
        return f"{len(term.probes)} probe, {LEAST_PROBES} are needed"
    if fixed_structure and term.sigma_eV < assumed_eV:
        return f"structures are fixed, a lower bound of the error; {1000 * assumed_eV:.0f} meV are assumed"
    return ""
