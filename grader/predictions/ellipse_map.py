"""Reads ellipses out of the images a net consumed: how pixel values were scaled, and the parameters each image shows.

The pixels are an exact oracle: an image has two colours, and the extent of the inner one gives centre and radii
(``skimage.draw.ellipse`` leaves out the boundary: a radius is one more than half the distance between the outermost
lines).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.predictions.image_map import channels_first
from grader.predictions.model import NotProven, Numbers
from grader.predictions.recorded import Recorded, blocks
from grader.tasks.ellipses import SIDE
from grader.tasks.model import Bytes

LEVELS = 255.0
IMAGENET = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))
ONE_COLOUR = 1e-4  # of an image's range: pixels this near to each other have one colour


@dataclass(frozen=True)
class EllipseMap:
    """``layout`` as in an image map; scale and offset per channel, for raw values from 0 to 255."""

    layout: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]

    def apply(self, images: Bytes) -> Numbers:
        """Inputs (n, ...) as the net would see them, for raw images (n, 128, 128, 3)."""
        scale, offset = (np.array(v, dtype=np.float32) for v in (self.scale, self.offset))
        stack = images.astype(np.float32) * scale + offset
        if self.layout == "last":
            return np.asarray(stack)
        first = stack.transpose(0, 3, 1, 2)
        return np.asarray(first if self.layout == "first" else first.reshape(len(first), -1))


def infer(inputs: Recorded) -> EllipseMap:
    """The map from raw ellipse images to ``inputs`` (n, ...). Raises ``NotProven`` if no usual scaling fits all
    pixels."""
    layout, stack = channels_first(inputs)
    if stack.shape[1:] != (3, SIDE, SIDE):
        raise NotProven(f"The net saw images of shape {stack.shape[1:]}, not 3 channels of {SIDE} by {SIDE}.")
    for scale, offset in _usual_scalings():
        if all(_whole_levels(stack[part], scale, offset) for part in blocks(stack)):
            return EllipseMap(layout, scale, offset)
    raise NotProven("How pixel values were scaled could not be told.")


def _whole_levels(stack: Recorded, scale: tuple[float, ...], offset: tuple[float, ...]) -> bool:
    """Whether all pixels (n, 3, side, side) are whole grey levels under this scaling."""
    levels = stack.astype(np.float32)
    levels -= np.array(offset, dtype=np.float32)[:, None, None]
    levels /= np.array(scale, dtype=np.float32)[:, None, None]
    if not (levels.min() > -0.01 and levels.max() < LEVELS + 0.01):
        return False
    levels -= np.round(levels)
    return bool(np.abs(levels, out=levels).max() < 0.02)


def shown(inputs: Recorded) -> Numbers:
    """Parameters (n, 4) in pixels of the ellipses that the images show; NaN for an image that is not two-coloured."""
    _, stack = channels_first(inputs)
    return np.array([_parameters(image.astype(np.float32)) for image in stack]).reshape(len(stack), 4)


def _usual_scalings() -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    def same(scale: float, offset: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return (scale,) * 3, (offset,) * 3

    imagenet = tuple(1 / (LEVELS * std) for _, std in IMAGENET), tuple(-mean / std for mean, std in IMAGENET)
    half = same(1 / LEVELS, -0.5)
    return [same(1 / LEVELS, 0.0), same(1.0, 0.0), same(2 / LEVELS, -1.0), imagenet, half, same(1 / 256.0, 0.0)]


def _parameters(image: NDArray[np.float32]) -> list[float]:
    inside = np.any(np.abs(image - image[:, :1, :1]) > 1e-9, axis=0)
    if not inside.any() or np.ptp(image[:, inside], axis=1).max() > ONE_COLOUR * max(1e-12, float(np.ptp(image))):
        return [np.nan] * 4
    lines, columns = np.flatnonzero(np.any(inside, axis=1)), np.flatnonzero(np.any(inside, axis=0))
    centre = [(lines[0] + lines[-1]) / 2, (columns[0] + columns[-1]) / 2]
    radii = [(lines[-1] - lines[0]) / 2 + 1, (columns[-1] - columns[0]) / 2 + 1]
    return [*centre, *radii]
