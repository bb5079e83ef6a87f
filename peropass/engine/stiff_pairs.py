"""Stiff pairs of atoms as springs that turn with the molecule.

A quadratic form in Cartesian coordinates knows a bond by the direction that it had. A molecule that turns by 10 degrees
stretches its bonds in such a step, answers with forces of 1 eV/Angstrom, and its stiff directions are afterwards
others than the form says. Distances do not turn: what is stiff is kept as springs between pairs, exactly, and only the
remainder as a quadratic form (internal coordinates, 10.1002/(SICI)1096-987X(19960115)17:1<49::AID-JCC5>3.0.CO;2-0,
for the stiff part alone).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LONGEST_PAIR_ANG = 2.7  # bonds and the two ends of a bend
SOFTEST_PAIR_EV_PER_ANG2 = 1.0
MOST_ITERATIONS = 50
STEP_IS_FOUND_ANG = 1e-6


@dataclass(frozen=True)
class StiffPairs:
    """Springs between pairs of atoms, at rest in one structure.

    Energies in eV, lengths in Angstrom; indices and flattened arrays run over the atoms of `positions` (n, 3).
    """

    first: np.ndarray
    second: np.ndarray
    stiffness: np.ndarray
    rest: np.ndarray

    @classmethod
    def of(
        cls,
        hessian: np.ndarray,
        positions: np.ndarray,
        resting: np.ndarray,
        without: np.ndarray | None = None,
    ) -> StiffPairs:
        """Pairs that are near in `positions` and stiff by the off-diagonal blocks of `hessian` there; at rest in `resting`.

        Atoms of the mask `without` have none: a spring that turns would pull an atom out of the plane that it is held in.
        """
        first, second = np.triu_indices(len(positions), 1)
        _, lengths, units = _pairs(positions, first, second)
        blocks = hessian.reshape(len(positions), 3, len(positions), 3)[first, :, second, :]
        stiffness = -np.einsum("pa,pab,pb->p", units, blocks, units)
        kept = (lengths < LONGEST_PAIR_ANG) & (stiffness > SOFTEST_PAIR_EV_PER_ANG2)
        if without is not None:
            kept &= ~(without[first] | without[second])
        first, second, stiffness = first[kept], second[kept], stiffness[kept]
        return cls(first, second, stiffness, _pairs(resting, first, second)[1])

    def gradient(self, positions: np.ndarray) -> np.ndarray:
        """Derivative of the springs' energy, flattened (3n,), eV/Angstrom."""
        _, lengths, units = _pairs(positions, self.first, self.second)
        pull = (self.stiffness * (lengths - self.rest))[:, None] * units
        gradient = np.zeros_like(positions)
        np.add.at(gradient, self.first, -pull)
        np.add.at(gradient, self.second, pull)
        return gradient.ravel()

    def hessian(self, positions: np.ndarray) -> np.ndarray:
        """Second derivatives of the springs' energy, (3n, 3n), eV/Angstrom^2."""
        _, lengths, units = _pairs(positions, self.first, self.second)
        across = np.eye(3) - units[:, :, None] * units[:, None, :]
        share = self.stiffness * (1 - self.rest / lengths)
        return self.along(positions) + self._assembled(share[:, None, None] * across, positions)

    def along(self, positions: np.ndarray) -> np.ndarray:
        """That part of the second derivatives which acts along the springs, never negative."""
        _, _, units = _pairs(positions, self.first, self.second)
        along = units[:, :, None] * units[:, None, :]
        return self._assembled(self.stiffness[:, None, None] * along, positions)

    def _assembled(self, blocks: np.ndarray, positions: np.ndarray) -> np.ndarray:
        n = len(positions)
        matrix = np.zeros((n, n, 3, 3))
        np.add.at(matrix, (self.first, self.first), blocks)
        np.add.at(matrix, (self.second, self.second), blocks)
        np.add.at(matrix, (self.first, self.second), -blocks)
        np.add.at(matrix, (self.second, self.first), -blocks)
        return matrix.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)


def _pairs(
    positions: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors from first to second, their lengths and directions."""
    vectors = positions[second] - positions[first]
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors, lengths, vectors / lengths[:, None]


def curved_step(
    springs: StiffPairs, positions: np.ndarray, hessian: np.ndarray, straight: np.ndarray
) -> np.ndarray:
    """The step that a form `hessian` and these springs ask for, where the form alone asks for `straight`.

    At `positions` the springs are at rest and part of `hessian` (positive definite). Without springs, and for short steps, the two are the
    same. Returns (n, 3); `straight` where the iteration does not settle.
    """
    force = hessian @ straight.ravel()
    remainder = hessian - springs.hessian(positions)
    move = straight.ravel().copy()
    for _ in range(MOST_ITERATIONS):
        there = positions + move.reshape(-1, 3)
        residual = remainder @ move + springs.gradient(there) - force
        # the springs' own part across them, of either sign while they are stretched, is left out: it only slows the search
        try:
            change = np.linalg.solve(remainder + springs.along(there), residual)
        except np.linalg.LinAlgError:
            break
        move = move - change
        if not np.isfinite(move).all() or np.abs(move).max() > 2 * np.abs(straight).max():
            break
        if np.abs(change).max() < STEP_IS_FOUND_ANG:
            return move.reshape(-1, 3)
    return straight
