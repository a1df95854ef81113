"""Measures a pass over data in the terms of the level at which full marks start: from what reached the loss."""

import math
from typing import Any

import torch
from torch import Tensor

METRICS = ("accuracy", "mae", "rmse")
ALIKE = 0.15  # how far spreads of columns may lie from the known pattern
FEWEST_ITEMS = 30  # in a pass, below which its figure says too little


class Level:
    """Where full marks start. ``rule``: ``metric`` ("accuracy", "mae", "rmse"), ``level`` and ``baseline`` (the best
    constant answer's figure) in the task's unit, ``outputs`` (numbers per answer), and for measured numbers ``spread``,
    the standard deviation of each of them in the task's unit.

    What is measured does not depend on the order of classes or on how targets are scaled. Raises ``ValueError`` for
    a rule that is not of this form.
    """

    def __init__(self, rule: dict[str, Any]) -> None:
        self.metric = str(rule["metric"])
        self.level, self.baseline = float(rule["level"]), float(rule["baseline"])
        self.outputs = int(rule["outputs"])
        self.spread = [float(value) for value in rule.get("spread", ())]
        self.higher = self.metric == "accuracy"
        sound = self.higher or (len(self.spread) == self.outputs and min(self.spread) > 0)
        if self.metric not in METRICS or not sound or not self.way > 0:
            raise ValueError("a level that cannot be reached")

    @property
    def way(self) -> float:
        """From the best constant answer to full marks, in the task's unit."""
        return self.gain(self.level, self.baseline)

    def gain(self, value: float, other: float) -> float:
        """How much better ``value`` is than ``other``."""
        return value - other if self.higher else other - value

    def sums(self, given: Any, wanted: Any) -> Tensor | None:
        """What a batch adds to the figure of its pass: answers (n, outputs) or (n,), and targets; None if they are not
        of the task's form."""
        if not isinstance(given, Tensor) or not isinstance(wanted, Tensor) or not given.dim() or not given.shape[0]:
            return None
        if given.shape[1:] != (self.outputs,) and not (given.dim() == 1 and self.outputs == 1):
            return None
        return self._hits(given, wanted) if self.higher else self._errors(given, wanted)

    def _hits(self, given: Tensor, wanted: Tensor) -> Tensor | None:
        """(2,): items, right answers. Targets are indices, or one number for each class."""
        if wanted.shape == given.shape:
            wanted = wanted.argmax(1)
        elif wanted.numel() != given.shape[0] or wanted.dim() > 2 or wanted.is_floating_point():
            return None
        right = torch.count_nonzero(given.argmax(1) == wanted.reshape(-1))
        return torch.tensor([float(given.shape[0]), float(right)], dtype=torch.float64)

    def _errors(self, given: Tensor, wanted: Tensor) -> Tensor | None:
        """(6, outputs): items, sums of the errors' size, square and fourth power, of the targets and their square."""
        if wanted.shape != given.shape or not wanted.is_floating_point():
            return None
        target = wanted.detach().cpu().double().reshape(len(wanted), -1)
        error = given.detach().cpu().double().reshape(len(given), -1) - target
        square = error * error
        parts = [torch.ones_like(target), error.abs(), square, square * square, target, target * target]
        return torch.stack([part.sum(0) for part in parts])

    def measure(self, sums: Tensor) -> tuple[float, float] | None:
        """The figure of a pass and its standard error, in the task's unit; None if that is not known."""
        if not bool(torch.isfinite(sums).all()) or float(sums.reshape(-1)[0]) < FEWEST_ITEMS:
            return None
        if self.higher:
            count, right = sums.tolist()
            near = (right + 1) / (count + 2)  # all right is not quite certain
            return right / count, math.sqrt(near * (1 - near) / count)
        spread = _spread(sums)
        if not bool((spread > 0).all()):
            return None
        return self._mean_error(sums, spread) if self.metric == "mae" else self._root_mean_square(sums, spread)

    def _mean_error(self, sums: Tensor, spread: Tensor) -> tuple[float, float]:
        """One number per item. The spread of the targets that were seen is itself known to a degree only."""
        count, size, square = (float(part[0]) for part in sums[:3])
        scale = self.spread[0] / float(spread[0])
        mean = size / count
        varies = math.sqrt(max(square / count - mean * mean, 0.0) / count)
        return scale * mean, scale * math.hypot(varies, mean / math.sqrt(2 * count))

    def _root_mean_square(self, sums: Tensor, spread: Tensor) -> tuple[float, float] | None:
        """Several numbers per item, the spread of each of which is known: by it the columns are told apart.

        Where all vary alike, as standardised ones do, their order is not known, and the worst column decides.
        """
        known = torch.tensor(self.spread, dtype=torch.float64)
        square = sums[2] / sums[0]
        spare = ((sums[3] / sums[0] - square * square).clamp(min=0) / sums[0]).sqrt()  # error of the mean square
        if _alike(spread / known):
            scale = (known / spread) ** 2
            mean, error = float((scale * square).mean()), float((scale * spare).mean())
        elif _alike(spread):
            scale = (known.max() / spread) ** 2
            worst = int((scale * square).argmax())
            mean, error = float((scale * square)[worst]), float((scale * spare)[worst])
        else:
            return None
        root = math.sqrt(mean)
        return root, error / (2 * root) if root else 0.0


def _spread(sums: Tensor) -> Tensor:
    """Standard deviation (outputs,) of the targets."""
    mean, square = sums[4] / sums[0], sums[5] / sums[0]
    spread: Tensor = (square - mean * mean).clamp(min=0).sqrt()
    return torch.where(spread > 1e-6 * square.sqrt(), spread, torch.zeros_like(spread))


def _alike(values: Tensor) -> bool:
    """Whether all are the same but for sampling."""
    middle = float(values.log().mean().exp())
    return bool(((values / middle - 1).abs() <= ALIKE).all())
