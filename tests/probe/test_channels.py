"""The course's net gives the same numbers with the channels side by side, and code that could notice is left alone."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.models import MobileNetV3, mobilenet_v3_small
from torchvision.models.mobilenetv3 import InvertedResidual

from grader.probe import channels, convolutions, shims


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> MobileNetV3:
    """A small net, with the quicker way installed for one test."""
    monkeypatch.setattr(MobileNetV3, "_forward_impl", MobileNetV3._forward_impl)
    monkeypatch.setattr(nn.Conv2d, "_conv_forward", nn.Conv2d._conv_forward)
    monkeypatch.setattr(shims, "PATCHES", dict(shims.PATCHES))
    channels.install()
    convolutions.install()
    torch.manual_seed(0)
    return mobilenet_v3_small(weights=None, num_classes=10)


@pytest.fixture
def layouts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether images came with the channels side by side, at each call of the net's second convolution."""
    found: list[bool] = []
    original = nn.Conv2d.forward

    def noted(self: nn.Conv2d, input: Tensor) -> Tensor:
        if self.groups == self.in_channels == 16:  # of the first block
            found.append(input.stride(1) == 1)
        return original(self, input)

    monkeypatch.setattr(nn.Conv2d, "forward", noted)
    return found


def _by_torch(net: MobileNetV3, inputs: Tensor) -> Tensor:
    return MobileNetV3._forward_impl.__wrapped__(net, inputs)  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(("items", "side"), [(4, 28), (1, 32), (3, 65), (2, 128)])
