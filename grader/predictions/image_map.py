"""Finds how raw digit images became the tensors a net consumed, and turns other raw images into the same form.

A consumed image is an affine map of a raw one, with channels repeated or axes moved, padded, resized or flattened.
The map is used
only if it reproduces the consumed images, so it proves itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers

Stack = NDArray[np.uint8]
ALIKE = 0.999  # correlation above which two images are the same but for scale
CLOSE = 2e-3  # of the pixel range: rounding of resized images to whole grey levels is larger than float error
EXPLAINED = 0.95
RESIZE = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


@dataclass(frozen=True)
class ImageMap:
    """``layout``: where the channels stand (``first``, ``last``, ``none`` or ``flat``); ``size``: side of the square
    image; ``form``: how the
    raw side became that (``same``, ``pad`` or a way of resizing); ``transposed``: rows and columns swapped; then
    scale and offset per channel."""

    layout: str
    size: int
    form: str
    transposed: bool
    scale: tuple[float, ...]
    offset: tuple[float, ...]

    def apply(self, images: Stack) -> Numbers:
        """Inputs (n, ...) as the net would see them, for raw images (n, h, w)."""
        base = reshaped(images, self.size, self.form).astype(np.float64)
        base = base.transpose(0, 2, 1) if self.transposed else base
        stack = np.stack([s * base + o for s, o in zip(self.scale, self.offset, strict=True)], axis=1)
        if self.layout == "first":
            return stack
        if self.layout == "last":
            return stack.transpose(0, 2, 3, 1)
        return stack[:, 0] if self.layout == "none" else stack.reshape(len(stack), -1)


def infer(inputs: Numbers, raw: Stack) -> tuple[ImageMap, Labels]:
    """The map from ``raw`` (m, h, w) to ``inputs`` (n, ...), and for each input the raw image it was made of, or -1.

    Raises ``NotProven`` if none reproduces them.
    """
    layout, stack = channels_first(inputs)
    size, side = stack.shape[2], raw.shape[1]
    for form in _forms(size, side):
        shaped = reshaped(raw, size, form)
        for transposed in (False, True):
            candidate = shaped.transpose(0, 2, 1) if transposed else shaped
            found = _nearest(stack[:, 0], candidate)
            if np.mean(found >= 0) < EXPLAINED:
                continue
            fits = [_fit(stack[:, c], candidate, found) for c in range(stack.shape[1])]
            if all(fit is not None for fit in fits):
                scale, offset = zip(*[fit for fit in fits if fit is not None], strict=True)
                return ImageMap(layout, size, form, transposed, scale, offset), found
    raise NotProven("The images the net saw are not raw images under a map of pixel values, size and axes.")


def channels_first(inputs: Numbers) -> tuple[str, Numbers]:
    """The layout's name and the images as (n, channels, side, side). Raises ``NotProven`` for other shapes."""
    if inputs.ndim == 4 and inputs.shape[2] == inputs.shape[3] and inputs.shape[1] in (1, 3):
        return "first", inputs
    if inputs.ndim == 4 and inputs.shape[1] == inputs.shape[2] and inputs.shape[3] in (1, 3):
        return "last", inputs.transpose(0, 3, 1, 2)
    if inputs.ndim == 3 and inputs.shape[1] == inputs.shape[2]:
        return "none", inputs[:, None]
    if inputs.ndim == 2 or (inputs.ndim == 3 and inputs.shape[1] == 1):
        flat = inputs.reshape(len(inputs), -1)
        for count in (1, 3):
            side = round((flat.shape[1] / count) ** 0.5)
            if count * side * side == flat.shape[1]:
                return "flat", flat.reshape(len(flat), count, side, side)
    raise NotProven(f"Inputs of shape {inputs.shape[1:]} are not square images.")


def reshaped(images: Stack, size: int, form: str) -> Stack:
    """Raw images (n, side, side) in the given size (n, size, size)."""
    side = images.shape[1]
    if form == "same":
        return images
    if form == "pad":
        margin = (size - side) // 2
        return np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), RESIZE[form])) for image in images])


def _forms(size: int, side: int) -> Iterator[str]:
    if size == side:
        yield "same"
        return
    if size > side and (size - side) % 2 == 0:
        yield "pad"
    yield from RESIZE


def _nearest(images: Numbers, raw: Stack) -> Labels:
    """For each image (n, s, s) the raw image that is the same but for scale and offset, or -1."""
    step = max(1, images.shape[1] // 32)  # large images: a grid of pixels tells them apart as well
    wanted = _standardised(images[:, ::step, ::step])
    best, score = np.full(len(wanted), UNKNOWN), np.full(len(wanted), -2.0)
    for start in range(0, len(raw), 2_000):
        block = _standardised(raw[start : start + 2_000, ::step, ::step].astype(np.float64))
        likeness = np.abs(wanted @ block.T)  # inverted grey levels count as well
        top = likeness.argmax(axis=1)
        value = likeness[np.arange(len(wanted)), top]
        best, score = np.where(value > score, top + start, best), np.maximum(value, score)
    return np.where(score > ALIKE, best, UNKNOWN)


def _standardised(images: Numbers) -> Numbers:
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    result: Numbers = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    return result


def _fit(channel: Numbers, raw: Stack, found: Labels) -> tuple[float, float] | None:
    """Scale and offset over all pixels of the images that were found; None if they do not reproduce them."""
    rows = np.flatnonzero(found >= 0)
    x, y = raw[found[rows]].astype(np.float64).reshape(-1), channel[rows].reshape(-1)
    scale, offset = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    error = np.abs(scale * x + offset - y).reshape(len(rows), -1).max(axis=1)
    close = error <= CLOSE * max(abs(float(scale)) * 255, 1e-12)
    return (float(scale), float(offset)) if scale != 0 and np.mean(close) >= EXPLAINED else None
