"""Which net and which episode a step belongs to. ``state``: the recorder's."""

from typing import Any

import torch

from .direct import calls_forward, is_usual, names_forward
from .episodes import Episode
from .models import Forward, ModelRecord, module_with
from .nets import only_holds

MAX_EPISODES = 64


def episode_of(state: Any, optimiser: torch.optim.Optimizer) -> Episode | None:
    """The episode a step belongs to, made at its first step; the zero_grads before it are counted in."""
    backed = [f.model for f in state.pending if f.backed]
    last = state.last_episode
    if last is not None and last.optimiser is optimiser and (not backed or any(m is last.model for m in backed)):
        return last  # type: ignore[no-any-return]
    model = _stepped_model(state, optimiser, backed)
    key = (id(optimiser), model.number if model is not None else -1)
    found: Episode = state.episodes.get(key) or new_episode(state, optimiser, model, key[0])
    state.last_episode = found
    return found


def new_episode(state: Any, optimiser: Any, model: ModelRecord | None, number: int) -> Episode:
    """A new episode under this number; the zero_grads so far are counted in."""
    if len(state.episodes) >= MAX_EPISODES:
        state.episodes.pop(next(iter(state.episodes)))
    episode = state.episodes[number, model.number if model is not None else -1] = Episode(optimiser, model, state.cell)
    episode.counts["zero_grads"] += state.loose_zeros
    state.loose_zeros = 0
    return episode


def _stepped_model(state: Any, optimiser: torch.optim.Optimizer, backed: list[ModelRecord]) -> ModelRecord | None:
    """The model that holds what an optimiser steps. Looked for once: a search among all objects takes long."""
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    key = (id(optimiser), len(held), *(m.number for m in backed))
    if key not in state.stepped_models:
        model = next((m for m in reversed(backed) if any(id(p) in held for p in m.module.parameters())), None)
        if model is None or not held <= {id(p) for p in model.module.parameters()}:
            model = _outer_model(state, optimiser, backed) or model or _net_of_a_mistake(optimiser, backed)
        elif state.names_forward or calls_forward(type(model.module)):
            observe(state, model.module)
        if len(state.stepped_models) >= MAX_EPISODES:
            state.stepped_models.clear()
        state.stepped_models[key] = model
    return state.stepped_models[key]  # type: ignore[no-any-return]


def _net_of_a_mistake(optimiser: torch.optim.Optimizer, backed: list[ModelRecord]) -> ModelRecord | None:
    """The net that was trained, where the optimiser holds nothing that any gradient reached: another net's weights."""
    reached = any(p.grad is not None for group in optimiser.param_groups for p in group["params"])
    return backed[-1] if backed and not reached else None


def _outer_model(state: Any, optimiser: torch.optim.Optimizer, backed: list[ModelRecord]) -> ModelRecord | None:
    """The module around parts that were called one by one (``model.forward(x)``, or layers used from outside)."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    held = {id(p) for p in parameters}
    known: list[ModelRecord] = [m for m in state.models.values() if held <= {id(p) for p in m.module.parameters()}]
    if known and not backed:
        return known[-1]
    module = module_with(parameters, [m.module for m in backed]) if parameters else None
    if module is None or only_holds(module):
        return None
    record: ModelRecord = state.model(module)
    observe(state, module)
    return record


def observe(state: Any, module: torch.nn.Module) -> None:
    """Let calls of the net's ``forward`` itself count as calls of the net."""
    if is_usual(module):
        state.observe_forward(module)


def reads(state: Any, text: str) -> None:
    """A cell with this text begins: nets may be called through ``forward`` in it, or from now on."""
    if ".forward" in text and names_forward(text):
        state.names_forward = True
        for model in state.models.values():
            if model.steps and not only_holds(model.module):
                observe(state, model.module)


def let_go(state: Any, episode: Episode) -> None:
    """Look no longer for other updates of what an optimiser steps."""
    if episode.model is not None:
        episode.model.optimised = True
    held = {id(p) for p in episode.parameters()} if state.watched else set()
    for model in list(state.watched.values()):
        if model is episode.model or any(id(p) in held for p in model.module.parameters()):
            model.optimised, model.hand = True, None
            del state.watched[model.number]


def meant_for_training(state: Any, episode: Episode) -> list[Forward]:
    """The call right before a step that no backward pass came before."""
    if episode.model is None or episode.model.backed:
        return []
    found = [f for f in state.pending if f.gradients and f.model is episode.model][-1:]
    for forward in found:
        forward.stepped = True
    return found


def closure_of(args: Any, kwargs: Any) -> Any:
    """The function that computes the loss anew, if the step was given one."""
    if kwargs and kwargs.get("closure"):
        return kwargs["closure"]
    for value in args:
        if callable(value) and not isinstance(value, torch.optim.Optimizer):
            return value
    return None