def test_same_outputs_and_gradients(net: MobileNetV3, layouts: list[bool], items: int, side: int) -> None:
    net.eval()  # batch statistics of few items would blow up what is rounding
    other = deepcopy(net)
    images = torch.rand(items, 3, side, side, requires_grad=True)
    same = images.detach().clone().requires_grad_()
    ours, torchs = net(images), _by_torch(other, same)
    for outputs in (ours, torchs):
        outputs.square().sum().backward()
    assert layouts == [True, False]
    assert ours.is_contiguous()
    torch.testing.assert_close(ours, torchs, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(images.grad, same.grad, rtol=1e-2, atol=1e-4)
    for weight, wanted in zip(net.parameters(), other.parameters(), strict=True):
        assert weight.grad is not None and weight.grad.is_contiguous()
        torch.testing.assert_close(weight.grad, wanted.grad, rtol=1e-2, atol=1e-3)


def test_same_training(net: MobileNetV3, layouts: list[bool]) -> None:
    other, images, labels = deepcopy(net), torch.rand(32, 3, 28, 28), torch.arange(32) % 10
    losses = []
    for forward, model in ((net, net), (lambda inputs: _by_torch(other, inputs), other)):
        torch.manual_seed(1)  # for Dropout
        optimiser = torch.optim.SGD(model.parameters(), 1e-2)
        for _ in range(3):
            loss = nn.functional.cross_entropy(forward(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        losses.append(loss.detach())
    assert layouts == [True] * 3 + [False] * 3
    torch.testing.assert_close(*losses, rtol=1e-2, atol=1e-3)
    means = [next(part.running_mean for part in m.modules() if isinstance(part, nn.BatchNorm2d)) for m in (net, other)]
    torch.testing.assert_close(*means, rtol=1e-3, atol=1e-4)


@pytest.fixture
def norms(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether it goes by the batch, for each call of a normalisation of its own; what is folded makes none."""
    found: list[bool] = []
    original = nn.functional.batch_norm

    def noted(*args: Any, **kwargs: Any) -> Tensor:
        found.append(bool(args[5]))
        return original(*args, **kwargs)

    monkeypatch.setattr(nn.functional, "batch_norm", noted)
    return found


def _learnt(net: MobileNetV3) -> MobileNetV3:
    """With statistics and normalisations as after a training."""
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.normal_(part.bias)
    return net.eval()


@pytest.mark.parametrize(("items", "side"), [(4, 28), (1, 32), (3, 65), (2, 128)])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_predictions_have_their_normalisations_folded(
    net: MobileNetV3, norms: list[bool], items: int, side: int, mode: Any
) -> None:
    _learnt(net)
    images = torch.rand(items, 3, side, side)
    before = images.clone()
    with mode():
        ours = net(images)
        assert not norms
        torchs = _by_torch(net, images)
    torch.testing.assert_close(ours, torchs, rtol=1e-3, atol=1e-4)
    assert ours.is_contiguous() and torch.equal(images, before)
    net(images)
    assert len(norms) == 2 * 34  # with gradients, as ever


def test_normalisations_by_the_batch_are_not_folded(net: MobileNetV3, norms: list[bool]) -> None:
    images = torch.rand(8, 3, 32, 32)
    with torch.no_grad():
        net.train()(images)
        assert norms == [True] * 34
        assert net.features[0][1].num_batches_tracked == 1  # type: ignore[index]
        net.eval()
        net.features[0][1].train()  # type: ignore[index]
        net(images)
        assert norms == [True] * 35


def _no_statistics(net: MobileNetV3) -> None:
    width = net.features[0][0].out_channels  # type: ignore[index]
    net.features[0][1] = nn.BatchNorm2d(width, track_running_stats=False)  # type: ignore[index]


def _no_weights(net: MobileNetV3) -> None:
    net.features[0][1] = nn.BatchNorm2d(net.features[0][0].out_channels, affine=False)  # type: ignore[index]


def _convolution_with_a_bias(net: MobileNetV3) -> None:
    net.features[0][0] = nn.Conv2d(3, 16, 3, 2, 1, padding_mode="reflect")  # type: ignore[index]


def _one_part_more(net: MobileNetV3) -> None:
    net.features[0].append(nn.Dropout())  # type: ignore[operator]


def _weights_made_of_others(net: MobileNetV3) -> None:
    nn.utils.parametrizations.weight_norm(net.features[0][0])  # type: ignore[index]


def _another_activation(net: MobileNetV3) -> None:
    net.features[1].block[0][2] = nn.GELU()  # type: ignore[index,union-attr]


def _numbers_that_are_none(net: MobileNetV3) -> None:
    net.features[2].block[0][1].running_var.fill_(-1)  # type: ignore[index,union-attr]


def _block_without_content(net: MobileNetV3) -> None:
    net.features[3].block = nn.Sequential()


CHANGES = (
    _no_statistics,
    _no_weights,
    _convolution_with_a_bias,
    _one_part_more,
    _weights_made_of_others,
    _another_activation,
    _numbers_that_are_none,
    _block_without_content,
)


@pytest.mark.parametrize("change", CHANGES)
def test_predictions_of_nets_that_were_changed(net: MobileNetV3, change: Any) -> None:
    change(_learnt(net))
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        ours, torchs = net.eval()(images), _by_torch(net, images)
    torch.testing.assert_close(ours, torchs, rtol=1e-3, atol=1e-4, equal_nan=True)


def test_weights_that_are_changed_in_any_way_are_the_next_prediction(net: MobileNetV3) -> None:
    _learnt(net)
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        net(images)
        net.features[0][0].weight.data.mul_(3)  # type: ignore[index]
        net.features[1].block[0][1].running_mean.data.add_(1)  # type: ignore[index,union-attr]
        torch.testing.assert_close(net(images), _by_torch(net, images), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.BatchNorm2d, nn.Hardswish, InvertedResidual])
def test_methods_that_were_given_to_a_class(net: MobileNetV3, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = kind.forward
    monkeypatch.setattr(kind, "forward", lambda self, images: original(self, images) * 2)
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(_learnt(net)(images), _by_torch(net, images), rtol=1e-3, atol=1e-4)


def test_a_part_that_holds_the_net_is_no_endless_walk(net: MobileNetV3) -> None:
    net.features[0].whole = net.features[0]
    with pytest.raises((RecursionError, TypeError)):
        net.eval()(torch.rand(2, 3, 64, 64))


class Flat(nn.Module):
    """A part as a student may write it: ``view`` takes no other layout."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C * H * W, 1, 1)."""
        return inputs.view(len(inputs), -1, 1, 1)


def _own_pooling(net: MobileNetV3) -> None:
    net.avgpool = Flat()  # type: ignore[assignment]


def _own_part(net: MobileNetV3) -> None:
    net.features.append(nn.Sequential(Flat()))


def _other_first_layer(net: MobileNetV3) -> None:
    net.features[0] = nn.Conv2d(3, 16, 3, 2, 1)


def _other_first_convolution(net: MobileNetV3) -> None:
    net.features[0][0] = nn.Conv2d(3, 16, 3, 2, 1, bias=False)  # type: ignore[index]


def _grey(net: MobileNetV3) -> None:
    net.features[0] = nn.Sequential(nn.Conv2d(3, 3, 1), net.features[0])


def _changed_in_place(net: MobileNetV3) -> None:
    net.features[0] = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(inplace=True))


def _without_normalisation(net: MobileNetV3) -> None:
    net.features[0][1] = nn.Identity()  # type: ignore[index]


@pytest.mark.parametrize(
    "change", [_other_first_layer, _other_first_convolution, _grey, _changed_in_place, _without_normalisation]
)
def test_another_first_layer_of_torchs(net: MobileNetV3, layouts: list[bool], change: Any) -> None:
    change(net)
    net.eval()
    other, images = deepcopy(net), torch.rand(3, 3, 64, 64)
    ours, torchs = net(images), _by_torch(other, images)
    for outputs in (ours, torchs):
        outputs.square().sum().backward()
    assert layouts == [True, False]
    torch.testing.assert_close(ours, torchs, rtol=1e-3, atol=1e-4)
    for part, same in zip(net.features[0].parameters(), other.features[0].parameters(), strict=True):
        assert part.grad is not None and part.grad.is_contiguous()
        torch.testing.assert_close(part.grad, same.grad, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("change", [_changed_in_place, _without_normalisation])
def test_images_that_come_with_their_channels_side_by_side(net: MobileNetV3, change: Any) -> None:
    """As numpy has them, or the whole net was laid out so: what is changed in place may be changed."""
    change(net)
    images = torch.rand(2, 64, 64, 1).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
    for model, given in (
        (net, images),
        (net.to(memory_format=torch.channels_last), images),  # type: ignore[call-overload]
        (net, images.contiguous(memory_format=torch.channels_last)),
    ):
        model(given).square().sum().backward()
    assert next(net.parameters()).grad is not None


def test_layers_that_were_emptied(net: MobileNetV3) -> None:
    net.features[0] = nn.Sequential()
    with pytest.raises(RuntimeError, match="channels"):
        net(torch.rand(2, 3, 64, 64))
    net.features[1] = nn.Conv2d(3, 16, 1)
    assert net(torch.rand(2, 3, 64, 64)).shape == (2, 10)
    net.features, net.classifier = nn.Sequential(), nn.Sequential(nn.Linear(3, 10))
    assert net(torch.rand(2, 3, 64, 64)).shape == (2, 10)


def _own_forward(net: MobileNetV3) -> None:
    pool = net.avgpool
    net.avgpool.forward = lambda inputs: nn.AdaptiveAvgPool2d.forward(pool, inputs)  # type: ignore[method-assign]


@pytest.mark.parametrize("change", [_own_pooling, _own_part, _own_forward])
def test_a_net_with_parts_of_ones_own_keeps_its_layout(net: MobileNetV3, layouts: list[bool], change: Any) -> None:
    change(net)
    assert net.eval()(torch.rand(2, 3, 28, 28)).shape == (2, 10)
    assert layouts == [False]


def test_hooks_see_the_usual_layout(net: MobileNetV3, layouts: list[bool]) -> None:
    seen: list[Tensor] = []
    handle = net.features[3].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    net.eval()(torch.rand(2, 3, 64, 64))
    handle.remove()
    everywhere = register_module_forward_hook(lambda _module, _inputs, output: None)
    net(torch.rand(2, 3, 64, 64))
    everywhere.remove()
    assert seen[0].view(2, -1).dim() == 2
    assert layouts == [False, False]
    net(torch.rand(2, 3, 64, 64))
    assert layouts[-1]


def test_what_is_out_of_the_usual_keeps_its_layout(net: MobileNetV3, layouts: list[bool]) -> None:
    class Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func(*args, **(kwargs or {}))

    net.eval()
    images = torch.rand(2, 3, 32, 32)
    with Mode():  # type: ignore[no-untyped-call]
        net(images)
    with torch.autocast("cpu"):
        net(images)
    torch.func.vmap(net)(images[None])
    net.double()(images.double())
    with pytest.raises(RuntimeError):
        net.float()(torch.rand(2, 1, 32, 32))
    assert net(torch.rand(0, 3, 32, 32)).shape == (0, 10)
    assert not any(layouts)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_nets_can_be_scripted_and_traced(net: MobileNetV3) -> None:
    images = torch.rand(2, 3, 32, 32)
    wanted = _by_torch(net.eval(), images)
    for found in (torch.jit.script(net), torch.jit.trace(net, images), torch.fx.symbolic_trace(net)):  # type: ignore[no-untyped-call]
        torch.testing.assert_close(found(images), wanted, rtol=1e-3, atol=1e-4)


def test_a_subclass_and_a_net_around_it(net: MobileNetV3, layouts: list[bool]) -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = net

        def forward(self, images: Tensor) -> Tensor:
            return self.body(images * 2 - 1).view(-1, 10)  # type: ignore[no-any-return]

    assert Around().eval()(torch.rand(2, 3, 28, 28)).shape == (2, 10)
    assert layouts == [True]


def test_gradients_can_be_viewed(net: MobileNetV3) -> None:
    """As code does that puts them in a row, or looks at those of the images."""
    images = torch.rand(4, 3, 64, 64, requires_grad=True)
    parameters = list(net.parameters())
    for weight in parameters:
        weight.register_hook(lambda gradient: gradient.view(-1).view_as(gradient))
    loss = net(images).square().sum()
    of_images, *others = torch.autograd.grad(loss, [images, *parameters])
    assert of_images.view(4, -1).norm(2, 1).shape == (4,)
    assert torch.cat([gradient.view(-1) for gradient in others]).isfinite().all()


def test_a_convolution_whose_gradient_would_lie_otherwise_keeps_the_layout(
    net: MobileNetV3, layouts: list[bool]
) -> None:
    net.features.append(nn.Conv2d(576, 576, 3, padding=1))
    assert net.eval()(torch.rand(2, 3, 64, 64)).shape == (2, 10)
    assert layouts == [False]
