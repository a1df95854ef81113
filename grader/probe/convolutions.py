"""Convolutions on a processor that have a shorter way to the same numbers take it; all others stay torch's."""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: F401, N812 - TorchScript compiles the method's own text with the names of this module
from torch import Tensor, nn
from torch.nn.modules.utils import _pair  # noqa: F401 - the same

from . import depthwise, pixels
from .tensors import undisturbed

ASKED = (
    "_are_functorch_transforms_active",
    "_is_torch_function_mode_enabled",
    "_get_tracing_state",
)  # of torch's own, without a promise


def install() -> None:
    """From now on ``nn.Conv2d`` takes the shorter way where there is one."""
    if all(hasattr(torch._C, name) for name in ASKED) and hasattr(torch._C._functorch, "is_legacy_batchedtensor"):
        nn.Conv2d._conv_forward = _quick(nn.Conv2d._conv_forward)  # type: ignore[method-assign]


def _quick(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def _conv_forward(self: nn.Conv2d, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.groups > 1:
            if undisturbed() and depthwise.suits(self, input, weight, bias):
                return depthwise.convolve(self, input, weight, bias)
        elif self.kernel_size == (1, 1) and undisturbed() and pixels.suits(self, input, weight, bias):
            return pixels.Product.apply(input, weight, bias)  # type: ignore[no-any-return]
        return original(self, input, weight, bias)

    return _conv_forward
