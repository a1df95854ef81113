"""Depthwise convolutions on a processor, with the same results by a shorter way.

oneDNN, which torch calls, has no code of its own for some of them and multiplies many tiny matrices instead: for the
gradient of kernels larger than 3 by 3, and for outputs of a single pixel. ``mobilenet_v3`` is made of both.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .tensors import images, plain

AT_ONCE = 4 * 1024 * 1024  # numbers of the inputs that are laid out anew at the same time
SMALL = 9  # numbers in a kernel, up to which the usual gradient is the faster one
LARGE = 256  # pixels of the outputs, above which it is as well
LARGE_IN_STEPS = 36  # the same where the kernel goes on by more than a pixel
FEW = 9  # pixels, below which one product for each place in the kernel is the quickest
ONEDNN: Any = torch.backends.mkldnn
Pair = tuple[int, int]


def suits(conv: nn.Conv2d, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether it is a plain depthwise convolution, and of those for which there is a shorter way."""
    if not (images(inputs) and _depthwise(conv, weight, bias) and inputs.shape[1] == len(weight)):
        return False
    stride, padding = _steps(conv)
    rows, columns = _sides(inputs, weight, stride, padding)
    if (rows, columns) == (1, 1):
        return True
    learns = torch.is_grad_enabled() and weight.requires_grad and weight[0].numel() > SMALL
    return learns and min(rows, columns) > 0 and rows * columns <= (LARGE if stride == (1, 1) else LARGE_IN_STEPS)


def convolve(conv: nn.Conv2d, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What the convolution gives, (N, C, H', W'), where it suits."""
    return Depthwise.apply(inputs, weight, bias, *_steps(conv))  # type: ignore[no-any-return]


def _steps(conv: nn.Conv2d) -> tuple[Pair, Pair]:
    return (conv.stride[0], conv.stride[1]), (int(conv.padding[0]), int(conv.padding[1]))


def _depthwise(conv: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether it is a plain one: of each channel one, by a kernel of its own."""
    return (
        conv.groups == conv.in_channels == conv.out_channels
        and conv.padding_mode == "zeros"
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in (conv.stride, conv.padding))
        and all(type(number) is int and number > 0 for number in conv.stride)
        and all(type(number) is int and number >= 0 for number in conv.padding)
        and conv.dilation == (1, 1)
        and plain(weight)
        and weight.dim() == 4
        and len(weight) == conv.groups
        and weight.shape[1] == 1
        and (bias is None or (plain(bias) and bias.shape == (conv.groups,)))
    )


def _sides(inputs: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> tuple[int, ...]:
    """Rows and columns that come out; 0 or less where the kernel is too large for the inputs."""
    return tuple(
        (side + 2 * pad - kernel) // step + 1
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
        ctx.single = _sides(inputs, weight, stride, padding) == (1, 1)
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
    """The products of what each number of a kernel met and of the gradient, some items at a time."""
    some = max(1, AT_ONCE // inputs[0].numel())
    parts = list(zip(torch.split(inputs, some), torch.split(gradient, some), strict=True))
    many = gradient.shape[2] * gradient.shape[3] >= FEW
    if stride == (1, 1) and many and ONEDNN.is_available() and getattr(ONEDNN, "enabled", True):
        return torch.stack([_by_convolving(part, slope, padding) for part, slope in parts]).sum(0)
    found = torch.zeros((*weight.shape[2:], len(weight)), dtype=weight.dtype, device=weight.device)
    for part, slope in parts:
        pixels, slopes = (values.permute(0, 2, 3, 1).contiguous() for values in (part, slope))
        _add_of_weight(found, pixels, slopes, stride, padding)
    return found.permute(2, 0, 1).unsqueeze(1).clone(memory_format=torch.contiguous_format)  # never a view


def _by_convolving(inputs: Tensor, slopes: Tensor, padding: Pair) -> Tensor:
    """(C, 1, kH, kW) for kernels that go on by one pixel: the inputs (N, C, H, W) convolved with the gradient
    (N, C, H', W'), where each channel of each item is one of a single image's, and its gradient the kernel."""
    items, channels = inputs.shape[:2]
    image, kernels = (
        values.permute(2, 3, 0, 1).reshape(*values.shape[2:], items * channels).permute(2, 0, 1)
        for values in (inputs, slopes)
    )
    found = F.conv2d(image.unsqueeze(0), kernels.unsqueeze(1), None, 1, padding, 1, items * channels)
    return found.view(items, channels, *found.shape[2:]).sum(0).unsqueeze(1)


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
