"""Quasi-Newton steps from a journal: the same history always gives the same next step.

A pure function of positions and forces of the finished steps, so a run that was killed takes exactly the step
that it would have taken otherwise. Update: Broyden-Fletcher-Goldfarb-Shanno; step: eigenvalues by absolute value
and the largest atomic move capped, as in ASE's BFGS (which keeps its state in a second file and so is not used).
"""

from __future__ import annotations

import numpy as np

from peropass.engine.journal import JournalStep

SMALLEST_CURVATURE_EV_PER_ANG2 = 0.3  # softer directions step as if they were this stiff
RISE_THAT_HALVES_STEP_EV = 0.003


def next_positions(
    hessian: np.ndarray, steps: list[JournalStep], free: np.ndarray, max_step_ang: float
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

    Returns
    -------
    (n, 3) array, Angstrom.
    """
    hessian = _rebuilt_hessian(hessian, steps, free)
    last = steps[-1]
    gradient = -last.forces[free].ravel()
    omega, vectors = np.linalg.eigh(hessian)
    omega = np.maximum(np.abs(omega), SMALLEST_CURVATURE_EV_PER_ANG2)
    move = (-vectors @ ((gradient @ vectors) / omega)).reshape(-1, 3)
    cap = max_step_ang
    if len(steps) > 1 and last.energy_eV > steps[-2].energy_eV + RISE_THAT_HALVES_STEP_EV:
        cap = 0.5 * max_step_ang
    longest = np.linalg.norm(move, axis=1).max()
    if longest > cap:
        move *= cap / longest
    positions = last.positions.copy()
    positions[free] += move
    return positions


def _rebuilt_hessian(start: np.ndarray, steps: list[JournalStep], free: np.ndarray) -> np.ndarray:
    rows = (3 * free[:, None] + np.arange(3)).ravel()
    hessian = start[np.ix_(rows, rows)]
    for before, after in zip(steps[:-1], steps[1:], strict=True):
        move = (after.positions - before.positions)[free].ravel()
        change = -(after.forces - before.forces)[free].ravel()
        # a pair of points with negative curvature would spoil positive definiteness: it carries no update
        if move @ change > 1e-8 * (move @ move):
            stiff = hessian @ move
            hessian = (
                hessian
                + np.outer(change, change) / (change @ move)
                - np.outer(stiff, stiff) / (move @ stiff)
            )
    return hessian
