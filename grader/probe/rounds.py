"""Follows the rounds of one training loop: which loader it trains on, what it judges by, and how good it is."""

import gc
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .level import Level
from .models import OWN, Forward, ModelRecord, data_key
from .plateau import far_past, levelled_off
from .sources import Iteration

TRAINING = "training"
MAX_FIGURES = 4_096
MAX_KEYS = 16
MODES = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)
UNSEEN = 2  # times as many passes are asked for where nothing but training data is looked at
Key = tuple[int, bool, bool]  # loader, net in training mode, gradients recorded: at the start of an iteration


class Training:
    """Consecutive steps of one (model, optimiser) pair in one cell.

    A round begins where the loader that feeds the steps is iterated for training. ``sound``: every step was fed by that
    one loader, which was iterated to its end each time; any other loop is left alone.
    """

    def __init__(self, episode: Any, source: Iteration | None) -> None:
        self.episode = episode
        self.model: ModelRecord | None = episode.model
        self.loader = None if source is None else source.record
        self.sound = source is not None and self.model is not None
        self.whole = True  # no run over the loader was left before its end
        self.keys: set[Key] = set()  # of the iterations that led to steps
        self.running: Iteration | None = None
        self.epochs = 0
        self.before = 0  # epochs in the same cell, before an earlier cut
        self.round: Counter[Key] = Counter()  # other iterations of this round that came to their end
        self.most: Counter[Key] = Counter()  # and at most in any round
        self.judged: set[Any] = set()  # what was judged by
        self._figures: dict[Any, dict[int, tuple[Any, Tensor]]] = {}

    @property
    def can_be_ended(self) -> bool:
        """Whether the loop is known to take what a loader hands out until there is no more: then it may be less."""
        return self.whole and self.epochs > 0 and self.model is not None

    def key(self, iteration: Iteration) -> Key:
        """What tells the iterations of a round apart."""
        training = self.model is not None and self.model.module.training
        return iteration.record.number, training, torch.is_grad_enabled()

    def starts(self, iteration: Iteration) -> bool:
        """A loader is iterated; whether a new round of training begins with it."""
        iteration.key = self.key(iteration)
        if iteration.key not in self.keys:
            return False
        self._require_an_end()
        self.most |= self.round
        self.round.clear()
        self.running = iteration
        return True

    def _require_an_end(self) -> None:
        if self.running is not None and not self.running.finished:
            self.sound = self.whole = False

    def finishes(self, iteration: Iteration) -> None:
        """A loader came to its end."""
        if iteration.stepped:
            self.epochs += 1
        elif iteration.key in self.keys:
            self.sound = False
        elif iteration.key is not None:
            self.round[iteration.key] += 1

    def steps(self, backed: Iterable[Forward], *, plain: bool) -> Iteration | None:
        """A step was made; the iteration that fed it. ``plain``: without a function that computes the loss anew."""
        sources = [forward.source for forward in backed]
        source: Iteration | None = sources[-1] if sources else None
        if source is None:
            self.sound = False
            return None
        self.loader = self.loader or source.record
        if not plain or any(other is None or other.record is not self.loader for other in sources):
            self.sound = False
        if source is not self.running:
            self._require_an_end()
        source.stepped = True
        source.key = source.key or self.key(source)
        self.keys.add(source.key)
        self.running = source
        return source

    @property
    def _epoch(self) -> int:
        """The epoch that is running or has just ended, from 1."""
        return self.epochs + (self.running is not None and not self.running.finished)

    def looks(self, forward: Forward, phase: str, level: Level | None) -> None:
        """A call of the model whose phase is known."""
        key = TRAINING if phase == "train" else data_key(forward)
        if phase != "train":
            self.judged.add(key)
        if level is None or not self.sound or forward.measured or (phase == "train" and self.judged):
            return
        forward.measured = True
        if key not in self._figures and len(self._figures) >= MAX_KEYS:
            return
        found = self._figures.setdefault(key, {})
        of, sums = found.get(self._epoch, (None, None))
        batch = self._measured(forward, phase, level)
        if batch is None:
            found.clear()
        elif len(found) < MAX_FIGURES:
            found[self._epoch] = forward.source, batch if sums is None or of is not forward.source else sums + batch

    def _measured(self, forward: Forward, phase: str, level: Level) -> Tensor | None:
        """What a batch adds to the figure of its pass: by what reached the loss, or else by what the loader said."""
        if phase != "train" and forward.training and self._has_modes():
            return None
        calls: list[tuple[Any, Any]] = [(call.inputs, call.target) for call in forward.losses]
        pairs = calls or [(forward.outputs, forward.targets)]
        return next((sums for pair in pairs if (sums := level.sums(*pair)) is not None), None)

    def _has_modes(self) -> bool:
        """Whether the net is another one while it trains."""
        return self.model is not None and any(isinstance(part, MODES) for part in self.model.module.modules())

    def reached(self, level: Level, *, far: bool = False) -> float | None:
        """The figure with which this training is past the level for good, if it is; asked when a round begins.

        ``far``: figures that are far past it need not be calm, but those of data that it was trained on.
        """
        if not self.sound or self.model is None:
            return None
        unseen: list[list[Tensor]] = []
        seen: list[list[Tensor]] = []
        for key, found in self._figures.items():
            if self.epochs in found:
                (unseen if self._unseen(key) else seen).append([sums for _, sums in found.values()])
        if not unseen and any(self._unseen(key) for key in self.judged):
            return None
        values = [_past(level, figures, unseen=bool(unseen), far=far) for figures in unseen or seen]
        if not values or None in values:
            return None
        if _averages_weights():
            self.sound = False
            return None
        return values[0]

    def _unseen(self, key: Any) -> bool:
        """Whether the net was judged by other data than it was trained on."""
        if self.model is None or key not in self.model.evaluations:
            return False
        return self.model.evaluations[key].overlap(self.model.train_sample.hashes) < OWN


def _past(level: Level, figures: Sequence[Tensor], *, unseen: bool, far: bool) -> float | None:
    value = far_past(level, figures) if unseen and far else None
    return levelled_off(level, figures, 1 if unseen else UNSEEN) if value is None else value


def _averages_weights() -> bool:
    """Whether there is a running average of weights, to which the training goes on to add."""
    return any(issubclass(type(item), AveragedModel) for item in gc.get_objects())
