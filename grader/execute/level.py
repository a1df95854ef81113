"""When a training has certainly reached full marks, as the probe is told it: the level in the task's unit."""

from typing import Any

import numpy as np

from grader import tasks
from grader.rubric import Calibration
from grader.tasks.model import Truth, World

DIGITS = 6  # significant ones; a level that differs less asks for no new runs


def converged(world: World, calibration: Calibration) -> dict[str, Any] | None:
    """The rule by which the probe ends a training; None where the level is no better than the best constant answer.

    ``level`` and ``baseline`` (the best constant answer's figure on the training data) are in the task's unit, and so
    is ``spread``, the standard deviation of each measured number: by it the probe tells the unit of targets that were
    scaled. Nothing in it comes from held-out data.
    """
    spec, truth = tasks.get(world.task), world.training_truth
    baseline = _best_constant(spec.metric, truth)
    gain = calibration.reference - baseline
    if (gain if spec.higher_is_better else -gain) <= 0:
        return None
    spread = [] if truth.values is None else [_rounded(value) for value in truth.values.std(axis=0).tolist()]
    return {
        "metric": spec.metric,
        "level": _rounded(calibration.reference),
        "baseline": _rounded(baseline),
        "outputs": spec.outputs,
        "spread": spread,
    }


def _best_constant(metric: str, truth: Truth) -> float:
    """The figure on the training data of the answer that suits all of it best, the inputs unseen."""
    if truth.labels is not None:
        return float(np.bincount(truth.labels).max() / len(truth.labels))
    if truth.values is None:
        raise ValueError("the training data have no targets")
    away = truth.values - truth.values.mean(axis=0)
    return float(np.abs(away).mean() if metric == "mae" else np.sqrt(np.square(away).mean()))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
