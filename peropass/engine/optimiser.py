"""Quasi-Newton steps from a journal: the same history always gives the same next step.

A pure function of positions and forces of the finished steps, so a run that was killed takes exactly the step
that it would have taken otherwise. Stiff pairs are springs that turn with their molecule (`stiff_pairs`), what remains is
a quadratic form. Update: Broyden-Fletcher-Goldfarb-Shanno; step: eigenvalues by absolute value
and the largest atomic move capped by a trust radius. A step that raises the energy is taken back: the next one starts
from where that one started, with what it taught about the curvature and half its length. Forces of a finite SCF
tolerance are noisy, and updates from short steps between noisy forces make stiff directions look soft; without the
retreat such a run zigzags (68 steps on ethylammonium acetate, every other one 20 meV up).

For the same reason no direction counts as softer than a floor. Ligands drift along valleys that are softer, though (0.01 to
0.1 eV/Angstrom^2), where a fixed floor takes steps of 0.05 Angstrom all along the way, each of which wins what the force promised.
The floor is therefore earned: it is halved after a step that won nearly all that its force promised, and doubled after one that won little.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from peropass.engine.journal import JournalStep
from peropass.engine.stiff_pairs import StiffPairs, curved_step

SMALLEST_CURVATURE_EV_PER_ANG2 = 0.3  # softer directions step as if they were this stiff, at first
SOFTEST_CURVATURE_EV_PER_ANG2 = 0.03  # and never as if softer than this
# Won / promised is 1 on a straight slope, 0.5 for the exact step into a minimum, 0 where a step climbs back to its start.
TOO_SHORT = 0.75
TOO_LONG = 0.25
RISE_THAT_IS_TAKEN_BACK_EV = 0.003  # above the noise between two SCF tolerances
LEAST_TRUST_ANG = 0.02
TRUST_GROWS_BY = 1.5
# A start whose energy is too low by noise would send every step back: after two in a row the last one is where it goes on.
MOST_RETREATS = 2


def next_positions(
    hessian: np.ndarray,
    steps: list[JournalStep],
    free: np.ndarray,
    max_step_ang: float,
    in_planes: Collection[int] = (),
) -> np.ndarray:
    """Positions of the next ionic step.

    Parameters
    ----------
    hessian : (3n, 3n) array
        Model Hessian at the first step, eV/Angstrom^2, fixed atoms included.
    steps : list of JournalStep
        Finished steps, at least one.
    free : (m,) int array
        Indices of the atoms that may move.
    max_step_ang : float
        Largest move of one atom.
    in_planes
        Indices of atoms that `hessian` confines to planes.

    Returns
    -------
    (n, 3) array, Angstrom.
    """
    base, radius, floor, pairs = _accepted(steps, free, max_step_ang)
    start = steps[base]
    rows = (3 * free[:, None] + np.arange(3)).ravel()
    model = hessian[np.ix_(rows, rows)]
    held = np.isin(free, list(in_planes))
    springs = StiffPairs.of(model, steps[0].positions[free], start.positions[free], held)
    rebuilt = rebuilt_hessian(model, springs, steps[0], pairs, free)
    rebuilt = rebuilt + springs.hessian(start.positions[free])
    omega, vectors = np.linalg.eigh(rebuilt)
    omega = np.maximum(np.abs(omega), floor)
    gradient = -start.forces[free].ravel()
    straight = (-vectors @ ((gradient @ vectors) / omega)).reshape(-1, 3)
    straight *= min(1.0, radius / max(_longest(straight), 1e-12))
    move = curved_step(springs, start.positions[free], (vectors * omega) @ vectors.T, straight)
    move *= min(1.0, radius / max(_longest(move), 1e-12))
    positions = start.positions.copy()
    positions[free] += move
    return positions


def _longest(move: np.ndarray) -> float:
    return float(np.linalg.norm(move, axis=1).max(initial=0.0))


def _accepted(
    steps: list[JournalStep], free: np.ndarray, max_step_ang: float
) -> tuple[int, float, float, list[tuple[JournalStep, JournalStep]]]:
    """Step to start from, trust radius (Angstrom), floor of the curvature (eV/Angstrom^2), pairs of start and trial so far."""
    base, radius, retreats = 0, max_step_ang, 0
    floor = SMALLEST_CURVATURE_EV_PER_ANG2
    pairs = []
    for index, trial in enumerate(steps[1:], start=1):
        start = steps[base]
        pairs.append((start, trial))
        floor = _next_floor(floor, start, trial, free)
        if trial.energy_eV > start.energy_eV + RISE_THAT_IS_TAKEN_BACK_EV:
            length = np.linalg.norm((trial.positions - start.positions)[free], axis=1).max()
            radius = max(LEAST_TRUST_ANG, 0.5 * length)
            retreats += 1
        else:
            radius = min(max_step_ang, TRUST_GROWS_BY * radius)
            retreats = 0
        if retreats in (0, MOST_RETREATS):
            base, retreats = index, 0
    return base, radius, floor, pairs


def _next_floor(floor: float, start: JournalStep, trial: JournalStep, free: np.ndarray) -> float:
    """Floor of the curvature after a step, from the share that it won of what the force at its start promised."""
    move = (trial.positions - start.positions)[free]
    promised = float(np.sum(start.forces[free] * move))
    won = start.energy_eV - trial.energy_eV
    if promised <= 0:
        return floor
    if won > TOO_SHORT * promised:
        return max(0.5 * floor, SOFTEST_CURVATURE_EV_PER_ANG2)
    if won < TOO_LONG * promised:
        return min(2 * floor, SMALLEST_CURVATURE_EV_PER_ANG2)
    return floor


def rebuilt_hessian(
    model: np.ndarray,
    springs: StiffPairs,
    first: JournalStep,
    pairs: list[tuple[JournalStep, JournalStep]],
    free: np.ndarray,
) -> np.ndarray:
    """Second derivatives without those of the springs, after all updates; `model` holds those of the springs at the first step."""
    remainder = model - springs.hessian(first.positions[free])
    for before, after in pairs:
        here, there = before.positions[free], after.positions[free]
        move = (there - here).ravel()
        change = -(after.forces - before.forces)[free].ravel()
        change -= springs.gradient(there) - springs.gradient(here)
        local = springs.hessian(there)
        # a molecule that has turned since may leave the sum with negative curvature, which the update would blow up
        hessian = _positive(remainder + local)
        change += local @ move
        stiff = hessian @ move
        if move @ stiff <= 0:
            continue
        if move @ change <= 1e-8 * (move @ move):
            change = _damped(move, change, stiff)
        remainder = (
            hessian
            - local
            + np.outer(change, change) / (change @ move)
            - np.outer(stiff, stiff) / (move @ stiff)
        )
    return remainder


def _positive(hessian: np.ndarray) -> np.ndarray:
    """Eigenvalues by absolute value, none below the softest curvature."""
    omega, vectors = np.linalg.eigh(hessian)
    if omega[0] >= SOFTEST_CURVATURE_EV_PER_ANG2:
        return hessian
    return (vectors * np.maximum(np.abs(omega), SOFTEST_CURVATURE_EV_PER_ANG2)) @ vectors.T


def _damped(move: np.ndarray, change: np.ndarray, stiff: np.ndarray) -> np.ndarray:
    """Change of the gradient, mixed with the expected one until a fifth of the expected curvature is left.

    Powell's damping of 1978, here only where the curvature is not positive: as it is it would spoil positive
    definiteness, and without an update the direction would stay as stiff as the model made it.
    """
    share = 0.8 * (move @ stiff) / (move @ stiff - move @ change)
    return share * change + (1 - share) * stiff
