"""From axes to scores, rank intervals and ties: arrays in, arrays out.

    scaled_a = (x_a - zero_a) / (one_a - zero_a)              1 = good end of the window, 0 = bad end, not clipped
    score    = sum_a w_a scaled_a / sum_a w_a                 over the axes that anybody has

The windows are fixed, not taken from the candidates, so that adding a candidate never reorders the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peropass.errors import InputError

TRAP_SCALE = {"healed": 0.0, "no-trap-to-heal": 0.0, "partly": 1.0, "unchanged": 2.0, "worse": 3.0}
INTERVAL_PERCENT = (5.0, 95.0)
WEIGHT_FACTOR = 2.0
WEIGHT_SAMPLES = 500
CHUNK = 100  # samples held in memory at once


@dataclass(frozen=True)
class Axis:
    """One criterion: the value that scores 1, the value that scores 0, and its unit."""

    one: float
    zero: float
    unit: str
    meaning: str

    @property
    def better(self) -> str:
        return "higher" if self.one > self.zero else "lower"


# ASSUME these windows: they fix how many eV weigh as much as one step of another axis. 1 eV against the native ligand, 1 eV of
# lability and 1.5 steps of the trap verdict weigh the same at equal weights. They are printed with the ranking.
AXES: dict[str, Axis] = {
    "vs_native_eV": Axis(-1.0, 1.0, "eV", "binding against the native ligand on the same socket"),
    "binding_energy_eV": Axis(-2.0, 0.0, "eV", "binding energy"),
    "exchange_eV": Axis(-1.0, 1.0, "eV", "exchange against the bulk reservoir"),
    "lability_eV": Axis(2.0, 0.0, "eV", "free energy of the cheapest desorption channel"),
    "trap_verdict": Axis(
        0.0, 3.0, "step", "healed or nothing to heal 0, partly 1, unchanged 2, worse 3"
    ),
    "n_traps": Axis(0.0, 4.0, "states", "traps of the loaded slab, spin-orbit included"),
    "ligand_levels": Axis(0.0, 2.0, "states", "ligand levels inside the gap"),
    "distortion": Axis(0.0, 1.0, "A", "largest shift of a surface atom against the clean slab"),
    "chain_length_ang": Axis(
        0.0, 25.0, "A", "length of the full ligand: barrier to charge transport"
    ),
    "tau": Axis(3.6, 4.6, "1", "tau of the host or end member"),
    "migration_barrier_eV": Axis(1.0, 0.0, "eV", "halide-vacancy hop next to the ligand"),
}


def check_weights(weights: Mapping[str, float], where: str = "ranking.weights") -> dict[str, float]:
    """The weights, non-negative and of known axes. Raises InputError.

    Weight 0 keeps an axis in the Pareto fronts and out of the score.
    """
    for name, weight in weights.items():
        if name not in AXES:
            raise InputError(f"{where}.{name}", "unknown axis", ", ".join(AXES))
        if not (np.isfinite(weight) and weight >= 0):
            raise InputError(f"{where}.{name}", weight, "a number >= 0")
    if not any(weight > 0 for weight in weights.values()):
        raise InputError(where, dict(weights), "at least one weight > 0")
    return {name: float(weight) for name, weight in weights.items()}


@dataclass(frozen=True)
class ScaledAxes:
    """Scaled values of n candidates on m axes; what nobody knows is left out, what one lacks is centred.

    Attributes
    ----------
    names : tuple of str, length m
    values : array, shape (n, m)
        1 best, 0 worst; a missing value stands in the middle of those known.
    half_width : array, shape (n, m)
        Half of the range of known values where the value is missing, else 0: the candidate may be anywhere in it.
    """

    names: tuple[str, ...]
    values: np.ndarray
    half_width: np.ndarray


def scale(raw: Mapping[str, np.ndarray]) -> ScaledAxes:
    """Scale axis values, arrays of shape (n,) with NaN where missing."""
    names = tuple(name for name, x in raw.items() if np.isfinite(x).any())
    n = len(next(iter(raw.values()))) if raw else 0
    values, half_width = np.zeros((n, len(names))), np.zeros((n, len(names)))
    for k, name in enumerate(names):
        axis = AXES[name]
        scaled = (np.asarray(raw[name], float) - axis.zero) / (axis.one - axis.zero)
        low, high = np.nanmin(scaled), np.nanmax(scaled)
        missing = ~np.isfinite(scaled)
        values[:, k] = np.where(missing, (low + high) / 2, scaled)
        half_width[:, k] = np.where(missing, (high - low) / 2, 0.0)
    return ScaledAxes(names, values, half_width)


def score(axes: ScaledAxes, weights: Mapping[str, float]) -> np.ndarray:
    """Weighted mean of the scaled axes, shape (n,); zeros if no axis with weight is known."""
    w = np.array([weights.get(name, 0.0) for name in axes.names])
    return axes.values @ w / w.sum() if w.sum() > 0 else np.zeros(len(axes.values))


def ranks(scores: np.ndarray) -> np.ndarray:
    """1 = highest score along the last axis; equal scores share the better rank."""
    scores = np.asarray(scores)
    order = np.argsort(-scores, axis=-1, kind="stable")
    ordered = np.take_along_axis(scores, order, -1)
    n = scores.shape[-1]
    new = np.ones(ordered.shape, bool)
    new[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    position = np.where(new, np.arange(1, n + 1), 0)
    result = np.empty(scores.shape, int)
    np.put_along_axis(result, order, np.maximum.accumulate(position, axis=-1), -1)
    return result


@dataclass(frozen=True)
class ScoreErrors:
    """Linear error model of the scores, in units of the score.

    Attributes
    ----------
    common : array, shape (n, t)
        Multiplies t draws shared by all candidates of a socket.
    own : array, shape (n,)
        Standard deviation of the candidate's own errors.
    uniform : array, shape (n, m)
        Half widths of missing axes, times their weight.
    """

    common: np.ndarray
    own: np.ndarray
    uniform: np.ndarray

    def of_differences(self, some: np.ndarray) -> np.ndarray:
        """Standard deviation of score i - score j for i in `some` and every j, shape (len(some), n); common errors cancel."""
        alone = self.own**2 + np.sum(self.uniform**2, axis=1) / 3.0
        variance = alone[some, None] + alone
        for term in self.common.T:
            variance += (term[some, None] - term) ** 2
        return np.sqrt(variance)


def rank_intervals(
    scores: np.ndarray, errors: ScoreErrors, seed: int, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rank interval (5th to 95th percentile, widened to the nominal rank) by Monte Carlo.

    Parameters
    ----------
    scores : array, shape (n,)
    seed, samples
        Same seed, same candidates in the same order: same intervals.
    """
    n = len(scores)
    rng = np.random.default_rng(seed)
    drawn = np.empty((samples, n), np.int32)
    for start in range(0, samples, CHUNK):
        size = min(CHUNK, samples - start)
        noise = rng.standard_normal((size, errors.common.shape[1])) @ errors.common.T
        noise += rng.standard_normal((size, n)) * errors.own
        for column in np.flatnonzero(errors.uniform.any(axis=0)):
            noise += rng.uniform(-1, 1, (size, n)) * errors.uniform[:, column]
        drawn[start : start + size] = ranks(scores + noise)
    return _percentiles(drawn, ranks(scores))


