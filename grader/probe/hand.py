"""Notices updates of weights that the student's code makes itself, without an optimiser of torch's."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .episodes import ByHand, note_gradient, snapshot

HEAD = 64  # numbers of each weight that are compared


class Hand:
    """The weights of one net around its backward passes, as long as no optimiser steps them. ``clock``: steps of any
    net before the latest of these passes."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.optimiser = ByHand(module)
        self.clock = 0
        self.initial = snapshot(module)
        self.gradients: dict[str, str] = {}
        self._before: list[Tensor] | None = None

    def after_backward(self, gradients: Mapping[int, Any] | None = None) -> None:
        """Remember the weights, and which of them have a gradient. ``gradients``: by the id of the weight, if they were
        handed out instead of kept."""
        if self._before is None:
            self._before = self._heads()
        for name, parameter in self.module.named_parameters():
            gradient = parameter.grad if gradients is None else gradients.get(id(parameter), parameter.grad)
            note_gradient(self.gradients, name, gradient)

    def moved(self) -> bool:
        """Whether the weights changed since the first backward pass after their last change."""
        before = self._before
        if before is None:
            return False
        now = self._heads()
        if len(now) == len(before) and all(a.shape != b.shape or a.equal(b) for a, b in zip(before, now, strict=True)):
            return False
        self._before = now
        self.optimiser.hold(self.module)
        return True

    def _heads(self) -> list[Tensor]:
        trained = (p for p in self.module.parameters() if p.requires_grad)
        return [p.detach().reshape(-1)[:HEAD].to("cpu", copy=True) for p in trained]
