"""Reads off which class an index means, and how targets are scaled, from rows whose truth the grader knows."""

from dataclasses import dataclass, replace

import numpy as np

from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.recorded import line, rows

PURITY = 0.97  # share of an index's rows that must be of one class
LIKELY = 0.6  # the same, where only the net's own outputs are known
EXACT = 1e-4  # of the targets' range: how well an affine map must fit


@dataclass(frozen=True)
class ClassMap:
    """``classes[index]`` is the task's class that the student's index means, or -1. ``assumed``: not read off
    targets."""

    classes: tuple[int, ...]
    assumed: bool = False

    def labels(self, scores: Numbers) -> Labels:
        """Classes (n,) of scores (n, k), by the largest; rows that are not finite are unknown."""
        table = np.array(self.classes, dtype=np.int64)
        chosen = np.where(np.isfinite(scores), scores, -np.inf).argmax(axis=1)
        known = np.isfinite(scores).all(axis=1) & (chosen < len(table))
        return np.where(known, table[np.minimum(chosen, len(table) - 1)], UNKNOWN)

    def of_indices(self, indices: Numbers) -> Labels:
        """Classes (n,) of class indices given as numbers (n,)."""
        table = np.array(self.classes, dtype=np.int64)
        whole = np.isfinite(indices) & (indices == np.round(indices)) & (indices >= 0) & (indices < len(table))
        return np.where(whole, table[np.where(whole, indices, 0).astype(np.int64)], UNKNOWN)


