"""How far a metric on a few held-out items may lie from the one on all items like them: 95% intervals."""

import math

import numpy as np

from grader.tasks.model import Floats

Z = 1.959963985  # of the normal distribution, two-sided 95%
RESAMPLES = 1_000
SEED = 20_240_613


def wilson(right: int, n: int) -> tuple[float, float]:
    """The score interval of a proportion, ``right`` of ``n`` items (Wilson 1927, J. Am. Stat. Assoc. 22, 209).

    A bootstrap of items that are all right would claim certainty; this interval does not. ValueError: no items.
    """
    if n < 1 or not 0 <= right <= n:
        raise ValueError(f"{right} of {n} items is no proportion")
    share, square = right / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(values: Floats) -> tuple[float, float]:
    """The percentile interval of the mean of ``values`` (n,) over items drawn again with replacement (Efron and
    Tibshirani 1993, An Introduction to the Bootstrap, ch. 13). The same values give the same interval. ValueError: no
    values, or some that are not finite.
    """
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("an interval needs finite values")
    drawn = np.random.default_rng(SEED).integers(0, len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5)).tolist()
    return float(low), float(high)
