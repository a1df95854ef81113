"""What is remembered of one model: its passes, its loss curves and the rows it consumed."""

import gc
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from .curves import Curve
from .hand import Hand
from .nets import alike
from .samples import Sample
from .tensors import finite, keep, row_numel

MAX_PASSES = 560
MAX_EVALUATIONS = 8
OWN = 0.5  # share of the judged rows that were trained on, from which they count as training data
CALL_ROWS = 8


class Evaluation:
    """Evaluation passes of a model over one set of data."""

    def __init__(self) -> None:
        self.sample = Sample(fresh=True)
        self.passes = 0
        self.last_pass: Any = None
        self.loader: Any = None

    def overlap(self, trained_on: set[int]) -> float:
        """Share of its rows that the model was trained on."""
        return len(self.sample.hashes & trained_on) / max(1, len(self.sample.hashes))


@dataclass
class Forward:
    """One call of a model, until it is known whether a backward pass went through it."""

    model: "ModelRecord"
    inputs: Tensor | None
    outputs: Tensor | None
    training: bool
    gradients: bool
    source: Any  # the iteration that fed it, or None
    batch: Any  # what that iteration had handed out
    targets: Tensor | None  # the second part of it
    cell: int | None
    backed: bool = False
    stepped: bool = False  # no backward pass came, yet a step followed at once: it was meant for training
    measured: bool = False  # it counts in the figure of its pass
    losses: list["LossCall"] = field(default_factory=list)
    root_loss: Any = None  # value backward was called on

    @property
    def samples(self) -> int:
        """Rows of the batch."""
        return int(self.inputs.shape[0]) if self.inputs is not None and self.inputs.dim() else 1

    def mark(self, _gradient: Tensor) -> None:
        """A backward pass goes through it."""
        self.backed = True
        if not self.stepped:
            self.model.backed = True

    @property
    def phase(self) -> str:
        """``train`` or ``eval``, once that is known."""
        return "train" if self.backed or self.stepped else "eval"

    def at_the_loss(self) -> tuple[Tensor | None, Tensor | None]:
        """What reached the loss, and the targets; a loss that saw a part of the answer only does not tell them."""
        last = self.losses[-1] if self.losses else None
        whole = row_numel(self.outputs)
        parts = last is not None and max(row_numel(last.inputs), row_numel(last.target)) < whole
        if last is None or (parts and whole == row_numel(self.targets)):
            return None, self.targets
        return last.inputs, last.target

    def loss(self) -> float | None:
        """The loss of this batch, if one was computed."""
        if len(self.losses) == 1:
            return self.losses[0].number
        if self.root_loss is not None:
            return finite(self.root_loss)
        return self.losses[-1].number if self.losses else None


@dataclass
class LossCall:
    """One call of a loss function."""

    kind: str
    inputs: Tensor
    target: Tensor
    value: Tensor
    reduction: str
    _number: Any = field(default=..., init=False, repr=False, compare=False)  # ``...``: not looked at yet

    @property
    def number(self) -> float | None:
        """Its mean, or None if that is not finite; looked at once, and not before it is asked for."""
        if self._number is ...:
            count = self.value.numel()
            self._number = finite(self.value if count == 1 else self.value.float().mean()) if count else None
        return self._number  # type: ignore[no-any-return]


