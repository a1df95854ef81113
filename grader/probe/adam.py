"""Adam on a processor in one pass over the weights, as torch itself can do it when it is asked to."""

import functools
from collections import deque
from collections.abc import Callable
from operator import is_
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.optim import adam, adamw

from .tensors import DTYPE, FLOATS, SHAPE, all_plain

LISTS = 6  # weights, gradients, both averages, the largest averages, steps
ODD = ("capturable", "differentiable", "has_complex", "amsgrad")
FLAGS = ("amsgrad", "maximize", "decoupled_weight_decay")
NUMBERS = ("lr", "beta1", "beta2", "weight_decay", "eps")
FLAG, NUMBER = frozenset({bool}), frozenset({int, float})
Step = Callable[..., None]


def install() -> None:
    """From now on Adam and AdamW take torch's fused way where they would go through the weights one by one."""
    _replace(adam, "_single_tensor_adam", decoupled=False)
    _replace(adamw, "_single_tensor_adamw", decoupled=True)


def _replace(module: ModuleType, name: str, *, decoupled: bool) -> None:
    if hasattr(module, name) and hasattr(torch, "_fused_adam_") and hasattr(torch, "_fused_adamw_"):
        setattr(module, name, _quick(getattr(module, name), decoupled=decoupled))


def _quick(original: Step, *, decoupled: bool) -> Step:
    """``decoupled``: how weights decay where the settings do not say it."""

    @functools.wraps(original)
    def step(*lists: Any, **settings: Any) -> None:
        known = _usual(lists, settings)
        if known is None:
            original(*lists, **settings)
            return
        weights, gradients, means, squares, largest, steps = lists
        fused = torch._fused_adamw_ if settings.get("decoupled_weight_decay", decoupled) else torch._fused_adam_
        for counter in known.counters:
            counter[()] += 1.0  # a tenth of the time that torch takes for it
        fused(
            weights,
            gradients,
            means,
            squares,
            largest,
            steps,
            amsgrad=False,
            lr=settings["lr"],
            beta1=settings["beta1"],
            beta2=settings["beta2"],
            weight_decay=settings["weight_decay"],
            eps=settings["eps"],
            maximize=settings["maximize"],
            grad_scale=None,
            found_inf=None,
        )
        increment_version([*weights, *known.state])  # the fused way forgets that a graph may need the former values

    return step


def _usual(lists: tuple[Any, ...], settings: dict[str, Any]) -> "_Known | None":
    """Averages and counters, if all are plain numbers, and weights, gradients and averages belong together: the fused
    way does not check it, and reads and writes where it must not."""
    if len(lists) != LISTS or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return None
    get = settings.get
    if get("grad_scale") is not None or get("found_inf") is not None or any(map(get, ODD)):
        return None
    if not FLAG.issuperset([type(get(name, False)) for name in FLAGS]):
        return None
    if not NUMBER.issuperset([type(get(name)) for name in NUMBERS]):
        return None
    weights, gradients, means, squares, largest, steps = lists
    count = len(weights)
    if largest or not count == len(gradients) == len(means) == len(squares) == len(steps) > 0:
        return None
    if len(set(map(id, weights))) < count or not all_plain([*weights, *gradients]):
        return None
    known = _known(means, squares, steps)
    fits = known is not None and known.shapes[:count] == list(map(SHAPE, weights)) == list(map(SHAPE, gradients))
    return known if fits else None


class _Known(NamedTuple):
    """Averages and counters as an optimiser keeps them from step to step, and where their numbers lie: looked into
    once, then known again. ``shapes``: of all of them; ``counters``: the numbers of the counters."""

    state: list[Any]
    places: list[int]
    shapes: list[torch.Size]
    counters: list[Any]


LATEST: deque[_Known] = deque(maxlen=2)  # two groups of weights, or two nets, often take turns


def _known(means: list[Any], squares: list[Any], steps: list[Any]) -> _Known | None:
    """These, if they are plain numbers that belong together."""
    state = [*means, *squares, *steps]
    for known in tuple(LATEST):
        if (
            len(state) == len(known.state)
            and all(map(is_, state, known.state))
            and list(map(Tensor.data_ptr, state)) == known.places
            and list(map(SHAPE, state)) == known.shapes
            and FLOATS.issuperset(map(DTYPE, steps))  # of the others torch sees it
        ):
            return known
    shapes = list(map(SHAPE, means))
    if not all_plain(state) or len(set(map(id, steps))) < len(steps):
        return None
    if shapes != list(map(SHAPE, squares)) or any(step.dim() for step in steps):
        return None
    try:
        counters = [step.detach().numpy().data.cast("B").cast("f", ()) for step in steps]
    except Exception:  # numbers may lie where only torch can read them
        return None
    found = _Known(state, list(map(Tensor.data_ptr, state)), list(map(SHAPE, state)), counters)
    LATEST.append(found)
    return found
