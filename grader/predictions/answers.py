"""Reads the answers of a student's own ``predict(inputs)``: names, indices, scores, or numbers in some unit."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.recorded import rows
from grader.predictions.targets import ClassMap, TargetMap
from grader.tasks import ellipses
from grader.tasks.model import TaskSpec, Truth
from grader.types import TaskId

T = TypeVar("T", Labels, Numbers)
FRACTIONS = 2.0  # ellipse parameters nearly all below this are fractions of the side, not pixels


def of_length(found: T, count: int) -> T:
    """The same array if it has ``count`` rows. Raises ``NotProven`` otherwise."""
    if len(found) != count:
        raise NotProven(f"it gave {len(found)} predictions for {count} inputs.")
    return found


def labels_from_names(names: Sequence[str], spec: TaskSpec) -> Labels:
    """Classes (n,) from names; a name that is none of the task's is -1. Raises ``NotProven`` if none is known."""
    known = {name.casefold(): i for i, name in enumerate(spec.classes)}
    found = np.array([known.get(name.strip().casefold().split(" ")[0], UNKNOWN) for name in names], dtype=np.int64)
    if not (found >= 0).any():
        raise NotProven(f"it gave names that are not among {', '.join(spec.classes)}.")
    return found


def labels(outputs: Numbers, spec: TaskSpec, known: ClassMap | None) -> Labels:
    """Classes (n,) from indices (n,) or scores (n, k), in the student's own class order where it was seen at the
    loss."""
    order = known or ClassMap(tuple(range(len(spec.classes))))
    table = rows(outputs)
    if table.shape[1] == 1:
        return order.of_indices(table[:, 0])
    if table.shape[1] != len(spec.classes):
        raise NotProven(f"it gave {table.shape[1]} numbers per input, not {len(spec.classes)}.")
    return order.labels(table)


def values(
    outputs: Numbers, spec: TaskSpec, *, known: TargetMap | None, training: Truth
) -> tuple[Numbers, tuple[str, ...]]:
    """Values (n, k) in the task's unit, and notes. Answers in the student's own target scale are recognised by their
    size,
    compared with the training targets (never with the held-out truth)."""
    table = rows(outputs)
    if table.shape[1] != spec.outputs:
        raise NotProven(f"it gave {table.shape[1]} numbers per input, not {spec.outputs}.")
    finite = table[np.isfinite(table)]
    if not finite.size:
        raise NotProven("none of its predictions is a finite number.")
    if spec.id is TaskId.ELLIPSE_REGRESSION and np.quantile(np.abs(finite), 0.95) <= FRACTIONS:
        return table * ellipses.SIDE, ("predict gave fractions of the image side; they were turned into pixels.",)
    if known is not None and training.values is not None and spec.outputs == 1:
        low, high = np.nanmin(training.values), np.nanmax(training.values)
        rescaled = known.values(table)
        if not _plausible(table, low, high) and _plausible(rescaled, low, high):
            return rescaled, (
                "predict gave scaled masses; they were turned into grams as the targets had been scaled.",
            )
    return table, ()


def _plausible(table: Numbers, low: float, high: float) -> bool:
    middle = float(np.nanmedian(table))
    return bool(0.5 * low <= middle <= 2 * high)
