"""Recorded arrays as numbers: the only door through which untrusted arrays enter this stage."""

import numpy as np

from grader.evidence.bundle import Evidence
from grader.predictions.model import NotProven, Numbers


def numbers(evidence: Evidence, name: str) -> Numbers | None:
    """The array (n, ...) as float64, or None if it is missing, empty, without rows or not numeric."""
    found = evidence.arrays.get(name)
    if found is None or found.dtype.kind not in "fiub" or found.ndim == 0 or not found.size:
        return None
    return np.asarray(found, dtype=np.float64)


def required(evidence: Evidence, name: str, what: str) -> Numbers:
    """The array, finite throughout. Raises ``NotProven`` otherwise."""
    found = numbers(evidence, name)
    if found is None:
        raise NotProven(f"No {what} were recorded.")
    if not np.isfinite(found).all():
        raise NotProven(f"The {what} hold numbers that are not finite.")
    return found


def rows(array: Numbers) -> Numbers:
    """The array as a matrix (n, numbers per row)."""
    return array.reshape(len(array), -1)
