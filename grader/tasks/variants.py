"""Variants of small images of handwriting, as if more people had written them: stretched unevenly along both axes."""

import numpy as np
from numpy.typing import NDArray

SIDE = 28  # pixels of a variant,
FRAME = 4  # of which so many on each side are free on average, as in MNIST
STRETCH = 0.1  # at most so much wider or narrower,
SHIFT = 1.0  # so many pixels further on,
UNEVEN = 0.6  # and so many pixels between neighbouring knots, as standard deviation
KNOTS = 4
SEED = 20_261_126
RECIPE = f"{SIDE} {FRAME} {STRETCH} {SHIFT} {UNEVEN} {KNOTS} {SEED}"  # another one makes other variants


def variants(
    images: NDArray[np.float64], rows: NDArray[np.int64], *, copies: int, seed: int = SEED
) -> NDArray[np.uint8]:
    """``copies`` variants of each of ``rows``, all of the first copy first: (copies * len(rows), 28, 28).

    ``images`` (n, k, k), 0 to 1. A variant depends on its row and the number of its copy alone, not on which rows are
    asked for. Each axis is mapped by a smooth function of its own (elastic distortions that are kept to the axes, after
    Simard, Steinkraus and Platt, Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis,
    2003), and pixels in between are interpolated linearly.
    """
    count, small = len(images), images.shape[1]
    random = np.random.default_rng(seed)
    parts = [np.zeros((0, SIDE, SIDE), dtype=np.uint8)]
    for _ in range(copies):
        down, across = (_weights(random, count, small)[rows] for _ in range(2))
        large = np.clip(down @ images[rows] @ across.transpose(0, 2, 1), 0, 1)
        parts.append(np.round(255 * large).astype(np.uint8))
    return np.concatenate(parts)


def _weights(random: np.random.Generator, count: int, small: int) -> NDArray[np.float64]:
    """By how much each of ``small`` pixels counts in each of the 28, for each image: (count, 28, small)."""
    stretch = random.uniform(1 - STRETCH, 1 + STRETCH, (count, 1))
    shift = random.uniform(-SHIFT, SHIFT, (count, 1))
    uneven = random.normal(0, UNEVEN, (count, KNOTS)) @ _between_knots()
    place = (np.arange(SIDE) - (SIDE - 1) / 2) * stretch + shift + uneven  # pixels from the middle
    at = place * small / (SIDE - 2 * FRAME) + (small - 1) / 2
    return _near(at[:, :, None] - np.arange(small))


def _between_knots() -> NDArray[np.float64]:
    """Linear interpolation between knots: (KNOTS, 28)."""
    at = np.linspace(0, KNOTS - 1, SIDE)
    return _near(at - np.arange(KNOTS)[:, None])


def _near(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of linear interpolation by the distance in units of the grid."""
    weights: NDArray[np.float64] = np.clip(1 - np.abs(distance), 0, None)
    return weights
