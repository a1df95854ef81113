"""What this stage hands on: held-out predictions in the task's own terms, and how they were come by."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from grader.tasks.model import Truth
from grader.types import Method

Labels = NDArray[np.int64]
Numbers = NDArray[np.float64]

UNKNOWN = -1  # the label of an item that was not predicted; for regression such rows are NaN


class NotProven(Exception):
    """A map, link or alignment does not explain what was recorded; the text is one sentence that says why."""


@dataclass(frozen=True)
class HeldOutPredictions:
    """Predictions in the order of ``world.heldout`` (of ``truth``, where that is set).

    ``labels``: (n,) into the task's classes; ``values``: (n, k) in the task's unit. ``refused``: for each way tried
    in vain, why.
    ``truth``: set only for recorded validation outputs, which are scored against the validation rows' own targets.
    ``disagreement``: between the first two ways that held: the share of items with another label, or the median gap in
    standard deviations of the training targets; 0 with a single way.
    """

    method: Method | None = None
    labels: Labels | None = None
    values: Numbers | None = None
    refused: tuple[str, ...] = ()
    truth: Truth | None = None
    notes: tuple[str, ...] = field(default=())
    disagreement: float = 0.0
