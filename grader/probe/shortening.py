"""Cuts a training short once it has certainly reached full marks, or once its budget is spent."""

import functools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .coasting import BUDGET, CONVERGED, TIME, BudgetSpent, Coast, put_back
from .level import Level
from .models import Forward
from .rounds import Training
from .sources import Iteration
from .tensors import finite
from .work import NOTHING, Work

MAX_CLAIMS = 32
SPENT = "The rubric's budget for training was spent, and the loop went on and on; it was ended here."
DEAR = 10.0  # seconds of work, from which on a training need not come to rest far past the level
PROBLEM = "Whether trainings can be cut short could not be followed ({}); from then on they were left alone."
Method = TypeVar("Method", bound=Callable[..., Any])


def _harmless(answer: Any) -> Callable[[Method], Method]:
    """What fails here ends all shortening and becomes a note; the student's code goes on as if there were none."""

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def guarded(self: "Shortening", *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except Exception as problem:  # any kind of loader, module or optimiser may come by
                self.give_up(problem)
                return answer

        return guarded  # type: ignore[return-value]

    return decorate


class Shortening:
    """Follows the training that goes on and cuts it. ``state``: the recorder's; ``settle``: files its open calls."""

    def __init__(self, state: Any, settle: Callable[[], None]) -> None:
        self._state = state
        self._settle = settle
        self.claims: list[dict[str, Any]] = []
        self.coast: Coast | None = None
        self.muted = False  # the latest call of a model is left out of the records
        self._training: Training | None = None
        self._earlier: Training | None = None  # that was cut in this cell and then went on
        self._level: Level | None = None
        self._work: Work | None = None
        self._budget: float | None = None
        self._spent = 0.0  # seconds of training in cells that have ended
        self._first = self._last = 0.0  # first and last step in this cell, by the clock

    @_harmless(None)
    def prepare(self, settings: dict[str, Any]) -> None:
        """Read the host's ``sparing`` settings."""
        sparing = settings.get("sparing") or {}
        self._budget = finite(sparing.get("budget_s"))
        work = finite(sparing.get("work"))
        self._work = None if work is None else Work(work)
        rule = sparing.get("converged")
        self._level = Level(rule) if rule else None

    def give_up(self, problem: Exception) -> None:
        """Shorten nothing any more."""
        self.coast, self._training, self._level, self.muted = None, None, None, False
        self._budget, self._work = None, None
        note = PROBLEM.format(type(problem).__name__)
        if note not in self._state.notes:
            self._state.notes.append(note)

    # --- loaders ---------------------------------------------------------------------------------------------------

    @_harmless(None)
    def starts(self, iteration: Iteration) -> None:
        """A loader is iterated: ``iteration`` is told whether it hands out a single batch, and whether it counts.
        Raises ``BudgetSpent`` in a loop without an end."""
        if self._state.quiet:
            return
        if self.coast is not None and not self.coast.goes_on():
            self.end()
        if self.coast is None and self._training is not None:
            for forward in self._state.pending:
                if forward.model is self._training.model and not forward.backed:
                    self._training.looks(forward, "eval", self._level)
            if self._training.starts(iteration):
                self._judge(self._training, iteration)
        if self.coast is not None:
            self.coast.starts(iteration)
            if self.coast.is_endless():
                raise BudgetSpent(SPENT)

    def _judge(self, training: Training, iteration: Iteration) -> None:
        """Whether a training ends before its next round."""
        dear = self._work is not None and self._work.done >= DEAR
        value = None if self._level is None else training.reached(self._level, far=dear)
        if value is not None:
            self._cut(training, CONVERGED, iteration, value)
        elif (spent := self._spent_budget()) and training.can_be_ended:
            self._cut(training, spent, iteration)

    @_harmless(False)
    def ends(self, iteration: Iteration) -> bool:
        """Whether the next batch of an iteration is not handed out."""
        if self.coast is None:
            if iteration.short and iteration.batches:  # it goes on as any other
                iteration.short, iteration.counted = False, True
                iteration.record.iterations += 1
            return False
        if not self.coast.ends(iteration):
            return False
        if iteration is self.coast.midway and not iteration.finished:
            iteration.finished = True
            iteration.record.finished += 1
        return True

    @_harmless(None)
    def finishes(self, iteration: Iteration) -> None:
        """A loader came to its end."""
        if self.coast is not None:
            self.coast.finishes(iteration)
        elif self._training is not None:
            self._training.finishes(iteration)

    # --- calls of models ---------------------------------------------------------------------------------------------

    @_harmless(NOTHING)
    def looking(self, module: nn.Module, args: Any, kwargs: Any) -> AbstractContextManager[Any]:
        """In which to make a call of a module, so that the work it makes becomes known."""
        return NOTHING if self._work is None or self.coast is not None else self._work.looking(module, args, kwargs)

    @_harmless(())
    def hold(self, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Buffers to put back after a call of a module, each with a copy."""
        return self.coast.hold(module) if self.coast is not None else []

    @_harmless(None)
    def put_back(self, held: list[tuple[Tensor, Tensor]]) -> None:
        """Give buffers the values that they had before a call."""
        put_back(held)

    @_harmless(False)
    def mutes(self, forward: Forward) -> bool:
        """Whether a call is left out of the records."""
        coast = self.coast
        self.muted = coast is not None and coast.covers(forward.model.module) and coast.mutes(forward)
        return self.muted

    @_harmless(None)
    def goes_back(self, forward: Forward, gradient: Tensor) -> None:
        """A backward pass goes through a call."""
        forward.mark(gradient)
        if self._work is not None:
            self._work.add(forward)

    @_harmless(None)
    def filed(self, forward: Forward, phase: str) -> None:
        """The phase of a call is known."""
        if self._training is not None and self.coast is None and forward.model is self._training.model:
            self._training.looks(forward, phase, self._level)

    @_harmless(False)
    def mutes_backward(self) -> bool:
        """Whether a backward pass is left out of the records. One through another net ends the coasting; once the
        time is over, it is the next to be cut."""
        pending = self._state.pending
        if self.coast is not None:
            other = next((f for f in reversed(pending) if f.gradients), None)
            if self.muted or other is None:
                return True
            if self.coast.covers(other.model.module):
                pending.clear()
                return True
            self.end()
        last = pending[-1] if pending else None
        known = self._training.model if self._training is not None else None
        spent = self._spent_budget()
        if last is None or last.source is None or last.model is known or not spent:
            return False
        pending.pop()
        training = Training(_Unrecorded(last.model), last.source)
        training.steps([last], plain=True)
        self._cut(training, spent, last.source, midway=last.source.record.finished > 0)
        self.muted = True
        return True

    @_harmless(False)
    def mutes_zero(self, target: Any) -> bool:
        """Whether clearing of gradients is left out of the records."""
        coast = self.coast
        if coast is None or isinstance(target, nn.Module):
            return coast is not None and coast.covers(target)
        if coast.steps_by(target) or (coast.over_budget and coast.shares(target)):
            return True
        if coast.shares(target):
            self.end(put_back=False)
        return False

    # --- steps -------------------------------------------------------------------------------------------------------

    @_harmless(False)
    def freezes(self, optimiser: torch.optim.Optimizer, *, closure: bool) -> bool:
        """Whether a step that begins must change nothing."""
        coast = self.coast
        if coast is None:
            return False
        if not coast.steps_by(optimiser) and not (coast.over_budget and coast.shares(optimiser)):
            self.end(put_back=False)
            return False
        coast.hide_gradients(optimiser, closure=closure)
        return True

    @_harmless(False)
    def thaws(self) -> bool:
        """Whether the step that ended was frozen."""
        return self.coast is not None and self.coast.show_gradients()

    @_harmless(None)
    def stepped(self, episode: Any, backed: list[Forward], *, closure: bool) -> None:
        """A step was made and recorded."""
        training, now = self._training, time.monotonic()
        self._first, self._last = self._first or now, now
        if training is None or training.episode is not episode:
            source = backed[-1].source if backed else None
            training = self._training = Training(episode, source)
            if self._earlier is not None and self._earlier.episode is episode:
                training.before = self._earlier.before + self._earlier.epochs
        source = training.steps(backed, plain=not closure)
        spent = self._spent_budget()
        if source is not None and spent and training.can_be_ended:
            self._cut(training, spent, source, midway=True)

    def _spent_budget(self) -> str:
        """The reason why nothing may be trained any more; empty while it may."""
        if self._work is not None and self._work.is_spent:
            return BUDGET
        late = self._budget is not None and self._spent + self._last - self._first > self._budget
        return TIME if late else ""

    # --- the cut -----------------------------------------------------------------------------------------------------

    def _cut(
        self,
        training: Training,
        reason: str,
        iteration: Iteration,
        value: float | None = None,
        *,
        midway: bool = False,
    ) -> None:
        self._settle()
        self.coast = Coast(training, reason, iteration if midway else None)
        model = training.model
        if len(self.claims) >= MAX_CLAIMS:  # keep the first and the latest ones
            del self.claims[MAX_CLAIMS // 2]
        self.claims.append(
            {
                "reason": reason,
                "model_id": model.number if model is not None else 0,
                "cell": self._state.cell,
                "step": model.steps if model is not None else 0,
                "epochs": training.before + training.epochs,
                "metric": self._level.metric if self._level is not None and value is not None else "",
                "value": finite(value),
            }
        )

    @_harmless(None)
    def end(self, *, put_back: bool = True) -> None:
        """The training is no longer cut short. ``put_back``: its gradients are those of before the cut."""
        coast, self.coast, self.muted, self._training = self.coast, None, False, None
        if coast is not None:
            self._earlier = coast.training
            if put_back:
                coast.put_back_gradients()

    @_harmless(None)
    def end_of_cell(self) -> None:
        """A cell ended, or all of them did."""
        self.end()
        self._earlier = None
        self._spent += self._last - self._first
        self._first = self._last = 0.0


class _Unrecorded:
    """Stands for the episode of a training that began when the budget was spent already."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.optimiser = None