def weight_intervals(
    axes: ScaledAxes, weights: Mapping[str, float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rank interval when each weight is multiplied by a factor between 1/2 and 2 (log-uniform)."""
    rng = np.random.default_rng(seed)
    w = np.array([weights.get(name, 0.0) for name in axes.names])
    factors = WEIGHT_FACTOR ** rng.uniform(-1, 1, (WEIGHT_SAMPLES, len(w)))
    drawn = np.empty((WEIGHT_SAMPLES, len(axes.values)), np.int32)
    for start in range(0, WEIGHT_SAMPLES, CHUNK):
        varied = w * factors[start : start + CHUNK]
        total = np.maximum(varied.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        drawn[start : start + CHUNK] = ranks(varied / total @ axes.values.T)
    return _percentiles(drawn, ranks(score(axes, weights)))


def ties(scores: np.ndarray, errors: ScoreErrors, most: int) -> tuple[list[list[int]], np.ndarray]:
    """For each candidate those closer in score than one standard deviation of the difference.

    Returns
    -------
    list of list of int
        Nearest in score first, at most `most` per candidate.
    array of int, shape (n,)
        How many there are.
    """
    n = len(scores)
    order = np.argsort(-scores, kind="stable")
    tied: list[list[int]] = [[] for _ in range(n)]
    counts = np.zeros(n, int)
    for start in range(0, n, CHUNK):
        block = np.arange(start, min(start + CHUNK, n))
        gap = np.abs(scores[order] - scores[block, None])
        close = gap <= errors.of_differences(block)[:, order]
        close[order == block[:, None]] = False
        counts[block] = close.sum(axis=1)
        for row, i in enumerate(block):
            nearest = np.flatnonzero(close[row])
            tied[i] = order[nearest[np.argsort(gap[row, nearest], kind="stable")][:most]].tolist()
    return tied, counts


def _percentiles(drawn: np.ndarray, nominal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = INTERVAL_PERCENT
    lower = np.floor(np.percentile(drawn, low, axis=0, method="lower")).astype(int)
    upper = np.ceil(np.percentile(drawn, high, axis=0, method="higher")).astype(int)
    return np.minimum(lower, nominal), np.maximum(upper, nominal)
