"""Work is counted by what a net does with its items, and looking at it changes nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grader.probe.models import Forward, ModelRecord
from grader.probe.work import NOTHING, Work


def _call(module: nn.Module, inputs: Tensor) -> Forward:
    return Forward(ModelRecord(module, 0), inputs, None, module.training, True, None, None, None, None)


def _price(module: nn.Module, inputs: Tensor, then: Tensor | None = None) -> float:
    """Of a step with ``then``, or with ``inputs``, after a call with ``inputs`` was looked into."""
    work = Work()
    with work.looking(module, (inputs,), {}):
        module(inputs)
    return work.of(_call(module, inputs if then is None else then))


def _cnn(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(width * 26 * 26, 10))


def test_only_the_first_call_of_a_shape_is_looked_into() -> None:
    net, work = nn.Linear(4, 2), Work()
    with work.looking(net, (torch.rand(8, 4),), {}):
        net(torch.rand(8, 4))
    assert work.looking(net, (torch.rand(3, 4),), {}) is NOTHING
    assert work.looking(net, (), {"input": torch.rand(3, 4)}) is NOTHING
    assert work.looking(net, (torch.rand(3, 5, 4),), {}) is not NOTHING
    assert work.looking(net.eval(), (torch.rand(3, 4),), {}) is not NOTHING


@pytest.mark.parametrize("items", [1, 8, 200])
def test_the_price_follows_the_number_of_items(items: int) -> None:
    net = _cnn(4)
    looked, followed = (
        _price(net, torch.rand(items, 1, 28, 28)),
        _price(net, torch.rand(8, 1, 28, 28), torch.rand(items, 1, 28, 28)),
    )
    assert looked == pytest.approx(followed, rel=0.05)
    assert looked > 0


def test_calls_in_turn_each_cost_what_they_would_alone() -> None:
    nets, work, alone = [_cnn(4), _cnn(16)], Work(), 0.0
    for net in nets:
        with work.looking(net, (torch.rand(8, 1, 28, 28),), {}):
            net(torch.rand(8, 1, 28, 28))
    for net, items, training in [(0, 8, True), (0, 8, True), (1, 8, True), (1, 9, True), (1, 9, False), (0, 9, True)]:
        images = torch.rand(items, 1, 28, 28)
        with work.looking(nets[net].train(training), (images,), {}):
            nets[net](images)
        call = _call(nets[net], images)
        work.add(call)
        alone += work.of(call)
    assert work.done == pytest.approx(alone) and alone > 0


def test_more_work_costs_more() -> None:
    images = torch.rand(64, 1, 28, 28)
    assert _price(_cnn(64), images) > 4 * _price(_cnn(8), images) > 4 * _price(nn.Flatten(), images)
    deep = nn.Sequential(*[nn.Linear(4, 4) for _ in range(20)])
    assert _price(deep, torch.rand(2, 4)) > 15 * _price(nn.Linear(4, 4), torch.rand(2, 4))
    sequence = torch.rand(16, 30, 8)
    assert _price(nn.LSTM(8, 64), sequence) > 4 * _price(nn.LSTM(8, 16), sequence)
    attention = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    assert _price(attention, torch.rand(16, 200, 32)) > 5 * _price(attention, torch.rand(16, 20, 32))


def test_looking_changes_nothing() -> None:
    torch.manual_seed(0)
    net, inputs = (
        nn.Sequential(nn.Conv2d(2, 2, 5, padding=2, groups=2), nn.Dropout(0.5), nn.Flatten()),
        torch.rand(3, 2, 6, 6),
    )
    results = []
    for look in (False, True):
        torch.manual_seed(1)
        net.zero_grad()
        with Work().looking(net, (inputs,), {}) if look else NOTHING:
            output = net(inputs)
        output.square().sum().backward()
        results.append([output.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert len(results[0]) == 3


@pytest.mark.parametrize("inputs", [torch.rand(0, 4), torch.tensor(1.0), None, "text", 3])
def test_what_has_no_items_is_not_looked_into(inputs: Any) -> None:
    assert Work().looking(nn.Linear(4, 2), (inputs,), {}) is NOTHING
    assert Work().looking(nn.Linear(4, 2), (), {}) is NOTHING


def test_without_gradients_nothing_is_counted() -> None:
    net, work = nn.Linear(4, 2), Work()
    with torch.no_grad():
        assert work.looking(net, (torch.rand(8, 4),), {}) is NOTHING
    assert work.of(_call(net, torch.rand(8, 4))) == 0
    torch.func.vmap(lambda x: (_seen(work, net, x), net(x))[1])(torch.rand(5, 2, 4))
    assert work.of(_call(net, torch.rand(8, 4))) == 0


def _seen(work: Work, net: nn.Module, inputs: Tensor) -> None:
    assert work.looking(net, (inputs,), {}) is NOTHING


def test_a_call_that_fails_sets_no_price() -> None:
    net, work = nn.Linear(4, 2), Work()
    with pytest.raises(RuntimeError), work.looking(net, (torch.rand(8, 5),), {}):
        net(torch.rand(8, 5))
    assert work.of(_call(net, torch.rand(8, 5))) == 0


def test_a_net_on_which_calls_fail_is_left_alone_at_last() -> None:
    net, work = nn.Linear(4, 2), Work()
    for _ in range(8):
        with pytest.raises(RuntimeError), work.looking(net, (torch.rand(8, 5),), {}):
            net(torch.rand(8, 5))
    assert work.looking(net, (torch.rand(8, 4),), {}) is NOTHING


def test_work_on_the_weights_alone_is_not_charged_for_each_item() -> None:
    """A first look with one item must not make a training dear that has many."""
    net = nn.utils.parametrizations.weight_norm(nn.Linear(500, 500))
    work = Work()
    for items in (1, 512):
        with work.looking(net, (torch.rand(items, 500),), {}):
            net(torch.rand(items, 500))
    assert work.of(_call(net, torch.rand(512, 500))) == pytest.approx(_price(net, torch.rand(512, 500)), rel=0.05)


def test_shapes_beyond_those_that_were_looked_into_cost_what_alike_ones_do() -> None:
    net, work = nn.Linear(4, 2), Work()
    for length in range(1, 70):
        with work.looking(net, (torch.rand(2, length, 4),), {}):
            net(torch.rand(2, length, 4))
    long, longer = (work.of(_call(net, torch.rand(200, length, 4))) for length in (64, 128))
    assert 1.5 * long < longer < 2.5 * long


class _Odd(nn.Module):
    """Does in its forward what is hard to count."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self.layer = nn.Linear(1, 2)
        self.never_used = nn.LazyLinear(3)

    def forward(self, inputs: Tensor) -> Tensor:
        if self.what == "squeeze":
            inputs.squeeze_()
        elif self.what == "cond":
            return torch.cond(inputs.sum() > 0, self.layer, self.layer, (inputs,))
        elif self.what == "nested":
            rows = torch.nested.nested_tensor([torch.rand(2, 1), torch.rand(3, 1)])
            return self.layer(rows).to_padded_tensor(0.0)
        return self.layer(inputs.reshape(-1, 1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", ["nothing", "squeeze", "cond", "nested"])
def test_what_cannot_be_counted_comes_in_nobodys_way(what: str) -> None:
    net = _Odd(what)
    with Work().looking(net, (inputs := torch.rand(1, 1),), {}) as counter:
        assert counter is not None
        assert net(inputs).shape[-1] == 2


@pytest.mark.filterwarnings("ignore:.*nested")
def test_nested_inputs_cost_nothing() -> None:
    nested = torch.nested.nested_tensor([torch.rand(2, 4), torch.rand(3, 4)])
    net, work = nn.Linear(4, 2), Work()
    assert work.looking(net, (nested,), {}) is NOTHING
    assert work.of(_call(net, nested)) == 0


def test_a_net_that_is_gone_is_forgotten() -> None:
    work = Work()
    for _ in range(3):
        _price_in(work)
    assert len(work._known) == 0


def _price_in(work: Work) -> None:
    net = nn.Linear(4, 2)
    with work.looking(net, (torch.rand(8, 4),), {}):
        net(torch.rand(8, 4))
