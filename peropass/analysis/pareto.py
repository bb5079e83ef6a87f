"""Pareto fronts: which candidates no other beats on every axis."""

from __future__ import annotations

import numpy as np


def fronts(values: np.ndarray) -> np.ndarray:
    """Number of the non-dominated front of each candidate, 1 = best.

    One candidate dominates another if it is at least as good on all axes and better on one.

    Parameters
    ----------
    values : array, shape (n, m)
        Larger is better on every axis; finite.

    Returns
    -------
    array of int, shape (n,)
    """
    values = np.asarray(values, float)
    n, m = values.shape
    if m == 0:
        return np.ones(n, int)
    result = np.zeros(n, int)
    # A candidate can only be dominated by one that precedes it in lexicographic order, best first.
    order = np.lexsort(tuple(-values[:, axis] for axis in reversed(range(m))))
    members: list[list[int]] = []
    arrays: list[np.ndarray] = []
    for index in order:
        candidate = values[index]
        low, high = 0, len(members)
        # Fronts are nested: a member of front k+1 dominating implies one of front k does, so bisect.
        while low < high:
            middle = (low + high) // 2
            if _dominates(arrays[middle][: len(members[middle])], candidate):
                low = middle + 1
            else:
                high = middle
        if low == len(members):
            members.append([])
            arrays.append(np.empty((8, m)))
        count = len(members[low])
        if count == len(arrays[low]):
            arrays[low] = np.concatenate([arrays[low], np.empty_like(arrays[low])])
        arrays[low][count] = candidate
        members[low].append(int(index))
        result[index] = low + 1
    return result


def _dominates(front: np.ndarray, candidate: np.ndarray) -> bool:
    """Whether a row of `front`, shape (k, m), dominates `candidate`, shape (m,)."""
    at_least = np.all(front >= candidate, axis=1)
    return bool(np.any(at_least & np.any(front > candidate, axis=1)))
