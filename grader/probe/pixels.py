"""Convolutions of images of a single pixel, which are the product of two matrices, and quicker as such.

Blocks that weigh channels ("squeeze and excitation", in ``mobilenet_v3``) are made of them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from .tensors import images, plain


def suits(conv: nn.Conv2d, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether a convolution of one group, whose kernels are one pixel, is a plain one of single pixels."""
    return (
        images(inputs)
        and inputs.shape[2:] == (1, 1)
        and conv.padding_mode == "zeros"
        and conv.padding == (0, 0)
        and conv.stride in ((1, 1), (2, 2))
        and plain(weight)
        and weight.shape == (conv.out_channels, inputs.shape[1], 1, 1)
        and (bias is None or (plain(bias) and bias.shape == weight.shape[:1]))
    )


class Product(torch.autograd.Function):
    """``conv2d(inputs, weight, bias)``: inputs (N, C, 1, 1), weight (O, C, 1, 1), bias (O,)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(N, O, 1, 1)."""
        ctx.save_for_backward(inputs, weight)
        ctx.set_materialize_grads(False)
        ctx.biased = bias is not None
        out = inputs.new_empty(len(inputs), len(weight), 1, 1)  # written through a view, but none itself
        rows, columns = inputs.flatten(1), weight.flatten(1).t()
        if bias is None:
            torch.mm(rows, columns, out=out.flatten(1))
        else:
            torch.addmm(bias, rows, columns, out=out.flatten(1))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, ...]:
        """With respect to inputs, weight and bias."""
        if gradient is None:
            return None, None, None
        inputs, weight = ctx.saved_tensors
        slopes = gradient[:, :, 0, 0]
        of_inputs = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_inputs = (slopes @ weight.flatten(1))[:, :, None, None]
        if ctx.needs_input_grad[1]:
            of_weight = (slopes.t() @ inputs.flatten(1))[:, :, None, None]
        if ctx.biased and ctx.needs_input_grad[2]:
            of_bias = slopes.sum(0)
        return of_inputs, of_weight, of_bias
