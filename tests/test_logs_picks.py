from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fingerprint.logs.picks import PickNull, holm


def enumerated(scores: list[np.ndarray]) -> np.ndarray:
    """Every sum there is, one a way to pick."""
    return np.array([sum(pick) for pick in itertools.product(*scores)])


def test_equal_options_give_the_binomial() -> None:
    null = PickNull([np.array([1.0, 0.0])] * 400)
    for hits in (0, 150, 200, 260, 400):
        picks = [0] * hits + [1] * (400 - hits)
        assert null.upper(picks) == pytest.approx(stats.binom.sf(hits - 1, 400, 0.5), rel=1e-9)
    assert null.mean == 200
    assert null.sd == pytest.approx(10)


def test_unequal_options_give_the_poisson_binomial() -> None:
    options = [2, 3, 5] * 20
    null = PickNull([np.eye(1, k)[0] for k in options])
    picks = [0] * 40 + [1] * 20
    expected = stats.poisson_binom([1 / k for k in options])
    assert null.upper(picks) == pytest.approx(float(expected.sf(39)), rel=1e-9)


def test_small_tails_keep_their_digits() -> None:
    null = PickNull([np.array([1.0, 0.0, 0.0])] * 300)
    assert null.upper([0] * 300) == pytest.approx(3.0**-300, rel=1e-9)


scores = st.lists(
    st.lists(st.floats(-2, 2), min_size=1, max_size=4).map(np.array), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(scores, st.randoms(use_true_random=False))
def test_p_values_are_those_of_the_enumeration_up_to_the_grid(scores, random) -> None:
    null = PickNull(scores)
    picks = [random.randrange(len(s)) for s in scores]
    every = enumerated(scores)
    observed = null.statistic(picks)
    slack = null.step * len(scores) + 1e-9
    assert (every >= observed + slack).mean() <= null.upper(picks) + 1e-12
    assert null.upper(picks) <= (every >= observed - slack).mean() + 1e-12
    assert null.two_sided(picks) <= 1


def test_rounding_leaves_the_test_exact() -> None:
    """P(p <= a) <= a over all ways to pick, for the rounded statistic itself."""
    rng = np.random.default_rng(1)
    scores = [rng.normal(size=3) for _ in range(7)]
    null = PickNull(scores)
    p = np.array([null.upper(picks) for picks in itertools.product(range(3), repeat=7)])
    for level in (0.01, 0.05, 0.2, 0.5):
        assert (p <= level).mean() <= level + 1e-12
        assert (p <= level).mean() > level - 0.005


def test_units_without_a_choice_add_nothing() -> None:
    null = PickNull([np.array([0.3]), np.array([0.7, 0.7]), np.array([1.0, 0.0])])
    assert null.upper([0, 1, 0]) == pytest.approx(0.5)
    assert null.upper([0, 0, 1]) == 1.0
    assert PickNull([np.array([0.5])]).upper([0]) == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
