"""Predictions of the course's net with each normalisation put into the convolution before it, which is less to do.

A normalisation that goes by what it learnt multiplies each channel by a number and adds another. Both can be done to
the weights of a convolution beforehand: ``norm(conv(x)) = conv'(x)``, to rounding (Jacob et al. 2018, section 3.2).
Only without gradients, and only in torchvision's ``MobileNetV3`` as it was built.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .tensors import all_plain

IN_PLACE: dict[type, Callable[[Tensor], Tensor]] = {
    nn.ReLU: torch.relu_,
    nn.Hardswish: functools.partial(functional.hardswish, inplace=True),
}
KINDS: tuple[Any, ...] = (nn.Conv2d, nn.BatchNorm2d, *IN_PLACE)


class Folded:
    """Goes through parts of the net. ``module``: torchvision's of ``MobileNetV3``."""

    def __init__(self, module: ModuleType) -> None:
        self._block = getattr(module, "InvertedResidual", None)
        self._layer = getattr(module, "Conv2dNormActivation", None)
        self._methods = [(kind, kind.forward) for kind in (*KINDS, self._block, self._layer) if kind is not None]

    def holds(self) -> bool:
        """Whether no code has given one of the classes another method since."""
        return all(kind.forward is method for kind, method in self._methods)

    def takes(self, part: Any) -> bool:
        """Whether it is a convolution with its normalisation, and can be folded."""
        return type(part) is self._layer and _can_be_folded(*part)

    def __call__(self, part: Any, x: Tensor) -> Tensor:
        """``part(x)``: images (N, C, H, W) in and out."""
        if self.takes(part):
            return _folded(x, *part)
        if type(part) is not self._block or type(part.block) is not nn.Sequential:
            return part(x)  # type: ignore[no-any-return]
        result = x
        for inner in part.block:
            result = self(inner, result)
        return result.add_(x) if part.use_res_connect else result


def _can_be_folded(conv: Any = None, norm: Any = None, *last: Any) -> bool:
    """Whether they are a convolution and a normalisation by what it learnt, of plain numbers, and at most one more."""
    if type(conv) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d or norm.training or len(last) > 1:
        return False
    of_channels: list[Any] = [norm.weight, norm.bias, norm.running_mean, norm.running_var]
    of_channels += [conv.bias] if conv.bias is not None else []
    if not all_plain([conv.weight, *of_channels]) or conv.weight.dim() != 4:
        return False
    return all(value.shape == conv.weight.shape[:1] for value in of_channels)


def _folded(x: Tensor, conv: Any, norm: Any, *last: nn.Module) -> Tensor:
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    if conv.bias is not None:
        shift = shift + conv.bias * scale
    x = conv._conv_forward(x, conv.weight * scale.view(-1, 1, 1, 1), shift)
    for part in last:
        x = IN_PLACE.get(type(part), part)(x)
    return x
