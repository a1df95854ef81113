"""The shorter way through depthwise convolutions gives what torch gives."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from grader.probe import convolutions, depthwise


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Installs the shorter way for one test; grows by one each time it is taken."""
    calls: list[int] = []
    apply = depthwise.Depthwise.apply

    def counted(*args: Any) -> Tensor:
        calls.append(1)
        return apply(*args)  # type: ignore[no-untyped-call,no-any-return]

    monkeypatch.setattr(nn.Conv2d, "_conv_forward", nn.Conv2d._conv_forward)
    monkeypatch.setattr(depthwise.Depthwise, "apply", counted)
    convolutions.install()
    return calls


def _conv(**changes: object) -> nn.Conv2d:
    settings = {"kernel_size": 5, "padding": 2, "groups": 6} | changes
    return nn.Conv2d(6, 6, **settings)  # type: ignore[arg-type]


def _by_torch(conv: nn.Conv2d, inputs: Tensor) -> Tensor:
    """Output as if the shorter way were not installed."""
    plain = nn.Conv2d._conv_forward.__wrapped__  # type: ignore[attr-defined]
    return plain(conv, inputs, conv.weight, conv.bias)  # type: ignore[no-any-return]


def _both(conv: nn.Conv2d, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Output and gradients by the installed way, and by torch's own."""
    found = []
    for forward in (conv.forward, functools.partial(_by_torch, conv)):
        output = forward(inputs)
        slope = torch.rand(output.shape, generator=torch.Generator().manual_seed(3)) - 0.5
        wanted = [value for value in (inputs, conv.weight, conv.bias) if value is not None and value.requires_grad]
        found.append([output, *torch.autograd.grad(output, wanted, slope)])
    return found[0], found[1]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "sides"),
    [
        (5, 1, 2, (9, 7)),
        (5, 1, 2, (16, 16)),
        (5, 1, 2, (3, 3)),
        (5, 1, 2, (2, 4)),
        ((3, 5), 1, (1, 2), (4, 6)),
        (5, 1, 4, (6, 6)),
        (5, 2, 2, (9, 8)),
        (5, 3, 1, (11, 12)),
        (5, 1, 0, (6, 8)),
        (5, 1, 4, (3, 2)),
        (5, 1, 2, (1, 1)),
        (5, 2, 2, (2, 2)),
        (5, 2, 2, (1, 2)),
        (3, 2, 1, (2, 1)),
        (3, 1, 1, (1, 1)),
        (3, 4, 0, (5, 4)),
        (7, 1, 3, (10, 10)),
        ((5, 3), (2, 1), (0, 2), (7, 6)),
        ((1, 11), 1, (0, 5), (4, 4)),
        (3, 9, 4, (3, 3)),
        (4, 2, 1, (6, 6)),
    ],
)
def test_same_output_and_gradients(
    taken: list[int], kernel: object, stride: object, padding: object, sides: tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    conv = _conv(kernel_size=kernel, stride=stride, padding=padding, bias=bias)
    ours, torchs = _both(conv, torch.randn(4, 6, *sides, requires_grad=True))
    assert taken
    for our, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(our, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": 3},
        {"groups": 1},
        {"dilation": 2, "padding": 4},
        {"padding_mode": "circular"},
        {"padding": "same"},
        {"kernel_size": 3, "padding": 1},
        {"stride": 2, "sides": 14},
        {"sides": 20},
        {"dtype": torch.float64},
    ],
)
def test_all_else_goes_torchs_way(taken: list[int], changes: dict[str, object]) -> None:
    """Also large images, for which torch's own way is the quicker one."""
    changes = dict(changes)
    side = int(str(changes.pop("sides", 8)))
    conv = _conv(**changes)
    conv(torch.randn(2, 6, side, side, dtype=conv.weight.dtype)).sum().backward()
    assert not taken
    assert conv.weight.grad is not None


