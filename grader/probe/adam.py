"""Adam on a processor in one pass over the weights, as torch itself can do it when it is asked to."""

import functools
from collections.abc import Callable
from operator import is_
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch.autograd.graph import increment_version
from torch.optim import adam, adamw

from .tensors import all_plain

LISTS = 6  # weights, gradients, both averages, the largest averages, steps
FLAGS = ("amsgrad", "maximize", "decoupled_weight_decay")
NUMBERS = ("lr", "beta1", "beta2", "weight_decay", "eps")
Step = Callable[..., None]


def install() -> None:
    """From now on Adam and AdamW take torch's fused way where they would go through the weights one by one."""
    _replace(adam, "_single_tensor_adam", "_fused_adam")
    _replace(adamw, "_single_tensor_adamw", "_fused_adamw")


def _replace(module: ModuleType, name: str, fused: str) -> None:
    if hasattr(module, name) and hasattr(module, fused) and hasattr(torch, "_fused_adam_"):
        setattr(module, name, _quick(getattr(module, name), getattr(module, fused)))


def _quick(original: Step, fused: Step) -> Step:
    @functools.wraps(original)
    def step(*lists: Any, **settings: Any) -> None:
        if not _usual(lists, settings):
            original(*lists, **settings)
            return
        fused(*lists, **settings)
        changed = [value for values in (lists[0], *lists[2:LISTS]) for value in values]
        increment_version(changed)  # the fused way forgets that a graph may need the former values

    return step


def _usual(lists: tuple[Any, ...], settings: dict[str, Any]) -> bool:
    """Whether all are plain numbers, and weights, gradients and averages belong together: the fused way does not check
    it, and reads and writes where it must not."""
    if len(lists) < LISTS or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return False
    if any(settings.get(name) for name in ("capturable", "differentiable", "has_complex", "amsgrad")):
        return False
    if any(type(settings.get(name, False)) is not bool for name in FLAGS):
        return False
    if any(type(settings.get(name, 0.0)) not in (int, float) for name in NUMBERS):
        return False
    weights, gradients, means, squares, largest, steps = lists[:LISTS]
    if largest or len({len(values) for values in (weights, gradients, means, squares, steps)}) > 1:
        return False
    if len(set(map(id, weights))) < len(weights) or not all_plain([*weights, *gradients]):
        return False
    shapes = _shapes(means, squares, steps)
    return shapes is not None and all(
        weight.shape == shape and gradient.shape == shape
        for weight, gradient, shape in zip(weights, gradients, shapes, strict=True)
    )


class _Known(NamedTuple):
    """Averages and counters as an optimiser keeps them from step to step, and where their numbers lie: looked into
    once, then known again."""

    state: list[Any]
    places: list[tuple[int, int]]
    shapes: list[torch.Size]


LATEST = [_Known([], [], [])]


def _shapes(means: list[Any], squares: list[Any], steps: list[Any]) -> list[torch.Size] | None:
    """Those of both averages, if these and the counters are plain numbers that belong together."""
    state = [*means, *squares, *steps]
    known = LATEST[0]
    if len(state) == len(known.state) and all(map(is_, state, known.state)) and _places(state) == known.places:
        return known.shapes
    if not all_plain(state) or len(set(map(id, steps))) < len(steps):
        return None
    shapes = [mean.shape for mean in means]
    if shapes != [square.shape for square in squares] or any(step.numel() != 1 for step in steps):
        return None
    LATEST[0] = _Known(state, _places(state), shapes)
    return shapes


def _places(state: list[Any]) -> list[tuple[int, int]]:
    return [(value.data_ptr(), value.numel()) for value in state]
