"""Fronts against their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from peropass.analysis.pareto import fronts


def dominates(a, b):
    return bool(np.all(a >= b) and np.any(a > b))


@given(arrays(float, st.tuples(st.integers(1, 25), st.integers(1, 4)), elements=st.integers(0, 4)))
def test_a_front_number_is_one_more_than_that_of_its_best_dominators(values):
    found = fronts(values)
    for i, candidate in enumerate(values):
        above = [found[j] for j, other in enumerate(values) if dominates(other, candidate)]
        assert found[i] == max(above, default=0) + 1


def test_one_axis_orders_like_a_ranking_and_equals_share_a_front():
    assert fronts(np.array([[1.0], [3.0], [2.0], [3.0]])).tolist() == [3, 1, 2, 1]


def test_without_axes_all_are_in_the_first_front():
    assert fronts(np.zeros((3, 0))).tolist() == [1, 1, 1]


def test_trade_offs_share_a_front():
    assert fronts(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, 0.0]])).tolist() == [
        1,
        1,
        1,
        2,
    ]


def test_order_of_the_candidates_does_not_matter():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(60, 3))
    order = rng.permutation(60)
    assert fronts(values)[order] == pytest.approx(fronts(values[order]))
