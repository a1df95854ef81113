"""Recorded arrays as numbers: the only door through which untrusted arrays enter this stage."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.evidence.bundle import Evidence
from grader.limits import MAX_ANSWER_ROWS, MAX_ANSWER_WIDTH, MAX_TABLE_ROWS
from grader.predictions.model import NotProven, Numbers

Recorded = NDArray[Any]  # in the number type in which it was recorded
SAMPLE_ROWS = MAX_TABLE_ROWS
SAMPLES = ("train_", "eval_")
MAX_PRECISE = 1_048_576  # numbers up to which an array is turned into float64; else float32 has to do
BLOCK_NUMBERS = 524_288  # numbers of large arrays that are worked on at once


def as_seen(evidence: Evidence, name: str) -> Recorded | None:
    """The array (n, ...) as it was recorded, or None if it is missing, empty, without rows or not numeric.

    Rows beyond what the recorder promises are left out, as working through forged ones could take for ever; so are
    outputs and targets of absurd width.
    """
    found = evidence.arrays.get(name)
    if found is None or found.dtype.kind not in "fiub" or found.ndim == 0 or not found.size:
        return None
    if not name.endswith("_inputs") and found.size // len(found) > MAX_ANSWER_WIDTH:
        return None
    return found[: SAMPLE_ROWS if name.startswith(SAMPLES) else MAX_ANSWER_ROWS]


def numbers(evidence: Evidence, name: str) -> Numbers | None:
    """The array (n, ...) as floats; None as in :func:`as_seen`."""
    found = as_seen(evidence, name)
    if found is None:
        return None
    with np.errstate(all="ignore"):
        floats: Numbers = np.asarray(found, dtype=np.float64 if found.size <= MAX_PRECISE else np.float32)
    return floats


def finite(array: Recorded) -> bool:
    """Whether all numbers of an array (n, ...) are finite; worked out in blocks."""
    return array.dtype.kind != "f" or all(bool(np.isfinite(array[part]).all()) for part in blocks(array))


def blocks(array: Recorded) -> Iterator[slice]:
    """Stretches of rows of an array (n, ...) that are small enough to be copied."""
    step = max(1, BLOCK_NUMBERS // max(1, array.size // max(1, len(array))))
    return (slice(start, start + step) for start in range(0, len(array), step))


def required(evidence: Evidence, name: str, what: str) -> Numbers:
    """The array, finite throughout. Raises ``NotProven`` otherwise."""
    found = numbers(evidence, name)
    if found is None:
        raise NotProven(f"No {what} were recorded.")
    if not np.isfinite(found).all():
        raise NotProven(f"The {what} hold numbers that are not finite.")
    return found


def rows(array: Numbers) -> Numbers:
    """The array as a matrix (n, numbers per row), also when n is 0."""
    return array.reshape(len(array), int(np.prod(array.shape[1:])))


def line(x: Numbers, y: Numbers) -> tuple[float, float]:
    """Scale and offset of the least-squares line through points (n,). Raises ``NotProven`` if there is none."""
    if not len(x) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise NotProven("The recorded numbers could not be fitted.")
    with np.errstate(all="ignore"):
        middle, height = x.mean(), y.mean()
        along = x - middle
        scale = np.dot(along, y - height) / np.dot(along, along)
        offset = height - scale * middle
    if not (np.isfinite(scale) and np.isfinite(offset)):
        raise NotProven("The recorded numbers could not be fitted.")
    return float(scale), float(offset)