@dataclass(frozen=True)
class TargetMap:
    """Target column ``j`` is ``scale[j] * truth[:, order[j]] + offset[j]``, or that of the logarithm of the truth."""

    order: tuple[int, ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    assumed: bool = False
    logarithm: bool = False

    def targets(self, truth: Numbers) -> Numbers:
        """Target space (n, k) of numbers in the task's unit and order (n, k)."""
        known = np.log(truth) if self.logarithm else truth
        made: Numbers = known[:, list(self.order)] * np.array(self.scale) + np.array(self.offset)
        return made

    def values(self, targets: Numbers) -> Numbers:
        """Numbers in the task's unit and order (n, k), from target space (n, k)."""
        result = np.empty_like(targets)
        for j, position in enumerate(self.order):
            result[:, position] = (targets[:, j] - self.offset[j]) / self.scale[j]
        return np.exp(np.clip(result, -50, 50)) if self.logarithm else result


def indices(targets: Numbers) -> Numbers:
    """Class indices (n,) of targets that are indices (n,) or (n, 1), or one-hot or probabilities (n, k)."""
    table = rows(targets)
    return table[:, 0] if table.shape[1] == 1 else table.argmax(axis=1).astype(np.float64)


def class_map(found: Numbers, truth: Labels, count: int) -> ClassMap:
    """The map from student's indices ``found`` (n,) to classes ``truth`` (n,), -1 where unknown.

    Raises ``NotProven`` if an index stands for several classes or two indices for one.
    """
    known = (truth >= 0) & (found == np.round(found)) & (found >= 0) & (found < 10 * count)
    if not known.any():
        raise NotProven("No target could be matched with a class.")
    table = _counts(found[known].astype(np.int64), truth[known], count)
    total = table.sum(axis=1)
    classes = np.where(total > 0, table.argmax(axis=1), UNKNOWN)
    if (table.max(axis=1) < PURITY * total).any():
        raise NotProven("The targets do not stand for the classes one by one.")
    named = classes[classes >= 0]
    if len(set(named.tolist())) != len(named):
        raise NotProven("Two target values stand for the same class.")
    return ClassMap(tuple(_completed(classes, count)))


def likely_class_map(scores: Numbers, truth: Labels, count: int) -> ClassMap:
    """The class order under which the net's own outputs (n, k) on known rows are best; for targets that were not seen.

    Raises ``NotProven`` if no order makes most outputs right.
    """
    from scipy.optimize import linear_sum_assignment

    known = (truth >= 0) & np.isfinite(scores).all(axis=1)
    table = _counts(scores.argmax(axis=1)[known], truth[known], count, scores.shape[1])
    index, classes = linear_sum_assignment(-table)
    if not known.any() or len(classes) < count or table[index, classes].sum() < LIKELY * known.sum():
        raise NotProven("Which output means which class could not be told.")
    result = np.full(scores.shape[1], UNKNOWN)
    result[index] = classes
    return ClassMap(tuple(int(c) for c in result), assumed=True)


def target_map(targets: Numbers, truth: Numbers) -> TargetMap:
    """The affine map from true values (n, k), or from their logarithms, to targets (n, k).

    Raises ``NotProven`` if there is no exact one.
    """
    table = rows(targets)
    if table.shape[1] != truth.shape[1]:
        raise NotProven(f"The targets have {table.shape[1]} numbers per item, not {truth.shape[1]}.")
    plain = _column_by_column(table, truth)
    if plain is None and (truth > 0).all():
        plain = _column_by_column(table, np.log(truth))
        plain = None if plain is None else replace(plain, logarithm=True)
    if plain is None:
        raise NotProven("The targets are not the true values under an affine map.")
    return plain


def _column_by_column(table: Numbers, truth: Numbers) -> TargetMap | None:
    order, scale, offset = [], [], []
    for j in range(table.shape[1]):
        fits = [_affine(truth[:, i], table[:, j]) for i in range(truth.shape[1])]
        best = int(np.argmin([fit[2] for fit in fits]))
        if not fits[best][2] <= EXACT or best in order:
            return None
        order.append(best)
        scale.append(fits[best][0])
        offset.append(fits[best][1])
    return TargetMap(tuple(order), tuple(scale), tuple(offset))


def likely_scale(outputs: Numbers, truth: Numbers) -> TargetMap:
    """The usual scaling of one target under which the net's outputs (n, 1) on known rows are best."""
    true, out = truth[:, 0], rows(outputs)[:, 0]
    spread = max(float(np.std(true)), 1e-9)
    middle = float(np.mean(true))
    candidates: list[tuple[float, float]] = [(1.0, 0.0), (1e-3, 0.0), (1 / middle, 0.0), (1 / float(np.max(true)), 0.0)]
    candidates += [(1 / spread, -middle / spread)]
    width = max(float(np.ptp(true)), 1e-9)
    candidates += [(1 / width, -float(np.min(true)) / width)]
    errors = [float(np.mean(np.abs((out - offset) / scale - true))) for scale, offset in candidates]
    best = int(np.argmin(errors))
    if not np.isfinite(errors[best]) or errors[best] > 1.5 * spread:
        raise NotProven("How the targets are scaled could not be told.")
    return TargetMap((0,), (candidates[best][0],), (candidates[best][1],), assumed=True)


def _affine(truth: Numbers, target: Numbers) -> tuple[float, float, float]:
    """Scale, offset and the largest error relative to the target's range."""
    spread = float(np.ptp(target)) if len(target) else 0.0
    try:
        scale, offset = line(truth, target)
    except NotProven:
        return 0.0, 0.0, np.inf
    if scale == 0 or not 0 < spread < np.inf:
        return 0.0, 0.0, np.inf
    return scale, offset, float(np.quantile(np.abs(scale * truth + offset - target), 0.98)) / spread


def _counts(found: Labels, truth: Labels, count: int, width: int | None = None) -> Numbers:
    table = np.zeros((width or max(count, int(found.max(initial=0)) + 1), count))
    np.add.at(table, (found, truth), 1)
    return table


def _completed(classes: Labels, count: int) -> list[int]:
    """A single index that was never seen gets the single class that is left."""
    result = [int(c) for c in classes]
    open_places = [i for i in range(min(count, len(result))) if result[i] < 0]
    left = sorted(set(range(count)) - set(result))
    if len(open_places) == len(left) == 1:
        result[open_places[0]] = left[0]
    return result
