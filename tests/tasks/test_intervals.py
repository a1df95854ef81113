"""The intervals against SciPy's, and what they make of too little."""

import numpy as np
import pytest
from scipy import stats

from grader.tasks.intervals import bootstrap, wilson

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(("right", "n"), [(0, 60), (1, 60), (57, 60), (60, 60), (1_970, 2_000), (1, 1)])
def test_a_proportion_has_the_interval_of_wilson(right: int, n: int) -> None:
    """As SciPy works it out; a full score is not taken for certainty."""
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert wilson(right, n)[0] < 1.0


def test_a_mean_has_the_percentile_interval() -> None:
    """Near SciPy's, which draws other items; the same values give the same interval."""
    values = RNG.gamma(2.0, 100.0, 60)
    result = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=9_999, rng=1)
    low, high = bootstrap(values)
    width = result.confidence_interval.high - result.confidence_interval.low
    assert (low, high) == pytest.approx(tuple(result.confidence_interval), abs=0.1 * width)
    assert bootstrap(values) == (low, high)
    assert low < values.mean() < high


def test_values_that_are_all_alike_leave_no_room() -> None:
    """Whatever is drawn is the same."""
    assert bootstrap(np.full(10, 2.5)) == (2.5, 2.5)


@pytest.mark.parametrize("values", [np.zeros(0), np.array([1.0, np.nan]), np.array([np.inf]), np.zeros((3, 2))])
def test_what_has_no_mean_has_no_interval(values: np.ndarray) -> None:
    """Empty, not finite, or of another shape."""
    with pytest.raises(ValueError, match="finite"):
        bootstrap(values)


@pytest.mark.parametrize(("right", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_no_proportion_has_no_interval(right: int, n: int) -> None:
    """More right than there are, or no items."""
    with pytest.raises(ValueError, match="proportion"):
        wilson(right, n)
