"""The course's net on a processor, with the channels of a pixel side by side in memory: quicker, the same numbers.

Only inside of torchvision's ``MobileNetV3``, behind its first convolution: inputs, weights and the gradients of both
keep their layout, and what it returns has two dimensions, so no code of a student meets a tensor that lies otherwise
than it would.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn  # TorchScript compiles the method's own text with the names of this module
from torch.nn.modules import module as modules

from . import shims
from .folding import Folded
from .tensors import channels_first, undisturbed

OWN = ("torch", "torchvision")
GLOBAL_HOOKS: Callable[[], bool] = getattr(modules, "_has_any_global_hook", lambda: True)
MAX_PARTS = 4_096  # a part may hold one that holds it
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def install() -> None:
    """From now on the net takes the quicker way, as soon as torchvision's module of it is imported."""
    shims.watch("torchvision.models.mobilenetv3", _patch)


def _patch(module: Any) -> None:
    module.MobileNetV3._forward_impl = _quick(module.MobileNetV3._forward_impl, Folded(module))


def _quick(original: Callable[..., Tensor], folded: Folded) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def _forward_impl(self: Any, x: Tensor) -> Tensor:
        if undisturbed() and channels_first(x) and _as_built(self):
            predicts = not torch.is_grad_enabled() and folded.holds()
            x = _features(self, x, folded if predicts else None)
            return self.classifier(torch.flatten(self.avgpool(x), 1))  # type: ignore[no-any-return]
        return original(self, x)

    return _forward_impl


def _features(net: Any, x: Tensor, folded: Folded | None) -> Tensor:
    """``folded``: goes through the parts without gradients; None with them."""
    first, *rest = net.features
    if folded is not None and folded.takes(first):
        x = folded(first, x.contiguous(memory_format=torch.channels_last))
    else:
        first, *own = _parts(first)
        x = Turned.apply(first(x))
        rest = [*own, *rest]
    for part in rest:
        x = part(x) if folded is None else folded(part, x)
    return x


class Turned(torch.autograd.Function):
    """Images (N, C, H, W) with their channels side by side; their gradient lies as usual."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """(N, C, H, W)."""
        return x.clone(memory_format=torch.channels_last)  # never the images themselves, which may be changed in place

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """With respect to the images."""
        return gradient.contiguous()


def _as_built(net: Any) -> bool:
    """Whether only code of torch's and torchvision's gets to see the images on their way, as a student's own part may
    not take another layout, and all convolutions behind the first are ones whose gradients keep theirs."""
    features = net.features
    if GLOBAL_HOOKS() or type(features) is not nn.Sequential or not len(features) or not _usual(features):
        return False
    first, *rest = features
    return _all([first, net.avgpool], _usual) and _all(rest, lambda part: _usual(part) and _keeps_layout(part))


def _all(places: list[Any], suits: Callable[[nn.Module], bool]) -> bool:
    """Whether all parts in these places do. At each call of the net: ``modules()``, which knows names, takes longer."""
    waiting, met = list(places), 0
    while waiting:
        part = waiting.pop()
        met += 1
        if met > MAX_PARTS or not suits(part):
            return False
        waiting.extend(inner for inner in part._modules.values() if inner is not None)
    return True


def _parts(first: nn.Module) -> list[nn.Module]:
    """The first layer: its convolution and what follows, if it is one of torchvision's; else as it is."""
    parts = list(first) if type(first).__name__ == "Conv2dNormActivation" and isinstance(first, nn.Sequential) else []
    if parts and all(_keeps_layout(inner) for part in parts[1:] for inner in part.modules()):
        return parts
    return [first]


def _usual(part: nn.Module) -> bool:
    own = type(part).__module__.partition(".")[0] in OWN and "forward" not in vars(part)
    return own and not any(getattr(part, name, None) for name in HOOKS)


def _keeps_layout(part: nn.Module) -> bool:
    return not isinstance(part, nn.Conv2d) or part.kernel_size == (1, 1) or part.groups == part.in_channels
