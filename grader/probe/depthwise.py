"""Depthwise convolutions on a processor, with the same results by a shorter way.

oneDNN, which torch calls, has no code of its own for some of them and multiplies many tiny matrices instead: for the
gradient of kernels larger than 3 by 3, and for outputs of a single pixel. ``mobilenet_v3`` is made of both.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - TorchScript compiles the method's own text with the names of this module
from torch import Tensor, nn
from torch.nn.modules.utils import _pair  # noqa: F401 - the same
from torch.utils._python_dispatch import _get_current_dispatch_mode

SMALL = 9  # numbers in a kernel, up to which the usual gradient is the faster one
ASKED = (
    "_are_functorch_transforms_active",
    "_is_torch_function_mode_enabled",
    "_get_tracing_state",
)  # of torch's own, without a promise
Pair = tuple[int, int]


def install() -> None:
    """From now on ``nn.Conv2d`` takes the shorter way where there is one."""
    if all(hasattr(torch._C, name) for name in ASKED):
        nn.Conv2d._conv_forward = _quick(nn.Conv2d._conv_forward)  # type: ignore[method-assign]


def _quick(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def _conv_forward(self: nn.Conv2d, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.groups > 1 and self.groups == self.in_channels == self.out_channels and _usual(self, input, weight):
            stride, padding = (self.stride[0], self.stride[1]), (int(self.padding[0]), int(self.padding[1]))
            learns = torch.is_grad_enabled() and weight.requires_grad and weight[0].numel() > SMALL
            if learns or _single(input, weight, stride, padding):
                return Depthwise.apply(input, weight, bias, stride, padding)  # type: ignore[no-any-return]
        return original(self, input, weight, bias)

    return _conv_forward


def _usual(conv: nn.Conv2d, inputs: Tensor, weight: Tensor) -> bool:
    """Whether it is plain training or prediction on a processor, which nobody looks into."""
    return (
        torch._C._get_tracing_state() is None
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and conv.dilation == (1, 1)
        and type(inputs) is Tensor
        and type(weight) in (Tensor, nn.Parameter)
        and inputs.dim() == 4
        and inputs.numel() > 0
        and inputs.dtype == weight.dtype == torch.float32
        and inputs.device.type == weight.device.type == "cpu"
        and inputs.is_contiguous()
        and weight.is_contiguous()
        and inputs.shape[1] == len(weight)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._is_torch_function_mode_enabled()
        and _get_current_dispatch_mode() is None
    )


def _single(inputs: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> bool:
    """Whether one pixel comes out."""
    return all(
        0 <= side + 2 * pad - kernel < step
        for side, pad, kernel, step in zip(inputs.shape[2:], padding, weight.shape[2:], stride, strict=True)
    )


class Depthwise(torch.autograd.Function):
    """``conv2d(inputs, weight, bias, stride, padding, groups=C)``: inputs (N, C, H, W), weight (C, 1, kH, kW)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
        """(N, C, H', W')."""
        ctx.save_for_backward(inputs, weight)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        ctx.single = _single(inputs, weight, stride, padding)
        if not ctx.single:
            return F.conv2d(inputs, weight, bias, stride, padding, 1, len(weight))
        seen, part = _met(inputs, weight, padding)
        out = (seen * part).sum((2, 3), keepdim=True)
        return out if bias is None else out + bias.view(1, -1, 1, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """With respect to inputs, weight and bias."""
        inputs, weight = ctx.saved_tensors
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], ctx.biased and ctx.needs_input_grad[2]]
        if torch.is_grad_enabled():  # this gradient will be differentiated itself
            return *_torch_backward(ctx, gradient, inputs, weight, wanted), None, None
        of_inputs = of_weight = of_bias = None
        if wanted[0] and ctx.single:
            of_inputs = torch.zeros_like(inputs)
            seen, part = _met(of_inputs, weight, ctx.padding)
            torch.mul(gradient, part, out=seen)
        elif wanted[0]:
            of_inputs = _torch_backward(ctx, gradient, inputs, weight, [True, False, False])[0]
        if wanted[1]:
            of_weight = _of_weight(gradient, inputs, weight, ctx.stride, ctx.padding)
        if wanted[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_inputs, of_weight, of_bias, None, None


def _met(inputs: Tensor, weight: Tensor, padding: Pair) -> tuple[Tensor, Tensor]:
    """The part of the inputs, and that of the kernels (C, h, w) that meets it, where the rest meets padding only."""
    high, wide = (
        min(side, kernel - pad) for side, kernel, pad in zip(inputs.shape[2:], weight.shape[2:], padding, strict=True)
    )
    top, left = padding
    return inputs[:, :, :high, :wide], weight[:, 0, top : top + high, left : left + wide]


def _torch_backward(
    ctx: Any, gradient: Tensor, inputs: Tensor, weight: Tensor, wanted: list[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    sizes = [len(weight)] if wanted[2] else None
    found: tuple[Tensor | None, Tensor | None, Tensor | None] = torch.ops.aten.convolution_backward(
        gradient, inputs, weight, sizes, ctx.stride, ctx.padding, [1, 1], False, [0, 0], len(weight), wanted
    )
    return found


def _of_weight(gradient: Tensor, inputs: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """Each number of a kernel by itself: the products of what it met and of the gradient, with channels innermost."""
    pixels, slopes = (values.permute(0, 2, 3, 1).contiguous() for values in (inputs, gradient))
    channels = len(weight)
    found = torch.zeros((*weight.shape[2:], channels))
    rows, columns = (
        [_overlap(i, pixels.shape[axis], slopes.shape[axis], stride[axis - 1], padding[axis - 1]) for i in range(size)]
        for axis, size in ((1, weight.shape[2]), (2, weight.shape[3]))
    )
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if row is not None and column is not None:
                product = pixels[:, row[0], column[0]] * slopes[:, row[1], column[1]]
                torch.sum(product.view(-1, channels), 0, out=found[i, j])
    return found.permute(2, 0, 1).unsqueeze(1).contiguous()


def _overlap(place: int, pixels: int, outputs: int, stride: int, padding: int) -> tuple[slice, slice] | None:
    """Pixels along one axis that a place in the kernel meets, and the outputs it meets them for."""
    first = max(0, -((place - padding) // stride))
    last = min(outputs - 1, (pixels - 1 + padding - place) // stride)
    if last < first:
        return None
    start = first * stride + place - padding
    return slice(start, start + (last - first) * stride + 1, stride), slice(first, last + 1)
