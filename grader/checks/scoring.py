"""The held-out metric between its anchors: nothing at the naive baseline, full marks at the calibrated level."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grader.predictions.model import HeldOutPredictions
from grader.tasks import metrics
from grader.tasks.model import Floats, TaskSpec, Truth, World
from grader.types import Method

FAR = 1e9  # numbers further out than this are drawn in to it: how far off nonsense is makes no difference


@dataclass(frozen=True)
class Measured:
    """The metric on ``n`` held-out items beside its anchors. ``share``: 0 at ``baseline``, 1 at ``reference``;
    ``interval``: what so many items tell of the metric on all others like them (95%).

    ``unusable``: items without a prediction, or with one that is not a number or no class of the task.
    """

    method: Method
    value: float
    baseline: float
    reference: float
    share: float
    n: int
    others: Mapping[str, float]
    interval: tuple[float, float]
    unusable: int = 0


def measure(spec: TaskSpec, world: World, predictions: HeldOutPredictions, *, reference: float) -> Measured | None:
    """Score predictions against the host's truth. None: there are none, or they do not fit the items.

    An unusable class counts as wrong; an unusable number counts as the naive answer, the mean of the training targets.
    """
    truth = predictions.truth or world.heldout_truth
    usable = (
        _labels(spec, predictions, truth) if spec.family == "classification" else _values(world, predictions, truth)
    )
    if predictions.method is None or usable is None:
        return None
    guess, unusable = usable
    score = metrics.score(spec, truth, guess)
    baseline = metrics.baseline(spec, world.training_truth, truth)
    limit = max(reference, baseline) if spec.higher_is_better else min(reference, baseline)
    share = share_between(score.value, baseline, limit)
    return Measured(
        predictions.method,
        score.value,
        baseline,
        reference,
        share,
        score.n,
        score.others,
        score.interval,
        unusable,
    )


def share_between(value: float, baseline: float, reference: float) -> float:
    """Where ``value`` lies on the way from ``baseline`` (0) to ``reference`` (1), held within [0, 1]."""
    if not np.isfinite([value, baseline, reference]).all():
        return 0.0
    way = reference - baseline
    if way == 0:
        return 1.0 if value == reference else 0.0
    return float(min(1.0, max(0.0, (value - baseline) / way)))


def _labels(spec: TaskSpec, predictions: HeldOutPredictions, truth: Truth) -> tuple[Truth, int] | None:
    labels, true = predictions.labels, truth.labels
    if labels is None or true is None or labels.ndim != 1 or labels.shape != true.shape or not len(labels):
        return None
    return Truth(labels=labels), int(((labels < 0) | (labels >= len(spec.classes))).sum())


def _values(world: World, predictions: HeldOutPredictions, truth: Truth) -> tuple[Truth, int] | None:
    values, true = predictions.values, truth.values
    if values is None or true is None or values.ndim != 2 or values.shape != true.shape or not len(values):
        return None
    usable = metrics.finite_rows(values)
    filled: Floats = np.where(usable[:, None], np.clip(values, -FAR, FAR), _naive(world, truth))
    return Truth(values=filled), int((~usable).sum())


def _naive(world: World, truth: Truth) -> Floats:
    known = world.training_truth.values
    targets = known if known is not None and len(known) else truth.values
    mean: Floats = np.nanmean(targets, axis=0) if targets is not None else np.zeros(1)
    return mean
