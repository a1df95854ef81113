"""Watches a training that was never written to be watched: forwards, losses, backwards, optimiser steps."""

import functools
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from . import sources
from .answer import answer
from .direct import Direct
from .episodes import Episode
from .losses import LOSS_LAYERS, LOSSES, LossBook
from .models import Forward, LossCall, ModelRecord
from .nets import inner
from .owners import closure_of, episode_of, let_go, meant_for_training, new_episode, reads
from .shortening import Shortening
from .tensors import first_tensor

MAX_MODELS = 64
MAX_PENDING = 32
MAX_NOTES = 16
SNAPSHOT_SECONDS = 20.0


class State:
    """Everything seen so far."""

    def __init__(self) -> None:
        self.sources = sources.Sources()
        self.losses = LossBook()
        self.models: dict[int, ModelRecord] = {}
        self.models_seen = 0
        self.uses = 0
        self.episodes: dict[tuple[int, int], Episode] = {}
        self.last_episode: Episode | None = None
        self.watched: dict[int, ModelRecord] = {}  # those whose weights are looked at, since no optimiser steps them
        self.stepped_models: dict[tuple[int, ...], ModelRecord | None] = {}
        self.pending: deque[Forward] = deque()
        self.depth = 0
        self.in_loss = False
        self.quiet = False  # the probe itself is at work
        self.names_forward = False  # a cell calls a method of that name
        self.cell: int | None = None
        self.returned_model: Any = None
        self.backwards_since_step = 0
        self.loose_zeros = 0
        self.clock = 0  # steps of any net
        self.zeroed_since_backward = False
        self.last_snapshot = time.monotonic()
        self.snapshot_steps = 0
        self.notes: list[str] = []
        self.settings: dict[str, Any] = {}
        self.shortening = Shortening(self, lambda: settle(stepped=True))

    def model(self, module: nn.Module) -> ModelRecord:
        """The record of a root module; of too many, the one that was not used for the longest time is forgotten."""
        record = self.models.get(id(module))
        if record is None:
            if len(self.models) >= MAX_MODELS:
                self._forget_one()
            record = self.models[id(module)] = ModelRecord(module, self.models_seen)
            self.models_seen += 1
        self.uses += 1
        record.used = self.uses
        return record

    def observe_forward(self, module: nn.Module) -> None:
        """From now on a direct call of ``module.forward`` counts as a call of the module."""
        module.forward = Direct(module, _direct)

    def _forget_one(self) -> None:
        kept = [forward.model for forward in self.pending]
        kept += [self.last_episode.model] if self.last_episode is not None else []
        rest = [key for key, record in self.models.items() if all(record is not other for other in kept)]
        oldest = min(rest or self.models, key=lambda key: self.models[key].used)
        gone = self.models.pop(oldest)
        self.watched.pop(gone.number, None)
        for key in [key for key, episode in self.episodes.items() if episode.model is gone]:
            del self.episodes[key]


STATE = State()


def _harmless(note: Callable[..., None]) -> Callable[..., None]:
    """What cannot be recorded becomes a note; the student's code goes on as if nobody watched."""

    @functools.wraps(note)
    def noted(*args: Any, **kwargs: Any) -> None:
        try:
            note(*args, **kwargs)
        except Exception as problem:  # any kind of tensor or module may come by
            text = f"A part of what the code did could not be recorded ({type(problem).__name__})."
            if text not in STATE.notes and len(STATE.notes) < MAX_NOTES:
                STATE.notes.append(text)

    return noted


def install(settings: dict[str, Any]) -> None:
    """Put the recorder's hooks in place. Called once, before any of the student's code."""
    STATE.settings = settings
    STATE.shortening.prepare(settings)
    sources.install(STATE.sources, lambda: STATE.shortening)
    nn.Module.__call__ = _observed_call(nn.Module.__call__)  # type: ignore[method-assign]
    for name in LOSSES:
        setattr(functional, name, _observed_loss(name, getattr(functional, name)))
    torch.autograd.backward = _observed_backward(torch.autograd.backward)
    torch.autograd.grad = _observed_grad(torch.autograd.grad)
    torch.optim.Optimizer.zero_grad = _observed_zero(torch.optim.Optimizer.zero_grad)  # type: ignore[method-assign]
    nn.Module.zero_grad = _observed_zero(nn.Module.zero_grad)  # type: ignore[method-assign]
    register_optimizer_step_pre_hook(_before_step)
    register_optimizer_step_post_hook(_after_step)


def on_cell_start(info: Any = None) -> None:
    """A cell begins: count it."""
    if info is None or getattr(info, "store_history", True):
        STATE.cell = 0 if STATE.cell is None else STATE.cell + 1
    _harmless(reads)(STATE, str(getattr(info, "raw_cell", "")))


