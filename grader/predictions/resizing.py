"""The ways in which a square image is brought to another size, each as a matrix: ``A @ image @ A.T``.

torch's ``interpolate`` (pixel centres at half-integers unless corners are aligned; cubic kernel of Keys with
a = -0.75), and the antialiased filters of PIL and of torch (support widened when shrinking, weights normalised at the
border; a = -0.5). PIL also rounds to whole grey levels after each axis, so its forms are redone with PIL itself.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.predictions.model import Numbers

Floating = NDArray[np.floating[Any]]
Stack = NDArray[np.uint8]
Kernel = Callable[[Numbers], Numbers]
ROUNDED = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
UNROUNDED = {"bilinear": "linear, antialiased", "bicubic": "cubic, antialiased"}


def geometries(size: int, side: int) -> Iterator[tuple[str, ...]]:
    """Forms that may lead from ``side`` to ``size``, in groups whose images hardly differ; likeliest first."""
    if size == side:
        yield ("same",)
        return
    if (size - side) % 2 == 0:
        yield ("pad",) if size > side else ("crop",)
    yield (
        "linear",
        "linear, antialiased",
        "bilinear",
        "linear, corners aligned",
        "cubic",
        "cubic, antialiased",
        "bicubic",
    )
    yield ("nearest",)
    yield ("nearest, centred",)


def operator(form: str, size: int, side: int) -> Numbers:
    """The matrix (size, side) of a form; for a rounded one that of its unrounded kin."""
    form = UNROUNDED.get(form, form)
    places = np.arange(size, dtype=np.float64)
    if form in {"same", "pad", "crop"}:
        return np.asarray(places[:, None] - (size - side) // 2 == np.arange(side), dtype=np.float64)
    if form.startswith("nearest"):
        shift = 0.5 if form == "nearest, centred" else 0.0
        chosen = np.minimum(np.floor((places + shift) * side / size), side - 1)
        return np.asarray(chosen[:, None] == np.arange(side), dtype=np.float64)
    if form == "linear, corners aligned":
        return _clamped(places * ((side - 1) / max(1, size - 1)), side, _triangle, reach=1)
    centres = (places + 0.5) * side / size
    if form == "linear":
        return _clamped(np.maximum(centres - 0.5, 0), side, _triangle, reach=1)
    if form == "cubic":
        return _clamped(centres - 0.5, side, lambda x: _cubic(x, -0.75), reach=2)
    stretch = max(1.0, side / size)
    kernel: Kernel = _triangle if form.startswith("linear") else (lambda x: _cubic(x, -0.5))
    weights = kernel((np.arange(side) + 0.5 - centres[:, None]) / stretch)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def resized(images: Stack, size: int, form: str) -> Numbers:
    """Raw images (n, side, side) in the given size (n, size, size), as grey levels."""
    if form in ROUNDED and len(images):
        how = ROUNDED[form]
        made = [np.asarray(Image.fromarray(image).resize((size, size), how)) for image in images]
        return np.stack(made).astype(np.float64)
    matrix = operator(form, size, images.shape[1])
    return np.asarray(matrix @ images.astype(np.float64) @ matrix.T)


def _clamped(at: Floating, side: int, kernel: Kernel, *, reach: int) -> Numbers:
    """Weights of the pixels around the places ``at``; a pixel beyond the border is the one on the border."""
    result = np.zeros((len(at), side))
    for step in range(1 - reach, reach + 1):
        pixel = np.floor(at) + step
        np.add.at(result, (np.arange(len(at)), np.clip(pixel, 0, side - 1).astype(int)), kernel(at - pixel))
    return result


def _triangle(x: Numbers) -> Numbers:
    return np.asarray(np.maximum(0, 1 - np.abs(x)))


def _cubic(x: Numbers, a: float) -> Numbers:
    """Keys, "Cubic convolution interpolation for digital image processing", IEEE ASSP 29 (1981)."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
