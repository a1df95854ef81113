"""Notices updates of weights that the student's code makes itself, without an optimiser of torch's."""

from typing import Any

from torch import Tensor, nn

HEAD = 64  # numbers of each weight that are compared


class ByHand:
    """Stands for the optimiser in an episode of such updates."""

    def __init__(self, module: nn.Module) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": list(module.parameters())}]


class Hand:
    """The weights of one net around its backward passes, as long as no optimiser steps them."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.optimiser = ByHand(module)
        self.initial = {name: p.detach().to("cpu", copy=True) for name, p in module.named_parameters()}
        self.gradients: dict[str, str] = {}
        self._before: list[Tensor] | None = None

    def after_backward(self, gradients: Any = None) -> None:
        """Remember the weights, and which of them have a gradient. ``gradients``: of all parameters in order, if they
        were handed out instead of kept."""
        self._before = self._heads()
        named = list(self.module.named_parameters())
        found = gradients if gradients is not None and len(gradients) == len(named) else [p.grad for _, p in named]
        for (name, _), gradient in zip(named, found, strict=True):
            if self.gradients.get(name) != "yes":
                self.gradients[name] = _said(gradient)

    def moved(self) -> bool:
        """Whether the weights changed since the last backward pass; asked once after each."""
        before, self._before = self._before, None
        if before is None:
            return False
        now = self._heads()
        if len(now) != len(before):
            return False
        return any(a.shape == b.shape and not a.equal(b) for a, b in zip(before, now, strict=True))

    def _heads(self) -> list[Tensor]:
        return [p.detach().reshape(-1)[:HEAD].to("cpu", copy=True) for p in self.module.parameters()]


def _said(gradient: Any) -> str:
    if gradient is None:
        return "none"
    return "yes" if bool(gradient.detach().abs().sum() > 0) else "zero"
