"""The loss that the best constant answer would have: what a training must end below."""

import numpy as np
from numpy.typing import NDArray

from grader.evidence.model import LossClaim

Floats = NDArray[np.float64]
ABSOLUTE = frozenset({"l1_loss"})
ROBUST = frozenset({"smooth_l1_loss", "huber_loss"})


def constant_loss(loss: LossClaim, targets: Floats | None) -> tuple[float, float] | None:
    """``(best constant, lowest possible)`` mean loss for the targets (n, ...) that reached the loss; None if it is
    not known.

    Cross entropy of a constant is lowest at the class frequencies and is then their entropy; mean-squared error is
    lowest at the mean (the variance), mean absolute error at the median. Shannon entropies in nats.
    """
    with np.errstate(all="ignore"):  # forged numbers may overflow
        return _constant_loss(loss, targets)


def _constant_loss(loss: LossClaim, targets: Floats | None) -> tuple[float, float] | None:
    if targets is None or loss.reduction != "mean" or not len(targets) or not np.isfinite(targets).all():
        return None
    if loss.kind in ("cross_entropy", "nll_loss"):
        return _cross_entropy(loss, targets)
    rows = targets.reshape(len(targets), -1)
    if loss.kind in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        return _binary_cross_entropy(rows)
    if loss.kind == "mse_loss":
        return _positive(float(rows.var(axis=0).mean()))
    if loss.kind in ABSOLUTE:
        return _positive(float(np.abs(rows - np.median(rows, axis=0)).mean()))
    if loss.kind in ROBUST:
        return _positive(min(_huber(rows - rows.mean(axis=0)), _huber(rows - np.median(rows, axis=0))))
    return None


def _positive(value: float) -> tuple[float, float] | None:
    return (value, 0.0) if np.isfinite(value) and value > 0 else None


def _huber(errors: Floats) -> float:
    size = np.abs(errors)
    return float(np.where(size < 1, 0.5 * np.square(size), size - 0.5).mean())


def _entropy(shares: Floats) -> Floats:
    safe = np.clip(shares, 1e-12, 1.0)
    entropy: Floats = -shares * np.log(safe)
    return entropy


def _cross_entropy(loss: LossClaim, targets: Floats) -> tuple[float, float] | None:
    if loss.target_form == "index":
        _, counts = np.unique(targets.reshape(-1), return_counts=True)
        return _positive(float(_entropy(counts / counts.sum()).sum()))
    if (
        targets.ndim == 2
        and targets.shape[1] > 1
        and (targets >= 0).all()
        and np.allclose(targets.sum(axis=1), 1, atol=1e-3)
    ):
        best, lowest = float(_entropy(targets.mean(axis=0)).sum()), float(_entropy(targets).sum(axis=1).mean())
        return (best, lowest) if best > lowest else None
    return None


def _binary_cross_entropy(rows: Floats) -> tuple[float, float] | None:
    if (rows < 0).any() or (rows > 1).any():
        return None
    mean = rows.mean(axis=0)
    best = float((_entropy(mean) + _entropy(1 - mean)).mean())
    lowest = float((_entropy(rows) + _entropy(1 - rows)).mean())
    return (best, lowest) if best > lowest else None
