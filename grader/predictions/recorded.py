"""Recorded arrays as numbers: the only door through which untrusted arrays enter this stage."""

import numpy as np

from grader.evidence.bundle import Evidence
from grader.predictions.model import NotProven, Numbers

SAMPLE_ROWS = 1_024  # rows of a training or validation sample, as the recorder promises
ANSWER_ROWS = 20_000  # rows of an answer; above what any held-out world has
MAX_ANSWER_NUMBERS = 4_096  # numbers per row of outputs, targets and the like
SAMPLES = ("train_", "eval_")


def numbers(evidence: Evidence, name: str) -> Numbers | None:
    """The array (n, ...) as float64, or None if it is missing, empty, without rows or not numeric.

    Rows beyond what the recorder promises are left out, as working through forged ones could take for ever; so are
    outputs and targets of absurd width.
    """
    found = evidence.arrays.get(name)
    if found is None or found.dtype.kind not in "fiub" or found.ndim == 0 or not found.size:
        return None
    if not name.endswith("_inputs") and found.size // len(found) > MAX_ANSWER_NUMBERS:
        return None
    return np.asarray(found[: SAMPLE_ROWS if name.startswith(SAMPLES) else ANSWER_ROWS], dtype=np.float64)


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
        scale = np.dot(x - middle, y - height) / np.dot(x - middle, x - middle)
        offset = height - scale * middle
    if not (np.isfinite(scale) and np.isfinite(offset)):
        raise NotProven("The recorded numbers could not be fitted.")
    return float(scale), float(offset)
