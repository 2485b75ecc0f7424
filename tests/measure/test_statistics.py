"""The statistics against scipy, which is a dependency of the tests only."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from agent.measure.statistics import mad, mann_kendall, median, newcombe, robust_z, theil_sen, wilson

FLOATS = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(FLOATS, min_size=1, max_size=60))
def test_median_and_mad_are_scipys(values: list[float]) -> None:
    assert median(values) == pytest.approx(float(np.median(values)), abs=1e-9)
    assert mad(values) == pytest.approx(float(stats.median_abs_deviation(values)), abs=1e-9)


def test_the_median_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        median([])


@given(st.lists(st.integers(-5, 5), min_size=3, max_size=40).filter(lambda values: len(set(values)) > 1))
@settings(max_examples=200)
def test_mann_kendall_is_kendalls_s_with_the_tie_corrected_variance(values: list[int]) -> None:
    n = len(values)
    s = sum(int(np.sign(values[j] - values[i])) for i in range(n) for j in range(i + 1, n))
    ties = [values.count(value) for value in set(values)]
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    z = 0.0 if s == 0 else (s - math.copysign(1, s)) / math.sqrt(variance)
    trend = mann_kendall(values)
    assert trend.s == s
    assert trend.p == pytest.approx(2 * stats.norm.sf(abs(z)), abs=1e-9)
    tau = stats.kendalltau(range(n), values).statistic
    pairs = math.sqrt(n * (n - 1) / 2 * (n * (n - 1) / 2 - sum(t * (t - 1) / 2 for t in ties)))
    assert tau * pairs == pytest.approx(s, abs=1e-6)


def test_six_rising_points_are_the_fewest_that_reach_one_percent() -> None:
    assert mann_kendall(range(5)).p > 0.01
    assert mann_kendall(range(6)).p == pytest.approx(0.0085, abs=5e-5)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [3.0] * 20])
def test_no_trend_is_seen_in_too_few_or_equal_values(values: list[float]) -> None:
    assert mann_kendall(values).p == 1.0


@given(st.lists(st.tuples(st.integers(0, 1000), FLOATS), min_size=2, max_size=60, unique_by=lambda pair: pair[0]))
def test_theil_sen_is_scipys(points: list[tuple[int, float]]) -> None:
    x, y = zip(*sorted(points), strict=True)
    wanted = stats.theilslopes(y, x).slope
    assert theil_sen(y, x) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_theil_sen_of_many_points_is_bucketed_and_keeps_the_slope() -> None:
    noise = np.random.default_rng(7).normal(0, 5, 1000)
    values = 3.0 * np.arange(1000) + noise
    assert theil_sen(values) == pytest.approx(3.0, abs=0.01)


def test_theil_sen_needs_two_moments_and_as_many_times_as_values() -> None:
    assert theil_sen([1.0]) == 0.0
    assert theil_sen([1.0, 5.0], [2.0, 2.0]) == 0.0
    with pytest.raises(ValueError, match="3 values need as many times, not 2"):
        theil_sen([1, 2, 3], [1, 2])


@given(
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95, 0.99])
)
def test_wilson_is_scipys(share: tuple[int, int], confidence: float) -> None:
    ours, theirs = wilson(*share, confidence), stats.binomtest(*share).proportion_ci(confidence, method="wilson")
    assert ours.low == pytest.approx(theirs.low, abs=1e-9)
    assert ours.high == pytest.approx(theirs.high, abs=1e-9)


def test_wilson_of_nothing_is_everything_and_of_too_much_an_error() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)


@pytest.mark.parametrize(
    ("a", "n", "b", "m", "low", "high"),
    [(56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (10, 10, 0, 10, 0.6075, 1.0)],
)
def test_newcombe_gives_the_intervals_of_his_table(a: int, n: int, b: int, m: int, low: float, high: float) -> None:
    interval = newcombe(a, n, b, m)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_robust_z_falls_back_to_the_mean_deviation_and_then_to_infinity() -> None:
    assert robust_z(10, [1, 2, 3, 4, 5]) == pytest.approx(0.6745 * 7 / 1)
    assert robust_z(7, [5, 5, 5, 5, 9]) == pytest.approx(2 / (1.2533 * 0.8))
    assert robust_z(5, [5, 5, 5]) == 0.0
    assert robust_z(4, [5, 5, 5]) == -math.inf
