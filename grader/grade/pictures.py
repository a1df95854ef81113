"""What a page draws of the held-out predictions, as plain data."""

import numpy as np
from numpy.typing import NDArray

from grader.checks import Context
from grader.grade.model import Picture
from grader.tasks.model import Truth
from grader.types import Method

Labels = NDArray[np.int64]
MAX_DIGITS = 24
MAX_ELLIPSES = 12
MAX_POINTS = 2_000
FAR = 1e9  # a drawn value further out than this is drawn here


def pictures(ctx: Context) -> list[Picture]:
    """The pictures of a task: confusion matrix; predicted against true; misread digits; ellipses over their images.
    Empty without predictions.

    Images are shown only where predictions belong to the held-out items, not to the student's own validation data.
    """
    if ctx.measured is None:
        return []
    truth: Truth = ctx.predictions.truth or ctx.world.heldout_truth
    own = ctx.predictions.method is not Method.RECORDED_VALIDATION
    images = ctx.world.heldout.images if own else None
    labels, guesses = truth.labels, ctx.predictions.labels
    if labels is not None and guesses is not None:
        misread = _misread(ctx, labels, guesses, images=images) if images is not None else []
        return [_confusion(ctx, labels, guesses), *misread]
    if images is not None and ctx.spec.outputs == 4:
        return _ellipses(ctx, truth, images)
    return [_scatter(ctx, truth)] if ctx.spec.outputs == 1 else []


def _confusion(ctx: Context, labels: Labels, guesses: Labels) -> Picture:
    classes = list(ctx.spec.classes)
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    usable = (guesses >= 0) & (guesses < len(classes))
    np.add.at(matrix, (labels[usable], guesses[usable]), 1)
    return Picture(kind="confusion", classes=classes, matrix=matrix.tolist())


def _misread(ctx: Context, labels: Labels, guesses: Labels, *, images: NDArray[np.uint8]) -> list[Picture]:
    wrong = np.flatnonzero((labels != guesses) & (guesses >= 0) & (guesses < len(ctx.spec.classes)))[:MAX_DIGITS]
    if not len(wrong) or len(images) != len(labels):
        return []
    return [
        Picture(
            kind="digits",
            classes=list(ctx.spec.classes),
            truth=[[float(labels[i])] for i in wrong],
            predicted=[[float(guesses[i])] for i in wrong],
            images=[images[i].tobytes() for i in wrong],
            image_shape=list(images.shape[1:]),
        )
    ]


def _scatter(ctx: Context, truth: Truth) -> Picture:
    true, guesses = _rows(truth.values), _rows(ctx.predictions.values)
    return Picture(kind="scatter", unit=ctx.spec.unit, truth=true[:MAX_POINTS], predicted=guesses[:MAX_POINTS])


def _ellipses(ctx: Context, truth: Truth, images: NDArray[np.uint8]) -> list[Picture]:
    true, guesses = _rows(truth.values)[:MAX_ELLIPSES], _rows(ctx.predictions.values)[:MAX_ELLIPSES]
    if not true or len(images) < len(true):
        return []
    shown = [image.tobytes() for image in images[: len(true)]]
    return [
        Picture(
            kind="ellipses",
            unit=ctx.spec.unit,
            truth=true,
            predicted=guesses,
            images=shown,
            image_shape=list(images.shape[1:]),
        )
    ]


def _rows(values: NDArray[np.float64] | None) -> list[list[float]]:
    if values is None:
        return []
    rows: list[list[float]] = (
        np.nan_to_num(np.asarray(values, dtype=np.float64), nan=FAR, posinf=FAR, neginf=-FAR).clip(-FAR, FAR).tolist()
    )
    return rows
