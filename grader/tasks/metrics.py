"""The metrics of the four tasks and their naive baselines."""

import numpy as np
from numpy.typing import NDArray

from grader.tasks import ellipses
from grader.tasks.intervals import bootstrap, wilson
from grader.tasks.model import Floats, Score, TaskSpec, Truth

AT_ONCE = 32  # ellipses whose pixels are compared at once


def finite_rows(predicted: Floats) -> NDArray[np.bool_]:
    """Which rows (n, ...) hold finite numbers only."""
    return np.asarray(np.isfinite(predicted.reshape(len(predicted), -1)).all(axis=1), dtype=np.bool_)


def score(spec: TaskSpec, truth: Truth, predicted: Truth) -> Score:
    """The task's metric of aligned predictions.

    Classification: accuracy; a label that is no class of the task counts as wrong. Mass: mean absolute error, root
    mean squared error beside it (grams). Ellipse: root of the squared error's mean over items and all four parameters,
    that of each parameter (pixels), and the mean intersection over union of the pixel masks (0 to 1).
    Raises ``ValueError`` for predictions that are empty, not finite or of another shape than the truth; whoever has
    predictions that are not finite decides what they count as, see :func:`finite_rows`.
    """
    if spec.family == "classification":
        return _accuracy(spec, _labels(truth), _labels(predicted))
    true, guess = _values(truth), _values(predicted)
    if true.shape != guess.shape or not len(true):
        raise ValueError(f"predictions have shape {guess.shape}, the truth has {true.shape}")
    if not finite_rows(guess).all():
        raise ValueError("predictions hold numbers that are not finite")
    error = guess - true
    value = _size(spec, error)
    if spec.metric == "mae":
        others = {"rmse": float(np.sqrt(np.mean(error**2)))}
        return Score("mae", value, spec.unit, len(true), others, bootstrap(np.abs(error).mean(axis=1)))
    each = np.sqrt(np.mean(error**2, axis=0))
    others = {f"rmse {name}": float(v) for name, v in zip(spec.target_names, each, strict=True)}
    others["iou"] = float(np.mean(intersections_over_unions(true, guess)))
    low, high = bootstrap(np.square(error).mean(axis=1))
    return Score("rmse", value, spec.unit, len(true), others, (low**0.5, high**0.5))


def _size(spec: TaskSpec, error: Floats) -> float:
    """The metric of errors (n, k)."""
    return float(np.mean(np.abs(error)) if spec.metric == "mae" else np.sqrt(np.mean(error**2)))


def baseline(spec: TaskSpec, training: Truth, heldout: Truth) -> float:
    """The metric of a guess that ignores the inputs: the most frequent class of the held-out items, so that always
    naming one class earns nothing; the mean of the training targets for measured numbers."""
    if spec.family == "classification":
        return float(np.bincount(_labels(heldout)).max() / len(_labels(heldout)))
    true = _values(heldout)
    return _size(spec, np.nanmean(_values(training), axis=0) - true)


def intersections_over_unions(some: Floats, others: Floats) -> Floats:
    """Share (n,) of common pixels of ellipses (n, 4) in pixels with others (Jaccard index); 0 where both are empty."""
    shares = np.zeros(len(some))
    for start in range(0, len(some), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        first, second = ellipses.masks(some[part]), ellipses.masks(others[part])
        union = np.count_nonzero(first | second, axis=(1, 2))
        shares[part] = np.count_nonzero(first & second, axis=(1, 2)) / np.maximum(union, 1)
    return shares


def _accuracy(spec: TaskSpec, true: NDArray[np.int64], guess: NDArray[np.int64]) -> Score:
    if true.shape != guess.shape or not len(true):
        raise ValueError(f"predictions have shape {guess.shape}, the truth has {true.shape}")
    right = int(np.count_nonzero(true == guess))
    return Score("accuracy", right / len(true), spec.unit, len(true), {}, wilson(right, len(true)))


def _labels(truth: Truth) -> NDArray[np.int64]:
    if truth.labels is None:
        raise ValueError("labels are missing")
    return truth.labels


def _values(truth: Truth) -> Floats:
    if truth.values is None:
        raise ValueError("values are missing")
    return truth.values
