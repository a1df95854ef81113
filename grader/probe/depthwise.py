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

from .tensors import channels_first, channels_last, plain, undisturbed

AT_ONCE = 4 * 1024 * 1024  # numbers of the inputs that are laid out anew at the same time
SMALL = 9  # numbers in a kernel, up to which the usual gradient is the faster one
ASKED = (
    "_are_functorch_transforms_active",
    "_is_torch_function_mode_enabled",
    "_get_tracing_state",
)  # of torch's own, without a promise
Pair = tuple[int, int]


def install() -> None:
    """From now on ``nn.Conv2d`` takes the shorter way where there is one."""
    if all(hasattr(torch._C, name) for name in ASKED) and hasattr(torch._C._functorch, "is_legacy_batchedtensor"):
        nn.Conv2d._conv_forward = _quick(nn.Conv2d._conv_forward)  # type: ignore[method-assign]


def _quick(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def _conv_forward(self: nn.Conv2d, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.groups > 1 and undisturbed() and _images(input) and _depthwise(self, weight, bias):
            stride, padding = (self.stride[0], self.stride[1]), (int(self.padding[0]), int(self.padding[1]))
            learns = torch.is_grad_enabled() and weight.requires_grad and weight[0].numel() > SMALL
            if input.shape[1] == len(weight) and (learns or _single(input, weight, stride, padding)):
                return Depthwise.apply(input, weight, bias, stride, padding)  # type: ignore[no-any-return]
        return original(self, input, weight, bias)

    return _conv_forward


def _depthwise(conv: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether it is a plain one: of each channel one, by a kernel of its own."""
    return (
        conv.groups == conv.in_channels == conv.out_channels
        and conv.padding_mode == "zeros"
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in (conv.stride, conv.padding))
        and conv.dilation == (1, 1)
        and plain(weight)
        and weight.dim() == 4
        and len(weight) == conv.groups
        and weight.shape[1] == 1
        and (bias is None or (plain(bias) and bias.shape == (conv.groups,)))
    )


def _images(inputs: Tensor) -> bool:
    return channels_first(inputs) or channels_last(inputs)


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
        ctx.set_materialize_grads(False)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        ctx.single = _single(inputs, weight, stride, padding)
        if not ctx.single:
            return F.conv2d(inputs, weight, bias, stride, padding, 1, len(weight))
        seen, part = _met(inputs, weight, padding)
        out = (seen * part).sum((2, 3), keepdim=True)
        return out if bias is None else out + bias.view(1, -1, 1, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, ...]:
        """With respect to inputs, weight and bias."""
        if gradient is None:
            return (None,) * 5
        inputs, weight = ctx.saved_tensors
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], ctx.biased and ctx.needs_input_grad[2]]
        if torch.is_grad_enabled() or torch._C._functorch.is_legacy_batchedtensor(
            gradient
        ):  # more is asked than one gradient
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
        max(0, min(side, kernel - pad))
        for side, kernel, pad in zip(inputs.shape[2:], weight.shape[2:], padding, strict=True)
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
    channels = len(weight)
    found = torch.zeros((*weight.shape[2:], channels), dtype=weight.dtype, device=weight.device)
    some = max(1, AT_ONCE // inputs[0].numel())
    for part, slope in zip(torch.split(inputs, some), torch.split(gradient, some), strict=True):
        pixels, slopes = (values.permute(0, 2, 3, 1).contiguous() for values in (part, slope))
        _add_of_weight(found, pixels, slopes, stride, padding)
    return found.permute(2, 0, 1).unsqueeze(1).contiguous()


def _add_of_weight(found: Tensor, pixels: Tensor, slopes: Tensor, stride: Pair, padding: Pair) -> None:
    """Add what some items give: ``found`` (kH, kW, C), ``pixels`` (N, H, W, C), ``slopes`` (N, H', W', C)."""
    rows, columns = (
        [_overlap(i, pixels.shape[axis], slopes.shape[axis], stride[axis - 1], padding[axis - 1]) for i in range(size)]
        for axis, size in ((1, found.shape[0]), (2, found.shape[1]))
    )
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if row is not None and column is not None:
                product = pixels[:, row[0], column[0]] * slopes[:, row[1], column[1]]
                found[i, j] += product.view(-1, product.shape[3]).sum(0)


def _overlap(place: int, pixels: int, outputs: int, stride: int, padding: int) -> tuple[slice, slice] | None:
    """Pixels along one axis that a place in the kernel meets, and the outputs it meets them for."""
    first = max(0, -((place - padding) // stride))
    last = min(outputs - 1, (pixels - 1 + padding - place) // stride)
    if last < first:
        return None
    start = first * stride + place - padding
    return slice(start, start + (last - first) * stride + 1, stride), slice(first, last + 1)
