"""The ellipse worlds: seeds for training, and held-out images drawn on the host whose parameters stay there."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from skimage.draw import ellipse

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
    """The pixels (128, 128) that an ellipse of four finite numbers in pixels covers.

    Radii of half a pixel or less give an empty mask; numbers far outside the image are drawn in to :data:`FAR`.
    """
    inside = np.zeros((SIDE, SIDE), dtype=bool)
    row, column, row_radius, column_radius = (float(v) for v in np.clip(parameters, -FAR, FAR))
    if row_radius > 0.5 and column_radius > 0.5:
        inside[_pixels(row, column, row_radius, column_radius)] = True
    return inside


def _pixels(row: float, column: float, row_radius: float, column_radius: float) -> Pixels:
    """Row and column indices of the pixels an ellipse covers, as scikit-image draws it."""
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