class ModelRecord:
    """All that is remembered of one root module."""

    def __init__(self, module: nn.Module, number: int) -> None:
        self.module = module
        self.number = number
        self.used = 0  # when it was last asked for; the larger, the later
        self.steps = 0
        self.called: tuple[Tensor, int] | None = None  # some input rows of the first call, and the output's width
        self.call: tuple[Any, Any] | None = None  # all that the net was given in it, if that was several tensors
        self.copy_of: ModelRecord | None = None  # the net that was trained, of which this one has the form
        self._compared: ModelRecord | None = None
        self.passes: list[dict[str, Any]] = []
        self.passes_dropped = 0
        self.train_curve = Curve()
        self.eval_curve = Curve()
        self.train_sample = Sample(fresh=False)
        self.evaluations: dict[Any, Evaluation] = {}  # by what was evaluated: a dataset, or the size of a tensor
        self.train_loader: Any = None
        self.backed = False  # whether a backward pass came since its last step
        self.optimised = False  # whether an optimiser has stepped it
        self.hand: Hand | None = None  # its weights, until then
        self.link: tuple[Any, Tensor, Any, str] | None = (
            None  # (batch as loaded, model input, loader, phase) of one call
        )
        self._open: dict[str, Any] | None = None

    def begin(self, inputs: Tensor | None, output: Tensor, args: Any, kwargs: Any) -> None:
        """Keep some rows of the first call."""
        if self.called is not None or inputs is None or not inputs.dim() or not output.dim():
            return
        self.called = keep(inputs, CALL_ROWS), int(output.shape[1]) if output.dim() > 1 else 0
        if sum(isinstance(value, Tensor) for value in (*args, *kwargs.values())) > 1:
            count = len(inputs)
            self.call = (
                [_few(value, count) for value in args],
                {name: _few(value, count) for name, value in kwargs.items()},
            )

    def follow(self, trained: "ModelRecord | None") -> None:
        """Note whether it may be a copy of the net that is trained, such as an average of its weights."""
        if trained is None or trained is self or self.tried or self._compared is trained:
            return
        self._compared = trained
        self.copy_of = trained if alike(self.module, trained.module) else None

    @property
    def age(self) -> int:
        """Steps of the training that made its weights what they are."""
        return self.steps if self.copy_of is None else self.copy_of.steps

    def take(self, forward: Forward) -> None:
        """File a call whose phase is now known."""
        current = self._pass_for(forward)
        current["forwards"] += 1
        current["samples"] += forward.samples
        current["in_training_mode"] += forward.training
        current["with_gradients"] += forward.gradients
        loss = forward.loss()
        if loss is not None:
            current["_sum"] += loss
            current["_count"] += 1
        elif forward.losses or forward.root_loss is not None:
            current["_bad"] += 1
        current["step"] = self.age

    def _pass_for(self, forward: Forward) -> dict[str, Any]:
        now, phase = self._open, forward.phase
        if now is None or now["phase"] != phase or now["_source"] is not forward.source:
            self.close_pass()
            now = {
                "phase": phase,
                "forwards": 0,
                "samples": 0,
                "steps": 0,
                "in_training_mode": 0,
                "with_gradients": 0,
                "step": self.age,
                "cell": forward.cell,
                "_sum": 0.0,
                "_count": 0,
                "_bad": 0,
                "_source": forward.source,
            }
            self._open = now
        return now

    @property
    def tried(self) -> bool:
        """Whether it was trained, or at least a backward pass went through it."""
        return self.steps > 0 or self.hand is not None

    def sample_for(self, forward: Forward, phase: str) -> Sample | None:
        """Where the rows of a filed call are kept; None if they are not."""
        if phase == "train":
            if forward.source is not None:
                self.train_loader = forward.source.record.loader
            return self.train_sample
        if not self.tried and self.copy_of is None:
            return None
        key = data_key(forward)
        if key not in self.evaluations and len(self.evaluations) >= MAX_EVALUATIONS:
            return None
        evaluation = self.evaluations.get(key)
        if evaluation is None:
            evaluation = self.evaluations[key] = Evaluation()
        if evaluation.last_pass is not self._open:
            evaluation.last_pass = self._open
            evaluation.passes += 1
            evaluation.loader = forward.source.record.loader if forward.source is not None else None
            evaluation.sample.begin_pass()
        return evaluation.sample

    def validation(self) -> Evaluation | None:
        """The evaluation that is the student's validation: not the training rows, then the one made most often."""
        trained = self.copy_of or self

        def rank(item: Evaluation) -> tuple[bool, int, int]:
            return trained.sees_new_data(item), item.passes, len(item.sample.hashes)

        return max(self.evaluations.values(), key=rank, default=None)

    def sees_new_data(self, evaluation: Evaluation) -> bool:
        """Whether it was not made of what this net was trained on; a loader may make that anew each time."""
        anew = evaluation.loader is not None and evaluation.loader is self.train_loader
        return not anew and evaluation.overlap(self.train_sample.hashes) < OWN

    def close_pass(self) -> None:
        """End the open pass and file it."""
        now, self._open = self._open, None
        if now is None:
            return
        good = now["_count"] and not now["_bad"]
        now["loss"] = finite(now["_sum"] / now["_count"]) if good else None
        if now["phase"] == "eval" and (now["_count"] or now["_bad"]) and now["step"]:
            self.eval_curve.add(now["loss"], now["step"])
        if len(self.passes) >= MAX_PASSES:  # keep the first and the latest ones
            del self.passes[MAX_PASSES // 2]
            self.passes_dropped += 1
        self.passes.append(now)

    def after_backward(self, clock: int, gradients: Any = None) -> None:
        """A backward pass went through it: its weights are watched, unless an optimiser steps them anyway."""
        self._stand_alone()
        if self.optimised or not any(p.requires_grad for p in self.module.parameters()):
            return
        if self.hand is None:
            self.hand = Hand(self.module)
        self.hand.clock = clock
        self.hand.after_backward(gradients)

    def _stand_alone(self) -> None:
        """It is trained itself: what was seen of it as another net's copy was before that."""
        self._compared = None
        if self.copy_of is None:
            return
        self.copy_of = None
        self.evaluations.clear()
        self.eval_curve = Curve()
        for earlier in [*self.passes, *([self._open] if self._open is not None else [])]:
            earlier["step"] = 0

    def stepped(self) -> None:
        """A step has updated this model."""
        self._stand_alone()
        self.steps += 1
        if self._open is not None and self._open["phase"] == "train":
            self._open["steps"] += 1
            self._open["step"] = self.steps


def _few(value: Any, count: int) -> Any:
    """Some rows of a tensor that has one for each item."""
    if not isinstance(value, Tensor):
        return value
    return keep(value, CALL_ROWS if value.dim() and len(value) == count else None)


def data_key(forward: Forward) -> Any:
    """What a call looked at: what a loader goes over, or so many rows of whatever it was."""
    return forward.source.record.data if forward.source is not None else ("rows", forward.samples)


def dataset_of(source: Any) -> Any:
    """The data set that an iteration hands out; None without one."""
    return None if source is None else getattr(source.record.loader, "dataset", None)


def module_with(parameters: list[nn.Parameter], known: list[nn.Module]) -> nn.Module | None:
    """The smallest live module that holds these parameters and all of the ``known`` modules' parameters."""
    wanted = {id(p) for p in parameters} | {id(p) for m in known for p in m.parameters()}
    best: tuple[int, nn.Module] | None = None
    for item in gc.get_objects():
        try:
            if not issubclass(type(item), nn.Module):  # isinstance would wake lazy proxies
                continue
            held = {id(p) for p in item.parameters()}
        except ReferenceError:
            continue
        if wanted <= held and (best is None or len(held) < best[0]):
            best = (len(held), item)
    return best[1] if best else None
