"""A training that is cut short: its code goes on over single batches, while the net and all records of it stay."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .models import Forward, data_key
from .rounds import Key, Training
from .sources import Iteration, length

CONVERGED = "converged"
BUDGET, TIME = "budget", "time"  # of work; by the clock, which a slow or busy machine ends first
FEWEST_ROUNDS = 200  # that a training may go on in this way before it is trained on,
TIMES = 10  # and as many times the epochs before: a loop may wait for a figure that only more training brings
ENDLESS_S = 180.0  # and after so long, and so many rounds, a loop whose budget is spent is ended, as by hand
ENDLESS_ROUNDS = 1_000
SMALL = 0.5  # of the training items: so few are gone through whole, so that the code's own figures of them stay right


class BudgetSpent(KeyboardInterrupt):
    """Ends a loop that nothing else would end before the hard limit, as if by hand."""


class Coast:
    """From the cut of ``training`` until its cell ends, its weights are changed by hand, or something else trains.

    ``midway``: the iteration in whose middle the cut falls, which ends it.
    """

    def __init__(self, training: Training, reason: str, midway: Iteration | None) -> None:
        self.training = training
        self.reason = reason
        self.midway = midway
        self.rounds = 0
        self._began = time.monotonic()
        self._round: Counter[Key] = Counter()
        self._most = training.most | training.round
        self._judged: dict[Any, Any] = dict.fromkeys(training.judged)
        model = training.model
        self._module = model.module if model is not None else nn.Module()
        self._held = {id(p) for p in self._module.parameters()}
        self._weights = [(p, p.detach().clone()) for p in self._module.parameters()]
        self._gradients = [(p, p.grad, None if p.grad is None else p.grad.clone()) for p in self._module.parameters()]
        self._hidden: list[tuple[Tensor, Tensor | None]] | None = None
        self._kept: list[tuple[Tensor, Tensor]] = []

    # --- loaders ---------------------------------------------------------------------------------------------------

    def starts(self, iteration: Iteration) -> None:
        """A loader is iterated. Those of the rounds before the cut do not count, and are short, as often as in one
        round."""
        key = iteration.key = self.training.key(iteration)
        if key in self.training.keys:
            self.rounds += 1
            self._round.clear()
            iteration.short = self.training.whole
            iteration.counted = False
            return
        self._round[key] += 1
        if self._round[key] <= self._most[key]:
            iteration.short = not self._small(iteration)
            iteration.counted = False

    def finishes(self, iteration: Iteration) -> None:
        """A loader came to its end; once all of it was handed out, it is one of those of a round."""
        if iteration.key is not None and not iteration.short:
            self._most[iteration.key] = max(self._most[iteration.key], self._round[iteration.key])

    def _small(self, iteration: Iteration) -> bool:
        trained = self.training.loader
        whole, part = None if trained is None else _items(trained.loader), _items(iteration.record.loader)
        return whole is not None and part is not None and part <= SMALL * whole

    def ends(self, iteration: Iteration) -> bool:
        """Whether an iteration is over before the loader's end."""
        return iteration is self.midway or (iteration.short and iteration.batches > 0)

    def goes_on(self) -> bool:
        """Whether nobody changed the weights by hand, and the loop is not one that waits for something."""
        if self.reason == CONVERGED and self.rounds >= max(FEWEST_ROUNDS, TIMES * self.training.epochs):
            return False
        with torch.no_grad():
            return all(p.shape == kept.shape and torch.equal(p, kept) for p, kept in self._weights)

    @property
    def over_budget(self) -> bool:
        """Whether it was cut since nothing may be trained any more."""
        return self.reason != CONVERGED

    def is_endless(self) -> bool:
        """Whether the budget is spent and the loop may never end."""
        many = self.rounds >= max(ENDLESS_ROUNDS, TIMES * self.training.epochs)
        return self.over_budget and many and time.monotonic() - self._began > ENDLESS_S

    # --- calls of the model ----------------------------------------------------------------------------------------

    def covers(self, module: nn.Module) -> bool:
        """Whether a module is the net that was cut, or a part of it, or holds it."""
        return any(id(p) in self._held for p in module.parameters())

    def steps_by(self, optimiser: torch.optim.Optimizer) -> bool:
        """Whether it is the one whose training was cut."""
        return optimiser is self.training.episode.optimiser

    def shares(self, optimiser: torch.optim.Optimizer) -> bool:
        """Whether an optimiser holds weights of the net."""
        return any(id(p) in self._held for group in optimiser.param_groups for p in group["params"])

    def hold(self, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Buffers that a call may change, each with a copy."""
        return [(b, b.detach().clone()) for b in module.buffers()] if self.covers(module) else []

    def mutes(self, forward: Forward) -> bool:
        """Whether a call of the net is left out of the records: all are but the first look at other data."""
        source = forward.source
        if source is None and forward.training and forward.gradients:
            return True
        if source is not None and (source.short or source is self.midway or source.key in self.training.keys):
            return True
        key = data_key(forward)
        if key in self._judged:
            return source is None or self._judged[key] is not source
        self._judged[key] = source
        return False

    # --- steps -----------------------------------------------------------------------------------------------------

    def hide_gradients(self, optimiser: torch.optim.Optimizer, *, closure: bool) -> None:
        """Optimisers leave weights without a gradient alone. A function that computes the loss anew makes gradients in
        the middle of the step, so the weights are put back after it."""
        held = [p for group in optimiser.param_groups for p in group["params"]]
        self._hidden = [(p, p.grad) for p in held if p.grad is not None]
        self._kept = [(p, p.detach().clone()) for p in held] if closure else []
        for parameter, _ in self._hidden:
            parameter.grad = None

    def show_gradients(self) -> bool:
        """After the step; whether there was one."""
        if self._hidden is None:
            return False
        put_back(self._kept)
        for parameter, gradient in self._hidden:
            if parameter.grad is None:
                parameter.grad = gradient
        self._hidden, self._kept = None, []
        return True

    def put_back_gradients(self) -> None:
        """Leave the gradients as they were at the cut."""
        for parameter, gradient, copy in self._gradients:
            parameter.grad = gradient
            if gradient is not None and copy is not None:
                put_back([(gradient, copy)])


def put_back(held: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Give tensors their former values, unseen by autograd: a backward pass may still need them."""
    for tensor, copy in held:
        tensor.data.copy_(copy)


def _items(loader: Any) -> int | None:
    found = length(getattr(loader, "dataset", None))
    return length(loader) if found is None else found
