"""Recognises answers in other units than the targets a loader gave: a loss of one's own may scale them out of sight."""

import numpy as np

from grader.predictions.links import Link
from grader.predictions.model import NotProven, Numbers
from grader.predictions.recorded import line

FEWEST = 16  # rows from which units are read off
RELATED = 0.5  # of a column's variance that its line must explain


def read_off(outputs: Numbers, wanted: Numbers) -> Link | None:
    """A line for each column that brings outputs (n, k) to ``wanted`` (n, k), the true answers in the units of the
    targets.

    None where the outputs say more than a constant as they are, or where they are too few or not related to the truth.
    """
    if outputs.shape != wanted.shape or len(outputs) < FEWEST or _tells(outputs, wanted):
        return None
    lines: list[tuple[float, float]] = []
    for out, true in zip(outputs.T, wanted.T, strict=True):
        try:
            scale, offset = line(out, true)
        except NotProven:
            return None
        left = float(np.var(true - scale * out - offset))
        if scale <= 0 or not left <= (1 - RELATED) * float(np.var(true)):
            return None
        lines.append((scale, offset))
    scales, offsets = zip(*lines, strict=True)
    return Link("nothing", scales, offsets, assumed=True)


def _tells(outputs: Numbers, wanted: Numbers) -> bool:
    """Whether the outputs are nearer to the truth than the best constant is."""
    errors, spread = np.abs(outputs - wanted).mean(axis=0), np.abs(wanted - np.median(wanted, axis=0)).mean(axis=0)
    return bool((errors <= spread).all())