def test_gradients_may_be_changed_in_place(taken: list[int]) -> None:
    for kernel, sides in ((5, 8), (5, 2), (1, 1)):
        conv = nn.Conv2d(6, 6, kernel, padding=kernel // 2, groups=6)
        (gradient,) = torch.autograd.grad(conv(torch.randn(1, 6, sides, sides)).sum(), [conv.weight])
        gradient += 0.1 * conv.weight
        gradient.detach_()
    assert taken


@pytest.mark.filterwarnings("ignore:TF32")
def test_the_same_where_onednn_is_off(taken: list[int]) -> None:
    torch.manual_seed(0)
    with torch.backends.mkldnn.flags(enabled=False):  # type: ignore[attr-defined,no-untyped-call]
        ours, torchs = _both(_conv(), torch.randn(5, 6, 9, 9, requires_grad=True))
    for our, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(our, other, rtol=1e-4, atol=1e-4)
    assert taken


def test_inputs_that_are_no_batch_are_torchs_matter(taken: list[int]) -> None:
    conv = _conv()
    assert conv(torch.randn(6, 8, 8)).shape == (6, 8, 8)
    assert conv(torch.randn(0, 6, 8, 8)).shape == (0, 6, 8, 8)
    with pytest.raises(RuntimeError, match="channels"):
        conv(torch.randn(2, 5, 8, 8))
    conv.stride = (0, 0)
    with pytest.raises(RuntimeError, match="non-positive stride"):
        conv(torch.randn(2, 6, 8, 8))
    assert not taken
    with pytest.raises(RuntimeError, match="Kernel size"):
        _conv(padding=0)(torch.randn(2, 6, 3, 3))
    assert not taken


def test_not_finite_values_go_through(taken: list[int]) -> None:
    conv = _conv(bias=False)
    inputs = torch.randn(2, 6, 8, 8)
    inputs[0, 0, 0, 0] = torch.inf
    inputs[1, 2, 3, 3] = torch.nan
    output = conv(inputs)
    output.sum().backward()
    assert taken and not torch.isfinite(output).all()
    assert conv.weight.grad is not None and not torch.isfinite(conv.weight.grad[2]).all()
    assert torch.isfinite(conv.weight.grad[1]).all()


def test_only_what_needs_a_gradient_gets_one(taken: list[int]) -> None:
    conv = _conv()
    conv.weight.requires_grad_(False)
    conv(torch.randn(2, 6, 8, 8)).sum().backward()
    assert conv.weight.grad is None and conv.bias is not None and conv.bias.grad is not None
    inputs = torch.randn(2, 6, 1, 1, requires_grad=True)
    conv(inputs).sum().backward()
    assert taken and conv.weight.grad is None and inputs.grad is not None


def test_second_derivatives(taken: list[int]) -> None:
    torch.manual_seed(1)
    for sides in ((6, 6), (1, 1)):
        conv, inputs = _conv(bias=False), torch.randn(2, 6, *sides, requires_grad=True)
        found = []
        for forward in (conv.forward, functools.partial(_by_torch, conv)):
            (first,) = torch.autograd.grad((forward(inputs) ** 2).sum(), inputs, create_graph=True)
            found.append(torch.autograd.grad((first**2).sum(), conv.weight)[0])
        torch.testing.assert_close(*found, rtol=1e-3, atol=1e-3)
    assert taken


def test_who_looks_into_the_net_sees_torchs_own_operations(taken: list[int]) -> None:
    class Names(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    seen: list[str] = []
    conv = _conv()
    with Names():  # type: ignore[no-untyped-call]
        conv(torch.randn(2, 6, 1, 1))
    assert any("convolution" in name for name in seen)
    torch.func.grad(lambda w: torch.func.functional_call(conv, {"weight": w}, (torch.randn(2, 6, 8, 8),)).sum())(
        conv.weight.detach()
    )
    torch.func.vmap(conv)(torch.randn(3, 2, 6, 8, 8))
    torch.jit.trace(conv, torch.randn(2, 6, 1, 1), check_trace=False)  # type: ignore[no-untyped-call]
    assert not taken


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_nets_can_be_scripted(taken: list[int]) -> None:
    scripted = torch.jit.script(nn.Sequential(_conv(), nn.ReLU()))
    assert scripted(torch.randn(2, 6, 8, 8)).shape == (2, 6, 8, 8)
    assert not taken


@pytest.mark.parametrize(("name", "value"), [("stride", 2), ("padding", 1), ("stride", (2,))])
def test_settings_that_were_changed_by_hand(taken: list[int], name: str, value: object) -> None:
    conv = _conv()
    setattr(conv, name, value)
    assert conv(torch.randn(2, 6, 8, 8)).dim() == 4
    assert not taken


def test_a_bias_or_weight_that_does_not_fit_is_torchs_error(taken: list[int]) -> None:
    for name, values in (
        ("bias", torch.zeros(1)),
        ("weight", torch.zeros(6, 2, 5, 5)),
        ("bias", torch.zeros(6).double()),
    ):
        conv = _conv()
        setattr(conv, name, nn.Parameter(values))
        with pytest.raises(RuntimeError):
            conv(torch.randn(2, 6, 1, 1))
    assert not taken


def test_many_gradients_at_once_and_directions(taken: list[int]) -> None:
    torch.manual_seed(2)
    for sides in ((4, 4), (1, 1)):
        conv, inputs = _conv(), torch.randn(1, 6, *sides)
        ours = torch.autograd.functional.jacobian(conv, inputs, vectorize=True)  # type: ignore[no-untyped-call]
        torchs = torch.autograd.functional.jacobian(functools.partial(_by_torch, conv), inputs)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(ours, torchs, rtol=1e-4, atol=1e-4)
        with torch.autograd.forward_ad.dual_level():
            conv(torch.autograd.forward_ad.make_dual(inputs, torch.ones_like(inputs)))
    assert taken


def test_no_gradient_stays_none(taken: list[int]) -> None:
    class Stop(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, values: Tensor) -> Tensor:
            return values.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> None:
            return None

    conv = _conv()
    Stop.apply(conv(torch.randn(2, 6, 8, 8))).sum().backward()
    assert taken
    assert conv.weight.grad is None


def test_many_items_are_taken_some_at_a_time(taken: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depthwise, "AT_ONCE", 1000)
    torch.manual_seed(0)
    ours, torchs = _both(_conv(), torch.randn(5, 6, 9, 9, requires_grad=True))
    for our, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(our, other, rtol=1e-4, atol=1e-4)
    assert taken
