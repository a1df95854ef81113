"""Finds how raw digit images became the tensors a net consumed, and turns other raw images into the same form.

A consumed image is an affine map of a raw one, with channels repeated or axes moved, padded, cropped, resized or
flattened. The map is used only if it reproduces the consumed images, so it proves itself.
"""

import weakref
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.recorded import Recorded, blocks, line, rows
from grader.predictions.resizing import Stack, geometries, operator, resized

SIMILAR = 0.8  # correlation above which an image may be a raw one in another size
CLOSE = 2e-3  # of the pixel range: half a grey level, as where images were rounded after resizing
EXPLAINED = 0.95
MAX_SIZE = 512
MAX_IMAGES = 64  # as many as the recorder keeps
MAX_FITTED = 524_288  # numbers of the images from which scale and offset are read off
FEW_IMAGES = 3  # beside those that may fail: tried before all are
MAX_FITS = 4  # maps that are tried on all images, of those that fit the first few
BLOCK = 500
Lengths = dict[tuple[str, int], Numbers]
MAX_LENGTHS = 16  # forms and sizes of the same raw images whose lengths are kept
NO_MAP = "The images the net saw are not raw images under a map of pixel values, size and axes."


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


def infer(inputs: Recorded, raw: Stack, *, lengths: Lengths | None = None) -> tuple[ImageMap, Labels]:
    """The map from ``raw`` (m, h, w) to ``inputs`` (n, ...), and for each input the raw image it was made of, or -1.

    ``lengths``: of the raw images in each form and size, kept for other calls with the same ``raw``.
    Raises ``NotProven`` if none reproduces them.
    """
    layout, stack = channels_first(inputs)
    size = stack.shape[2]
    if size > MAX_SIZE:
        raise NotProven(f"Images of {size} by {size} pixels are too large to be compared with the raw ones.")
    sample, tried = stack[:MAX_IMAGES], 0
    lengths = {} if lengths is None else lengths
    may_fail = _may_fail(sample)
    for forms in geometries(size, raw.shape[1]):
        matrix = operator(forms[0], size, raw.shape[1])
        if (forms[0], size) not in lengths:
            lengths[forms[0], size] = _lengths(raw, matrix)
        search = Search(sample, raw, matrix, lengths[forms[0], size])
        for transposed in (False, True):
            early = search.early[int(transposed)]
            if np.count_nonzero(early < 0) > may_fail:  # the other images could not make up for it
                continue
            guesses = [ImageMap(layout, size, form, transposed, (), ()) for form in forms]
            guesses = [
                g for g in guesses if _fitted(g, sample[: len(early)], raw, early, may_fail=may_fail) is not None
            ]
            found = search.all(transposed=transposed) if guesses else early
            if np.mean(found >= 0) < EXPLAINED:
                continue
            for guess in guesses:
                tried += 1
                fitted = _fitted(guess, sample, raw, found, may_fail=may_fail)
                close = found if fitted is None else _reproduced(fitted, sample, raw, found)
                if fitted is not None and np.mean(close >= 0) >= EXPLAINED:
                    return fitted, np.concatenate([close, np.full(len(stack) - len(sample), UNKNOWN)])
                if tried == MAX_FITS:
                    raise NotProven(NO_MAP)
    raise NotProven(NO_MAP)


def kept_lengths(raw: Stack) -> Lengths:
    """A place for the lengths of these raw images, the same for as long as they are asked for: every run of a class
    is compared with the same ones."""
    last = _kept.get("raw")
    if last is not None and last[0]() is raw and len(last[1]) < MAX_LENGTHS:
        return last[1]
    lengths: Lengths = {}
    _kept["raw"] = weakref.ref(raw), lengths
    return lengths


_kept: dict[str, tuple[weakref.ref[Stack], Lengths]] = {}


def _may_fail(images: Recorded) -> int:
    """How many of these images may be no raw ones, as where a few were augmented."""
    return int((1 - EXPLAINED) * len(images) + 1e-6)


def channels_first(inputs: Recorded) -> tuple[str, Recorded]:
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