def on_cell_end(_result: Any = None) -> None:
    """A cell ended: write a snapshot if anything was trained since the last, since a later cell may end the process."""
    STATE.shortening.end_of_cell()
    steps = sum(episode.counts["steps"] for episode in STATE.episodes.values())
    if steps != STATE.snapshot_steps:
        STATE.snapshot_steps = steps
        _snapshot(pause=0.0)


def _snapshot(pause: float = SNAPSHOT_SECONDS) -> None:
    if STATE.last_episode is not None and time.monotonic() - STATE.last_snapshot >= pause:
        from . import claims

        claims.write(STATE.settings, complete=False)
        STATE.last_snapshot = time.monotonic()


def _observed_call(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if STATE.depth or STATE.quiet or type(self) in LOSS_LAYERS:
            return original(self, *args, **kwargs)
        return _outermost(self, functools.partial(original, self), args, kwargs)

    return __call__


def _outermost(module: nn.Module, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A call of a module that is not made by another one."""
    module, shortening = inner(module), STATE.shortening
    held = shortening.hold(module) if shortening.coast else []
    STATE.depth = 1
    try:
        with shortening.looking(module, args, kwargs):
            outputs = original(*args, **kwargs)
    finally:
        STATE.depth = 0
        if held:
            shortening.put_back(held)
    if id(module) in STATE.models or next(module.parameters(), None) is not None:
        _note_forward(module, args, kwargs, outputs)
    return outputs


@_harmless
def _note_forward(module: nn.Module, args: Any, kwargs: Any, outputs: Any) -> None:
    record = STATE.model(module)
    output, whole = first_tensor(outputs), answer(outputs, STATE.settings.get("task", ""))
    if output is None or whole is None:
        return
    inputs = first_tensor(args) if args else first_tensor(kwargs)
    record.begin(inputs, whole, args, kwargs)
    record.follow(STATE.last_episode.model if STATE.last_episode is not None else None)
    source, targets = STATE.sources.feeding(inputs)
    forward = Forward(
        record,
        None if inputs is None else inputs.detach(),
        whole.detach(),
        module.training,
        torch.is_grad_enabled(),
        source,
        None if source is None else source.batch,
        targets,
        STATE.cell,
    )
    if STATE.shortening.coast and STATE.shortening.mutes(forward):
        return
    _look_for_update(record)
    if forward.gradients and output.requires_grad:
        output.register_hook(functools.partial(STATE.shortening.goes_back, forward))  # type: ignore[no-untyped-call]
    STATE.pending.append(forward)
    settle(remain=1)


def settle(*, remain: int = 0, stepped: bool = False) -> None:
    """File the calls whose phase is known. ``remain``: how many of the latest stay open; ``stepped``: a step settles
    all."""
    pending = STATE.pending
    while len(pending) > remain:
        head = pending[0]
        if head.gradients and not head.backed and not stepped and remain and len(pending) <= MAX_PENDING:
            return
        pending.popleft()
        _file(head)


def _file(forward: Forward) -> None:
    record, phase = forward.model, forward.phase
    record.take(forward)
    STATE.shortening.filed(forward, phase)
    for call in forward.losses:
        STATE.losses.note(record.number, phase, call)
    sample = record.sample_for(forward, phase)
    if forward.inputs is None or forward.outputs is None or sample is None:
        return
    if sample.wants():
        sample.add(forward.inputs, forward.outputs, *forward.at_the_loss())
    if forward.source is not None and (record.link is None or (phase == "eval" and record.link[3] == "train")):
        record.link = (forward.batch, forward.inputs, forward.source.record.loader, phase)


def _observed_loss(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def loss(*args: Any, **kwargs: Any) -> Any:
        state = STATE
        if state.in_loss or state.quiet:
            return original(*args, **kwargs)
        state.in_loss = True
        try:
            value = original(*args, **kwargs)
        finally:
            state.in_loss = False
        _note_loss(name, args, kwargs, value)
        return value

    return loss


@_harmless
def _note_loss(name: str, args: Any, kwargs: Any, value: Any) -> None:
    inputs = args[0] if args else kwargs.get("input")
    target = args[1] if len(args) > 1 else kwargs.get("target")
    if STATE.pending and not STATE.shortening.muted and all(isinstance(v, Tensor) for v in (inputs, target, value)):
        call = LossCall(name, inputs.detach(), target.detach(), value.detach(), str(kwargs.get("reduction", "mean")))
        if len(STATE.pending[-1].losses) < 4:
            STATE.pending[-1].losses.append(call)


def _observed_backward(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        if STATE.quiet or STATE.shortening.mutes_backward():
            return original(tensors, *args, **kwargs)
        _note_backward(tensors)
        result = original(tensors, *args, **kwargs)
        if STATE.last_episode is not None:
            STATE.last_episode.after_backward()
        STATE.backwards_since_step += 1
        STATE.zeroed_since_backward = False
        _note_gradients()
        return result

    return backward


def _observed_grad(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def grad(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if not STATE.quiet:
            _note_gradients(kwargs.get("inputs", args[1] if len(args) > 1 else ()), result)
        return result

    return grad


@_harmless
def _note_gradients(weights: Any = None, handed_out: Any = None) -> None:
    """Gradients of the net that was called last are there: kept at its weights, or handed out in their order."""
    last = STATE.pending[-1] if STATE.pending else None
    if last is not None and last.backed:
        gradients = None if handed_out is None else {id(p): g for p, g in zip(weights, handed_out, strict=False)}
        last.model.after_backward(STATE.clock, gradients)
        if last.model.hand is not None:
            STATE.watched[last.model.number] = last.model


@_harmless
def _note_backward(tensors: Any) -> None:
    root = first_tensor(tensors)
    episode = STATE.last_episode
    if episode is not None:
        episode.before_backward()
    if STATE.pending and root is not None and root.numel() == 1:
        STATE.pending[-1].root_loss = root.detach()
        STATE.losses.note_graph(STATE.pending[-1], root)


def _observed_zero(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def zero_grad(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not STATE.quiet and not (STATE.shortening.coast and STATE.shortening.mutes_zero(self)):
            if STATE.last_episode is not None:
                STATE.last_episode.counts["zero_grads"] += 1
            else:
                STATE.loose_zeros += 1
            if STATE.backwards_since_step:
                STATE.zeroed_since_backward = True
        return original(self, *args, **kwargs)

    return zero_grad


@_harmless
def _before_step(optimiser: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    closure = closure_of(args, kwargs)
    if STATE.shortening.coast and STATE.shortening.freezes(optimiser, closure=closure is not None):
        return
    episode = episode_of(STATE, optimiser)
    if episode is None:
        return
    let_go(STATE, episode)
    if not episode.before_step() and closure is None:
        episode.counts["steps_with_empty_gradients"] += 1
    if STATE.zeroed_since_backward and closure is None:
        episode.counts["zeroed_before_step"] += 1


@_harmless
def _after_step(optimiser: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    thawed = STATE.shortening.coast and STATE.shortening.thaws()
    episode = None if thawed else episode_of(STATE, optimiser)
    if episode is None:
        return
    backed = [f for f in STATE.pending if f.backed]
    if STATE.backwards_since_step and not backed and not any(p.grad is not None for p in episode.parameters()[:8]):
        episode.counts["detached_backwards"] += 1
    _count_step(episode, backed or meant_for_training(STATE, episode))
    STATE.shortening.stepped(episode, backed, closure=closure_of(args, kwargs) is not None)
    _snapshot()


def _count_step(episode: Episode, calls: list[Forward]) -> None:
    """File a step and the calls of the net that led to it."""
    episode.counts["backwards"] += STATE.backwards_since_step
    if any(not f.training for f in calls):
        episode.counts["steps_in_eval_mode"] += 1
    for forward in calls:
        episode.batch(forward.inputs)
    STATE.backwards_since_step = 0
    STATE.zeroed_since_backward = False
    STATE.clock += 1
    settle(stepped=True)
    if episode.model is not None:
        loss = calls[-1].loss() if calls else None
        episode.model.stepped()
        episode.model.backed = False
        if calls and (loss is not None or calls[-1].losses or calls[-1].root_loss is not None):
            if loss is None:
                episode.counts["non_finite_losses"] += 1
            episode.model.train_curve.add(loss, episode.model.steps)
    episode.after_step(STATE.cell)


@_harmless
def _look_for_update(model: ModelRecord) -> None:
    """File a step if the student's code has moved the weights since the last backward pass."""
    hand = model.hand
    if hand is None or not hand.moved():
        return
    key = id(hand.optimiser)
    episode = STATE.episodes.get((key, model.number)) or new_episode(STATE, hand.optimiser, model, key)
    episode.initial, episode.gradients = hand.initial, hand.gradients
    if STATE.last_episode is None or hand.clock == STATE.clock:
        STATE.last_episode = episode
    STATE.backwards_since_step = max(1, STATE.backwards_since_step)
    _count_step(episode, [f for f in STATE.pending if f.backed and f.model is model])


def finish() -> None:
    """File what is still open: nothing follows any more."""
    for model in list(STATE.watched.values()):
        _look_for_update(model)
    settle(stepped=True)


def _direct(module: nn.Module, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    if STATE.depth or STATE.quiet:
        return original(*args, **kwargs)
    return _outermost(module, original, args, kwargs)
