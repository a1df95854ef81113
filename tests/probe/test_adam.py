"""Adam in one pass gives what torch's usual Adam gives, and only where it may."""

import gc
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import adam as torch_adam
from torch.optim import adamw as torch_adamw

from grader.probe import adam

Maker = Callable[[list[Tensor]], torch.optim.Optimizer]


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Installs the quick way for one test; grows by one with each step that takes it."""
    steps: list[int] = []
    for module, single in ((torch_adam, "_single_tensor_adam"), (torch_adamw, "_single_tensor_adamw")):
        if hasattr(module, single):
            monkeypatch.setattr(module, single, getattr(module, single))
    for name in ("_fused_adam_", "_fused_adamw_"):
        monkeypatch.setattr(torch, name, _counted(getattr(torch, name), steps))
    adam.install()
    return steps


def _counted(step: Callable[..., None], steps: list[int]) -> Callable[..., None]:
    def counted(*lists: Any, **settings: Any) -> None:
        steps.append(1)
        step(*lists, **settings)

    return counted


def _trained(make: Maker, **net: Any) -> list[Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8, **net), nn.Tanh(), nn.Linear(8, 2, **net))
    inputs = torch.randn(16, 5, **net)
    optimiser = make(list(model.parameters()))
    for _ in range(20):
        optimiser.zero_grad()
        model(inputs).square().mean().backward()
        optimiser.step()
    assert "fused" not in optimiser.defaults or not optimiser.param_groups[0]["fused"]
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}, {"maximize": True}, {"eps": 1e-3}])
def test_same_weights(fused: list[int], kind: Callable[..., Any], settings: dict[str, Any]) -> None:
    ours = _trained(lambda weights: kind(weights, 0.01, **settings))
    assert len(fused) == 20
    torchs = _trained(lambda weights: kind(weights, 0.01, foreach=True, **settings))
    assert len(fused) == 20
    for our, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(our, other, rtol=1e-3, atol=1e-4)


def test_what_is_out_of_the_usual_goes_torchs_way(fused: list[int]) -> None:
    _trained(lambda weights: torch.optim.Adam(weights, torch.tensor(0.01)))
    _trained(lambda weights: torch.optim.Adam(weights, 0.01, foreach=False))
    fused.clear()
    _trained(lambda weights: torch.optim.Adam(weights, 0.01), dtype=torch.float64)
    _trained(lambda weights: torch.optim.Adam(weights, torch.tensor(0.01)))
    assert not fused


def test_weights_laid_out_otherwise_than_their_gradients(fused: list[int]) -> None:
    found = []
    for foreach in (None, True):
        weight = torch.linspace(0, 1, 12).reshape(3, 4).t().requires_grad_()
        weight.grad = torch.linspace(-1, 2, 12).reshape(4, 3)
        torch.optim.Adam([weight], 0.1, foreach=foreach).step()
        found.append(weight.detach())
    assert not fused
    torch.testing.assert_close(*found)


def test_state_can_be_kept_and_loaded(fused: list[int]) -> None:
    weight = torch.ones(3, requires_grad=True)
    first = torch.optim.Adam([weight], 0.1)
    weight.grad = torch.ones(3)
    first.step()
    second = torch.optim.Adam([weight], 0.1)
    second.load_state_dict(first.state_dict())
    second.step()
    assert len(fused) == 2 and float(second.state[weight]["step"]) == 2


def test_a_state_that_does_not_fit_is_torchs_error(fused: list[int]) -> None:
    small, large = torch.ones(3, requires_grad=True), torch.ones(1000, requires_grad=True)
    for weight in (small, large):
        weight.grad = torch.ones_like(weight)
    first, second = torch.optim.Adam([small]), torch.optim.Adam([large])
    first.step()
    second.load_state_dict(first.state_dict())
    with pytest.raises(RuntimeError, match="size"):
        second.step()
    assert len(fused) == 1


@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq", "step"])
def test_a_state_that_is_bound_anew_in_the_middle(fused: list[int], name: str) -> None:
    weight = torch.ones(3, requires_grad=True)
    optimiser = torch.optim.Adam([weight], 0.1)
    for other in (False, False, True, True):
        weight.grad = torch.ones(3)
        state = optimiser.state[weight]
        if other:
            state[name] = state[name].double()
        with suppress(RuntimeError):  # torch's own takes some of them
            optimiser.step()
    assert len(fused) == 2


@pytest.mark.parametrize("numbers", [torch.empty(0), torch.zeros(1).expand(3, 2), torch.zeros(2, 3).t()])
def test_numbers_of_a_state_that_are_put_elsewhere(fused: list[int], numbers: Tensor) -> None:
    weight = torch.ones(3, 2, requires_grad=True)
    optimiser = torch.optim.Adam([weight], 0.1)
    for _ in range(2):
        weight.grad = torch.ones(3, 2)
        optimiser.step()
    optimiser.state[weight]["exp_avg"].data = numbers
    with suppress(RuntimeError):
        optimiser.step()
    assert len(fused) == 2


def test_a_square_weight_that_is_turned_around_where_it_lies(fused: list[int]) -> None:
    found = []
    for foreach in (None, True):
        weight = torch.linspace(0, 1, 9).reshape(3, 3).requires_grad_()
        optimiser = torch.optim.Adam([weight], 0.1, foreach=foreach)
        for _ in range(4):
            weight.grad = torch.linspace(-1, 2, 9).reshape(3, 3)
            optimiser.step()
            weight.data = weight.data.t()  # as many numbers at the same place
        found.append(weight.detach())
    assert len(fused) == 2  # when it lies as its gradient does
    torch.testing.assert_close(*found)


def test_counters_count_as_torchs_do(fused: list[int]) -> None:
    weights = [torch.ones(3, requires_grad=True) for _ in range(2)]
    optimiser = torch.optim.Adam(weights, 0.1)
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.ones(3)
        optimiser.step()
    counters = [optimiser.state[weight]["step"] for weight in weights]
    assert [float(counter) for counter in counters] == [3, 3]
    before = counters[0]._version
    counters[0].fill_(2**24)  # from here on torch's numbers do not grow by one any more
    optimiser.step()
    assert [float(counter) for counter in counters] == [float(torch.tensor(2.0**24) + 1), 4]
    assert counters[0]._version > before + 1 and len(fused) == 4


def test_counters_at_an_odd_place(fused: list[int]) -> None:
    weight = torch.ones(3, requires_grad=True)
    optimiser = torch.optim.Adam([weight], 0.1)
    weight.grad = torch.ones(3)
    optimiser.step()
    packed = torch.frombuffer(bytearray(8), dtype=torch.float32, count=1, offset=2)  # at no multiple of four bytes
    optimiser.state[weight]["step"] = packed.reshape(()).fill_(1)
    optimiser.step()
    assert fused and float(optimiser.state[weight]["step"]) == 2


def test_counters_that_only_torch_can_read(fused: list[int]) -> None:
    weight = torch.ones(3, requires_grad=True)
    optimiser = torch.optim.Adam([weight], 0.1)
    weight.grad = torch.ones(3)
    optimiser.step()
    negated = torch.tensor([1 + 1j], dtype=torch.complex64).conj().imag  # minus one, as torch reads it
    optimiser.state[weight]["step"] = negated.reshape(()).fill_(1)
    optimiser.step()
    assert len(fused) == 1 and float(optimiser.state[weight]["step"]) == 2


def test_counters_of_another_kind_at_the_same_place(fused: list[int]) -> None:
    weight = torch.ones(3, requires_grad=True)
    optimiser = torch.optim.Adam([weight], 0.1)
    weight.grad = torch.ones(3)
    optimiser.step()
    counter = optimiser.state[weight]["step"]
    counter.data = counter.data.view(torch.int32).fill_(1)
    optimiser.step()
    assert len(fused) == 1 and int(counter) == 2


def test_groups_in_turn_are_both_known(fused: list[int]) -> None:
    weights = [torch.ones(3, requires_grad=True) for _ in range(2)]
    optimiser = torch.optim.AdamW([{"params": weights[:1]}, {"params": weights[1:], "weight_decay": 0.0}])
    found = []
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.ones(3)
        optimiser.step()
        found.append(list(adam.LATEST))
    assert len(fused) == 6
    assert len(found[0]) == 2 and all(a is b for later in found[1:] for a, b in zip(found[0], later, strict=True))


def test_groups_with_settings_of_their_own(fused: list[int]) -> None:
    def make(weights: list[Tensor], **how: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW([{"params": weights[:2], "lr": 0.1}, {"params": weights[2:]}], 1e-3, **how)

    ours, torchs = _trained(make), _trained(lambda weights: make(weights, foreach=True))
    assert len(fused) == 40
    for our, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(our, other, rtol=1e-3, atol=1e-4)


def test_a_weight_of_another_kind_at_the_same_place(fused: list[int]) -> None:
    empty, weight = (torch.ones(count, requires_grad=True) for count in (0, 3))
    empty.grad, weight.grad = torch.ones(0), torch.ones(3)
    optimiser = torch.optim.Adam([empty, weight], 0.1)
    for _ in range(3):
        optimiser.step()
        empty.data = empty.data.double()  # lies where every tensor of no numbers does
    assert len(fused) == 1
    torch.testing.assert_close(weight.detach(), torch.full((3,), 0.7))


def test_a_net_that_nobody_has_any_more_is_let_go(fused: list[int]) -> None:
    net = nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.ones(4, 3)).sum().backward()
    optimiser.step()
    weight = weakref.ref(net.weight)
    del net, optimiser
    gc.collect()
    assert fused and weight() is None


def test_a_net_that_is_converted_in_the_middle(fused: list[int]) -> None:
    net = nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters(), 0.1)
    for kind in (torch.float32, torch.float32, torch.float64):
        net.to(kind)
        net(torch.ones(4, 3, dtype=kind)).sum().backward()
        with suppress(RuntimeError):  # as torch's own, whose averages are still of the other kind
            optimiser.step()
    assert len(fused) == 2


def test_nets_in_turn_and_of_other_shapes(fused: list[int]) -> None:
    nets = [nn.Linear(3, 2), nn.Linear(2, 3)]
    optimisers = [torch.optim.Adam(net.parameters(), 0.1) for net in nets]
    for _ in range(3):
        for net, optimiser in zip(nets, optimisers, strict=True):
            net(torch.ones(4, net.in_features)).sum().backward()
            optimiser.step()
    assert len(fused) == 6
    nets[0].weight.data = torch.ones(3, 2)  # as many numbers, in another form
    nets[0].weight.grad = torch.ones(3, 2)
    with pytest.raises(RuntimeError):
        optimisers[0].step()
    assert len(fused) == 6


def test_a_backward_pass_over_weights_that_have_moved_is_torchs_error(fused: list[int]) -> None:
    weight = torch.ones(3, requires_grad=True)
    optimiser = torch.optim.Adam([weight])
    loss = (weight**3).sum()
    loss.backward(retain_graph=True)
    optimiser.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    assert fused


@pytest.mark.filterwarnings("ignore:.*duplicate")
@pytest.mark.parametrize("settings", [{"amsgrad": True}, {"maximize": 1}, {"lr": True}])
def test_rare_settings_are_torchs_matter(fused: list[int], settings: dict[str, Any]) -> None:
    _trained(lambda weights: torch.optim.Adam(weights, **settings))
    assert not fused


@pytest.mark.filterwarnings("ignore:.*duplicate")
def test_a_weight_that_is_held_twice(fused: list[int]) -> None:
    weight = torch.ones(1, requires_grad=True)
    optimiser = torch.optim.Adam([weight, weight], 0.1)
    weight.grad = torch.ones(1)
    optimiser.step()
    assert not fused