class Search:
    """For each image (n, s, s), as it is and with its axes swapped, the raw image most like it once ``matrix`` has
    resized that, or -1. ``early`` (2, few): for the first few images; the others are looked at only if asked for."""

    def __init__(self, images: Recorded, raw: Stack, matrix: Numbers, lengths: Numbers) -> None:
        self._images, self._raw, self._matrix, self._lengths = images[:, 0], raw, matrix, lengths
        self._few = min(len(images), FEW_IMAGES + _may_fail(images))
        self.early = self._most_like(self._images[: self._few])
        self._late: dict[int, Labels] = {}

    def all(self, *, transposed: bool) -> Labels:
        """For all images (n,)."""
        way = int(transposed)
        if way not in self._late:
            self._late[way] = self._most_like(self._images[self._few :], ways=(way,))[0]
        return np.concatenate([self.early[way], self._late[way]])

    def _most_like(self, images: Recorded, ways: tuple[int, ...] = (0, 1)) -> NDArray[np.int64]:
        """Correlations of resized images without resizing any: with Y the image and X the raw one,
        <Y, A X A'> = <A' Y A, X>.
        """
        flat = _flattened(images, self._matrix, ways)
        usable = np.flatnonzero(np.isfinite(flat).all(axis=1))
        best, score = np.full(len(usable), UNKNOWN), np.full(len(usable), SIMILAR)
        for start in range(0, len(self._raw) if len(usable) else 0, BLOCK):
            block = rows(self._raw[start : start + BLOCK].astype(np.float64))
            likeness = np.abs(flat[usable] @ block.T) / self._lengths[start : start + BLOCK]
            top = likeness.argmax(axis=1)
            value = likeness[np.arange(len(usable)), top]
            best, score = np.where(value > score, top + start, best), np.maximum(value, score)
        result = np.full(len(ways) * len(images), UNKNOWN)
        result[usable] = best
        return result.reshape(len(ways), len(images))


def _flattened(images: Recorded, matrix: Numbers, ways: tuple[int, ...]) -> Numbers:
    """Each image (n, s, s) without its mean, of length 1 and taken back to raw size, as (ways n, numbers): all as they
    are (way 0), all with their axes swapped (way 1); NaN where there is nothing to see."""
    side = matrix.shape[1]
    back = np.full((len(images), side, side), np.nan)
    for part in blocks(images):
        flat = images[part].astype(np.float64)
        flat -= flat.mean(axis=(1, 2), keepdims=True)
        length = np.sqrt(np.einsum("nij,nij->n", flat, flat))
        usable = np.isfinite(length) & (length > 1e-12)
        back[part][usable] = matrix.T @ (flat[usable] / length[usable, None, None]) @ matrix
    return np.stack([back.transpose(0, 2, 1) if way else back for way in ways]).reshape(-1, side * side)


def _lengths(raw: Stack, matrix: Numbers) -> Numbers:
    """The length (m,) of each raw image without its mean once ``matrix`` A has resized it: the square of that of
    A X A' is <G X, X G> with G = A' A."""
    gram, weights = matrix.T @ matrix, matrix.sum(axis=0)
    side = len(gram)
    result = np.empty(len(raw))
    for start in range(0, len(raw), BLOCK):
        block = raw[start : start + BLOCK].astype(np.float64)
        right = (block.reshape(-1, side) @ gram).reshape(-1, side, side)
        left = (np.ascontiguousarray(block.transpose(0, 2, 1)).reshape(-1, side) @ gram).reshape(-1, side, side)
        squares = np.einsum("nij,nji->n", right, left)
        squares -= np.square((block @ weights) @ weights / len(matrix))
        result[start : start + BLOCK] = np.sqrt(np.maximum(squares, 1e-9))
    return result


def _fitted(guess: ImageMap, stack: Recorded, raw: Stack, found: Labels, *, may_fail: int) -> ImageMap | None:
    """The guess with scale and offset per channel as the first images found tell them; None if it does not reproduce
    these, some excepted."""
    used = np.flatnonzero(found >= 0)
    used = used[: max(FEW_IMAGES + may_fail, MAX_FITTED // stack[0].size)]
    shaped = _shaped(raw[found[used]], guess.size, guess.form, transposed=guess.transposed)
    lines = []
    for channel in range(stack.shape[1]):
        try:
            lines.append(line(shaped.reshape(-1), stack[used, channel].astype(np.float64).reshape(-1)))
        except NotProven:
            return None
    if any(scale == 0 for scale, _ in lines):
        return None
    fitted = replace(guess, scale=tuple(s for s, _ in lines), offset=tuple(o for _, o in lines))
    wrong = np.count_nonzero(_errors(fitted, shaped, stack[used]) > 1)
    return fitted if wrong <= may_fail else None


def _errors(fitted: ImageMap, shaped: Numbers, stack: Recorded) -> Numbers:
    """The largest error of each image (n,), in what is tolerated."""
    worst = np.zeros(len(stack))
    for channel, (scale, offset) in enumerate(zip(fitted.scale, fitted.offset, strict=True)):
        error = scale * shaped
        error += offset - stack[:, channel]
        worst = np.fmax(worst, np.abs(error, out=error).max(axis=(1, 2)) / (CLOSE * max(abs(scale) * 255, 1e-12)))
    return worst


def _reproduced(fitted: ImageMap, stack: Recorded, raw: Stack, found: Labels) -> Labels:
    """``found`` (n,) where the map reproduces the image from that raw one, -1 elsewhere."""
    close = np.full(len(stack), UNKNOWN)
    for part in blocks(stack):
        used = np.flatnonzero(found[part] >= 0) + part.start
        shaped = _shaped(raw[found[used]], fitted.size, fitted.form, transposed=fitted.transposed)
        good = used[_errors(fitted, shaped, stack[used]) <= 1]
        close[good] = found[good]
    return close
