"""A convolution of single pixels as a product gives what torch gives."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grader.probe import convolutions, pixels


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Installs the shorter way for one test; grows by one each time it is taken."""
    calls: list[int] = []
    apply = pixels.Product.apply

    def counted(*args: Any) -> Tensor:
        calls.append(1)
        return apply(*args)  # type: ignore[no-untyped-call,no-any-return]

    monkeypatch.setattr(nn.Conv2d, "_conv_forward", nn.Conv2d._conv_forward)
    monkeypatch.setattr(pixels.Product, "apply", counted)
    convolutions.install()
    return calls


def _by_torch(conv: nn.Conv2d, inputs: Tensor) -> Tensor:
    plain = nn.Conv2d._conv_forward.__wrapped__  # type: ignore[attr-defined]
    return plain(conv, inputs, conv.weight, conv.bias)  # type: ignore[no-any-return]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_same_output_and_gradients(taken: list[int], bias: bool, last: bool) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 4, 1, stride=2, bias=bias)
    inputs = torch.randn(5, 6, 1, 1)
    if last:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    inputs.requires_grad_()
    found = []
    for forward in (conv.forward, functools.partial(_by_torch, conv)):
        output = forward(inputs)
        slope = torch.rand(output.shape, generator=torch.Generator().manual_seed(3)) - 0.5
        wanted = [value for value in (inputs, conv.weight, conv.bias) if value is not None]
        found.append([output, *torch.autograd.grad(output, wanted, slope)])
    assert taken == [1]
    for our, other in zip(*found, strict=True):
        assert our.is_contiguous()
        torch.testing.assert_close(our, other)


def test_what_comes_out_can_be_changed_in_place_and_detached(taken: list[int]) -> None:
    conv = nn.Conv2d(3, 2, 1)
    output = conv(torch.randn(2, 3, 1, 1))
    assert not output._is_view()
    output.relu_().sum().backward()
    assert conv.weight.grad is not None
    conv.weight.grad.zero_()
    images = torch.randn(2, 3, 1, 1, requires_grad=True)
    for gradient in torch.autograd.grad(conv(images).sum(), [images, conv.weight]):
        gradient.add_(1.0)
        gradient.detach_()
    conv(torch.randn(2, 3, 1, 1)).detach_()
    assert taken


@pytest.mark.parametrize(
    "changes",
    [
        {"kernel_size": 3, "padding": 1},
        {"padding": 1},
        {"padding": "same"},
        {"padding_mode": "circular"},
        {"groups": 3},
        {"dtype": torch.float64},
    ],
)
def test_all_else_goes_torchs_way(taken: list[int], changes: dict[str, object]) -> None:
    settings = {"kernel_size": 1, **changes}
    conv = nn.Conv2d(6, 6, **settings)  # type: ignore[arg-type]
    conv(torch.randn(2, 6, 1, 1, dtype=conv.weight.dtype)).sum().backward()
    conv = nn.Conv2d(6, 6, 1)
    assert conv(torch.randn(2, 6, 1, 2)).shape == (2, 6, 1, 2)
    assert conv(torch.randn(6, 1, 1)).shape == (6, 1, 1)
    assert conv(torch.randn(0, 6, 1, 1)).shape == (0, 6, 1, 1)
    with torch.autocast("cpu"):
        assert conv(torch.randn(2, 6, 1, 1)).dtype == torch.bfloat16
    torch.func.vmap(conv)(torch.randn(3, 2, 6, 1, 1))
    with pytest.raises(RuntimeError, match="channels"):
        conv(torch.randn(2, 5, 1, 1))
    assert not taken


def test_a_bias_or_weight_that_does_not_fit_is_torchs_error(taken: list[int]) -> None:
    for name, values in (
        ("bias", torch.zeros(1)),
        ("weight", torch.zeros(6, 2, 1, 1)),
        ("bias", torch.zeros(6).double()),
    ):
        conv = nn.Conv2d(6, 6, 1)
        setattr(conv, name, nn.Parameter(values))
        with pytest.raises(RuntimeError):
            conv(torch.randn(2, 6, 1, 1))
    assert not taken


def test_second_derivatives_and_many_gradients_at_once(taken: list[int]) -> None:
    torch.manual_seed(1)
    conv, inputs = nn.Conv2d(4, 3, 1), torch.randn(2, 4, 1, 1, requires_grad=True)
    found = []
    for forward in (conv.forward, functools.partial(_by_torch, conv)):
        (first,) = torch.autograd.grad((forward(inputs) ** 2).sum(), inputs, create_graph=True)
        found.append(torch.autograd.grad((first**2).sum(), conv.weight)[0])
    torch.testing.assert_close(*found)
    ours = torch.autograd.functional.jacobian(conv, inputs, vectorize=True)  # type: ignore[no-untyped-call]
    torchs = torch.autograd.functional.jacobian(functools.partial(_by_torch, conv), inputs)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(ours, torchs)
    assert taken


def test_coarser_products_are_for_those_who_ask_for_them(taken: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions stay exact, forwards and backwards, where products are not."""
    conv, inputs = nn.Conv2d(96, 64, 1), torch.randn(16, 96, 1, 1)
    wanted = _by_torch(conv, inputs)
    (of_wanted,) = torch.autograd.grad(wanted.square().sum(), [conv.weight])
    found = conv(inputs)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        (gradient,) = torch.autograd.grad(found.square().sum(), [conv.weight])
        assert len(taken) == 1
        torch.testing.assert_close(conv(inputs), wanted)
        assert len(taken) == 1
    finally:
        torch.set_float32_matmul_precision(before)
    torch.testing.assert_close(gradient, of_wanted)


def test_nets_can_be_compiled_in_one_piece(taken: list[int]) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1))
    images = torch.rand(2, 3, 5, 5)
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), net(images))
    assert len(taken) == 1  # the one of single pixels, where it is not compiled


def test_only_what_needs_a_gradient_gets_one(taken: list[int]) -> None:
    conv = nn.Conv2d(4, 3, 1)
    conv.weight.requires_grad_(False)
    conv(torch.randn(2, 4, 1, 1)).sum().backward()
    assert taken and conv.weight.grad is None and conv.bias is not None and conv.bias.grad is not None
