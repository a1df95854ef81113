"""Convolutions of images of a single pixel, which are the product of two matrices, and quicker as such.

Blocks that weigh channels ("squeeze and excitation", in ``mobilenet_v3``) are made of them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from .tensors import images, plain

EXACT = ("none", "ieee")  # precisions of products that are the numbers' own


def suits(conv: nn.Conv2d, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether a convolution of one group, whose kernels are one pixel, is a plain one of single pixels."""
    return (
        images(inputs)
        and inputs.shape[2:] == (1, 1)
        and conv.padding_mode == "zeros"
        and conv.padding == (0, 0)
        and _exact()
        and conv.stride in ((1, 1), (2, 2))
        and plain(weight)
        and weight.shape == (conv.out_channels, inputs.shape[1], 1, 1)
        and (bias is None or (plain(bias) and bias.shape == weight.shape[:1]))
    )


def _exact() -> bool:
    """Whether products are in single precision as convolutions are. Either can be made coarser, each by itself."""
    of_products = getattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision", "none")
    return torch.get_float32_matmul_precision() == "highest" and of_products in EXACT


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
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], ctx.biased and ctx.needs_input_grad[2]]
        if torch.is_grad_enabled() or torch._C._functorch.is_legacy_batchedtensor(gradient) or not _exact():
            sizes = [len(weight)] if wanted[2] else None  # more is asked than one gradient
            found: tuple[Tensor | None, ...] = torch.ops.aten.convolution_backward(
                gradient, inputs, weight, sizes, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, wanted
            )
            return found
        slopes = gradient.flatten(1)
        of_inputs = _product(slopes, weight.flatten(1), inputs) if wanted[0] else None
        of_weight = _product(slopes.t(), inputs.flatten(1), weight) if wanted[1] else None
        return of_inputs, of_weight, slopes.sum(0) if wanted[2] else None


def _product(left: Tensor, right: Tensor, like: Tensor) -> Tensor:
    """Written through a view, so that it is none itself and may be changed in place."""
    out = like.new_empty(like.shape)
    torch.mm(left, right, out=out.flatten(1))
    return out
