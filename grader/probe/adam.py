"""Adam on a processor in one pass over the weights, as torch itself can do it when it is asked to."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.optim import adam, adamw

LISTS = 6  # parameters, gradients, both averages, the largest averages, steps


def install() -> None:
    """From now on Adam and AdamW take torch's fused way where they would go through the weights one by one."""
    _replace(adam, "_single_tensor_adam", "_fused_adam")
    _replace(adamw, "_single_tensor_adamw", "_fused_adamw")


def _replace(module: ModuleType, name: str, fused: str) -> None:
    if hasattr(module, name) and hasattr(module, fused) and hasattr(torch, "_fused_adam_"):
        setattr(module, name, _quick(getattr(module, name), getattr(module, fused)))


def _quick(original: Callable[..., None], fused: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def step(*lists: Any, **settings: Any) -> None:
        if len(lists) >= LISTS and _usual(lists, settings):
            fused(*lists, **settings)
        else:
            original(*lists, **settings)

    return step


def _usual(lists: tuple[Any, ...], settings: dict[str, Any]) -> bool:
    """Whether all are plain numbers of single precision, each weight with gradient and averages laid out alike."""
    if settings.get("capturable") or settings.get("differentiable") or settings.get("has_complex"):
        return False
    if torch.compiler.is_compiling() or any(
        isinstance(settings.get(name), Tensor) for name in ("lr", "beta1", "beta2")
    ):
        return False
    return all(_plain(value) for values in lists[:LISTS] for value in values)


def _plain(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.dtype is torch.float32
        and value.device.type == "cpu"
        and value.layout is torch.strided
        and value.is_contiguous()
    )
