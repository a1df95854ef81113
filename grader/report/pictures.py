"""Small images of held-out predictions as data URIs: misread digits and ellipses drawn over their images."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.grade.model import Picture

MAX_DIGITS = 24
MAX_ELLIPSES = 12
_MAX_PIXELS = 512 * 512
_FAR = 1_000.0  # pixels; what lies further out is not drawn there
_ELLIPSE_PARAMETERS = 4
_HALO = 'stroke="#000000" stroke-opacity=".5" stroke-width="3"'
_FAINT = 'stroke="#000000" stroke-opacity=".25" stroke-width="2.4"'
_SHOWN_TRUTH = 'stroke="#ffffff" stroke-width="1.6"'
_SHOWN_PREDICTION = 'stroke="#ff3d7f" stroke-width="1.6" stroke-dasharray="6 2.5"'


@dataclass(frozen=True)
class Tile:
    """One small image: a data URI, its alternative text and a caption."""

    source: str
    alt: str
    caption: str


def svg_uri(svg: str) -> str:
    """``svg`` as a data URI for ``<img>``."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """An (h, w) or (h, w, 3) uint8 image as a data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def digit_tiles(picture: Picture) -> list[Tile]:
    """Misread digits with what they are and what they were read as."""
    tiles = []
    for pixels, truth, predicted in _rows(picture, MAX_DIGITS):
        is_, read = _label(truth, picture.classes), _label(predicted, picture.classes)
        tiles.append(Tile(png_uri(pixels), f"A {is_} read as {read}", f"{is_} read as {read}"))
    return tiles


def ellipse_tiles(picture: Picture) -> list[Tile]:
    """Images with the true ellipse (solid white) and the predicted one (dashed)."""
    tiles = []
    for pixels, truth, predicted in _rows(picture, MAX_ELLIPSES):
        if len(truth) < _ELLIPSE_PARAMETERS or len(predicted) < _ELLIPSE_PARAMETERS:
            continue
        centre = math.hypot(truth[0] - predicted[0], truth[1] - predicted[1])
        radii = max(abs(truth[2] - predicted[2]), abs(truth[3] - predicted[3]))
        caption = f"centre off by {_distance(centre)}, radius by {_distance(radii)}"
        tiles.append(
            Tile(svg_uri(_overlay(pixels, truth, predicted)), f"True and predicted ellipse: {caption}", caption)
        )
    return tiles


def _rows(picture: Picture, most: int) -> list[tuple[NDArray[np.uint8], Sequence[float], Sequence[float]]]:
    """Images with their truth and prediction; those whose bytes do not fit the shape are left out."""
    shape = tuple(picture.image_shape)
    size = math.prod(shape)
    if len(shape) not in {2, 3} or not 0 < size <= 3 * _MAX_PIXELS:
        return []
    rows = zip(picture.images, picture.truth, picture.predicted, strict=False)
    usable = [(raw, truth, guess) for raw, truth, guess in rows if len(raw) == size and truth and guess]
    return [(np.frombuffer(raw, dtype=np.uint8).reshape(shape), truth, guess) for raw, truth, guess in usable[:most]]


def _label(values: Sequence[float], classes: Sequence[str]) -> str:
    if not math.isfinite(values[0]):
        return "nothing"
    index = int(values[0])
    return classes[index] if 0 <= index < len(classes) else str(index)


def _overlay(pixels: NDArray[np.uint8], truth: Sequence[float], predicted: Sequence[float]) -> str:
    height, width = pixels.shape[:2]
    styles = ((truth, _HALO), (predicted, _FAINT), (truth, _SHOWN_TRUTH), (predicted, _SHOWN_PREDICTION))
    drawn = "".join(f'<ellipse {_geometry(values)} fill="none" {style}/>' for values, style in styles)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{2 * width}" height="{2 * height}">'
        f'<image href="{png_uri(pixels)}" width="{width}" height="{height}"/>{drawn}</svg>'
    )


def _distance(pixels: float) -> str:
    return f"{pixels:.1f} px" if pixels < _FAR else "more than the image"


def _geometry(values: Sequence[float]) -> str:
    """Pixel (row, column) covers one unit to its right and below, so its centre lies half a pixel further."""
    row, column, row_radius, column_radius = (_bounded(value) for value in values[:_ELLIPSE_PARAMETERS])
    radii = f'rx="{max(0.0, column_radius):.2f}" ry="{max(0.0, row_radius):.2f}"'
    return f'cx="{column + 0.5:.2f}" cy="{row + 0.5:.2f}" {radii}'


def _bounded(value: float) -> float:
    return min(_FAR, max(-_FAR, value)) if math.isfinite(value) else -_FAR
