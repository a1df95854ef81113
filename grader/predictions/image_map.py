"""Finds how raw digit images became the tensors a net consumed, and turns other raw images into the same form.

A consumed image is an affine map of a raw one, with channels repeated or axes moved, padded, cropped, resized or
flattened. The map is used only if it reproduces the consumed images, so it proves itself.
"""

from dataclasses import dataclass

import numpy as np

from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.recorded import line, rows
from grader.predictions.resizing import Stack, geometries, operator, resized

SIMILAR = 0.8  # correlation above which an image may be a raw one in another size
CLOSE = 2e-3  # of the pixel range: half a grey level, as where images were rounded after resizing
EXPLAINED = 0.95
MAX_SIZE = 512
MAX_IMAGES = 64  # as many as the recorder keeps
BLOCK = 2_000


@dataclass(frozen=True)
class ImageMap:
    """``layout``: where the channels stand (``first``, ``last``, ``none`` or ``flat``); ``size``: side of the square
    image; ``form``: how the raw side became that (see ``resizing``); ``transposed``: rows and columns swapped; then
    scale and offset per channel."""

    layout: str
    size: int
    form: str
    transposed: bool
    scale: tuple[float, ...]
    offset: tuple[float, ...]

    def apply(self, images: Stack) -> Numbers:
        """Inputs (n, ...) as the net would see them, for raw images (n, h, w)."""
        base = _shaped(images, self.size, self.form, transposed=self.transposed)
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
    size = stack.shape[2]
    if size > MAX_SIZE:
        raise NotProven(f"Images of {size} by {size} pixels are too large to be compared with the raw ones.")
    sample = stack[:MAX_IMAGES]
    for forms in geometries(size, raw.shape[1]):
        for transposed in (False, True):
            found = _nearest(sample[:, 0], raw, operator(forms[0], size, raw.shape[1]), transposed=transposed)
            if np.mean(found >= 0) < EXPLAINED:
                continue
            for form in forms:
                shaped = _shaped(raw[found], size, form, transposed=transposed)
                fit = _fit(sample, shaped, found)
                if fit is not None:
                    result = ImageMap(layout, size, form, transposed, fit[0], fit[1])
                    return result, np.concatenate([fit[2], np.full(len(stack) - len(sample), UNKNOWN)])
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


def _shaped(images: Stack, size: int, form: str, *, transposed: bool) -> Numbers:
    base = resized(images, size, form)
    return base.transpose(0, 2, 1) if transposed else base


def _nearest(images: Numbers, raw: Stack, matrix: Numbers, *, transposed: bool) -> Labels:
    """For each image (n, s, s) the raw image most like it once ``matrix`` has resized that, or -1.

    Correlations of resized images without resizing any: with Y the image and X the raw one,
    <Y, A X A'> = <A' Y A, X>, and the squared norm of A X A' is <X, G X G> with G = A' A.
    """
    turned = images.transpose(0, 2, 1) if transposed else images
    flat = turned - turned.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt(np.square(flat).sum(axis=(1, 2)))
    usable = np.isfinite(length) & (length > 1e-12)
    back = rows(matrix.T @ (flat[usable] / length[usable, None, None]) @ matrix)
    gram, weights = matrix.T @ matrix, matrix.sum(axis=0)
    best, score = np.full(len(back), UNKNOWN), np.full(len(back), SIMILAR)
    for start in range(0, len(raw), BLOCK):
        block = raw[start : start + BLOCK].astype(np.float64)
        norms = (block * (gram @ block @ gram)).sum(axis=(1, 2))
        norms -= np.square((block @ weights) @ weights / len(matrix))
        likeness = np.abs(back @ rows(block).T) / np.sqrt(np.maximum(norms, 1e-9))
        top = likeness.argmax(axis=1)
        value = likeness[np.arange(len(back)), top]
        best, score = np.where(value > score, top + start, best), np.maximum(value, score)
    result = np.full(len(images), UNKNOWN)
    result[usable] = best
    return result


def _fit(stack: Numbers, shaped: Numbers, found: Labels) -> tuple[tuple[float, ...], tuple[float, ...], Labels] | None:
    """Scale and offset per channel over the images found, and which images they reproduce; None if too few."""
    used = np.flatnonzero(found >= 0)
    close, fits = found >= 0, []
    for channel in range(stack.shape[1]):
        seen = stack[used, channel]
        try:
            scale, offset = line(shaped[used].reshape(-1), seen.reshape(-1))
        except NotProven:
            return None
        error = np.abs(scale * shaped[used] + offset - seen).max(axis=(1, 2))
        close[used] &= error <= CLOSE * max(abs(scale) * 255, 1e-12)
        fits.append((scale, offset))
    if np.mean(close) < EXPLAINED or any(scale == 0 for scale, _ in fits):
        return None
    return tuple(s for s, _ in fits), tuple(o for _, o in fits), np.where(close, found, UNKNOWN)
