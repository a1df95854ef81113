"""The ellipse worlds: seeds for training, and held-out images drawn on the host whose parameters stay there."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from grader.tasks import keys
from grader.tasks.model import Bytes, Floats

Pixels = tuple[NDArray[np.int64], NDArray[np.int64]]
SIDE = 128  # pixels
MIN_RADIUS, MAX_RADIUS = 4, 32  # pixels, the upper bound excluded
HELD_OUT = 300
TRAIN_SEED, VALID_SEED = 123, 666
FAR = 100.0 * SIDE  # pixels


def draw(rng: Generator, count: int) -> tuple[Bytes, Floats]:
    """Images (n, 128, 128, 3) uint8 and (row, column, row radius, column radius) (n, 4) in pixels.

    Radii are uniform on whole numbers from 4 to 31, centres such that the larger radius fits on every side; the two
    colours are uniform.
    """
    images = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    values = np.empty((count, 4))
    for i in range(count):
        radii = rng.integers(MIN_RADIUS, MAX_RADIUS, size=2)
        margin = int(radii.max())
        centre = rng.integers(margin, SIDE - margin, size=2)
        background, colour = rng.integers(0, 256, size=(2, 3))
        while np.array_equal(background, colour):
            colour = rng.integers(0, 256, size=3)
        images[i] = background
        images[i][_pixels(*centre, *radii)] = colour
        values[i] = [*centre, *radii]
    return images, values


def mask(parameters: Floats) -> NDArray[np.bool_]:
    """The pixels (128, 128) that an ellipse of four finite numbers in pixels covers; see :func:`masks`."""
    found: NDArray[np.bool_] = masks(parameters[None])[0]
    return found


def masks(parameters: Floats) -> NDArray[np.bool_]:
    """The pixels (n, 128, 128) that ellipses (n, 4) in pixels cover: the very ones that scikit-image draws, worked out
    for all ellipses at once.

    Radii of half a pixel or less give an empty mask; numbers far outside the image are drawn in to :data:`FAR`.
    """
    row, column, row_radius, column_radius = np.clip(parameters, -FAR, FAR).T
    visible = (row_radius > 0.5) & (column_radius > 0.5)
    across = _distances(row[visible], row_radius[visible])
    down = _distances(column[visible], column_radius[visible])
    inside = np.zeros((len(parameters), SIDE, SIDE), dtype=bool)
    inside[visible] = across[:, :, None] + down[:, None, :] < 1
    return inside


def _distances(centre: Floats, radius: Floats) -> Floats:
    """The square of each line's distance (n, 128) from the centre in radii; infinite beyond the ellipse. Lines are
    counted from the first one inside, as scikit-image does, since that decides how numbers are rounded."""
    lines = np.arange(SIDE)
    first = np.maximum(np.ceil(centre - radius), 0)
    last = np.minimum(np.floor(centre + radius), SIDE - 1)
    away = ((lines - first[:, None]) - (centre - first)[:, None]) / radius[:, None]
    outside = (lines < first[:, None]) | (lines > last[:, None])
    return np.where(outside, np.inf, away**2)


def _pixels(row: float, column: float, row_radius: float, column_radius: float) -> Pixels:
    """Row and column indices of the pixels an ellipse covers, as scikit-image draws it."""
    from skimage.draw import ellipse

    found: Pixels = ellipse(row, column, row_radius, column_radius, shape=(SIDE, SIDE))  # type: ignore[no-untyped-call]
    return found


def held_out(key: str) -> tuple[Bytes, Floats]:
    """The held-out images and their true parameters in pixels."""
    return draw(np.random.default_rng(keys.seed(key, "ellipse/held-out")), HELD_OUT)


def false_values(values: Floats, key: str) -> Floats:
    """True parameters of other images, so that every decoy is a possible ellipse."""
    return np.random.default_rng(keys.seed(key, "decoys/ellipse")).permutation(values)


def typical_values(count: int = 4_000) -> Floats:
    """Parameters (n, 4) in pixels from the known distribution, for the naive baseline."""
    rng = np.random.default_rng(20_240_613)
    radii = rng.integers(MIN_RADIUS, MAX_RADIUS, size=(count, 2))
    margin = radii.max(axis=1, keepdims=True)
    centres = margin + np.floor(rng.random((count, 2)) * (SIDE - 2 * margin))
    return np.hstack([centres, radii]).astype(np.float64)
