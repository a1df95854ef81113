"""Counts what happened around the steps of one optimiser on one model."""

from collections import Counter
from itertools import islice
from typing import Any

import torch
from torch import nn

from .tensors import finite

MAX_SNAPSHOT = 50_000_000  # numbers of weights that are copied at the first step
WATCHED_GRADIENTS = 4  # parameters whose gradients are compared between a step and the next backward
MAX_BATCHES = 256
SOME = 256  # numbers by which a batch is known again
GRADIENT_CHECKS = frozenset({0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512})


def snapshot(module: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of the weights by name; none of a net that is too large for it."""
    named = dict(module.named_parameters())
    if sum(p.numel() for p in named.values()) > MAX_SNAPSHOT:
        return {}
    return {name: p.detach().to("cpu", copy=True) for name, p in named.items()}


def note_gradient(notes: dict[str, str], name: str, gradient: torch.Tensor | None) -> None:
    """Note whether a weight has a gradient: ``yes`` once it had one, else ``zero`` or ``none``."""
    if notes.get(name) == "yes":
        return
    if gradient is None:
        notes.setdefault(name, "none")
    else:
        notes[name] = "yes" if bool(gradient.detach().abs().sum() > 0) else "zero"


class ByHand:
    """Stands for the optimiser in an episode of updates that the code makes itself."""

    def __init__(self, module: nn.Module) -> None:
        self.param_groups: list[dict[str, Any]] = [{}]
        self.hold(module)

    def hold(self, module: nn.Module) -> None:
        """Take the weights that the net has now: code may have put others in their place."""
        self.param_groups[0]["params"] = list(module.parameters())


class Episode:
    """All steps of one (optimiser, model) pair."""

    def __init__(self, optimiser: torch.optim.Optimizer | ByHand, model: Any, cell: int | None) -> None:
        self.optimiser = optimiser
        self.model = model  # a ModelRecord, or None for loose tensors
        self.counts: Counter[str] = Counter()
        self.batch_sizes: Counter[int] = Counter()
        self.batches: set[tuple[int, float]] = set()
        self.first_cell = self.last_cell = cell
        self.gradients: dict[str, str] = {}
        self.initial = {} if model is None else snapshot(model.module)
        self._after_step: list[tuple[nn.Parameter, torch.Tensor, int]] = []
        self._used: tuple[nn.Parameter, torch.Tensor, int] | None = None

    def parameters(self) -> list[nn.Parameter]:
        """The tensors the optimiser holds."""
        return [p for group in self.optimiser.param_groups for p in group["params"]]

    def before_step(self) -> bool:
        """Look at the gradients that a step is about to use; whether there are any."""
        found = False
        if self.model is not None and self.counts["steps"] in GRADIENT_CHECKS:
            for name, parameter in self.model.module.named_parameters():
                note_gradient(self.gradients, name, parameter.grad)
        for parameter in self.parameters():
            if parameter.grad is not None:
                found = True
                break
        return found

    def after_step(self, cell: int | None) -> None:
        """Remember the gradients that a step has used up."""
        self.counts["steps"] += 1
        self.last_cell = cell
        held = islice((p for p in self.parameters() if p.grad is not None), WATCHED_GRADIENTS)
        self._after_step = [(p, p.grad, p.grad._version) for p in held if p.grad is not None]

    def before_backward(self) -> None:
        """Look for gradients which a step has already used."""
        watched, self._after_step = self._after_step, []
        for parameter, gradient, version in watched:
            if parameter.grad is gradient and gradient._version == version and bool(gradient.detach().abs().sum() > 0):
                self._used = (parameter, gradient, version)
                return

    def after_backward(self) -> None:
        """Count a backward pass that has added to such gradients; one through another net leaves them alone."""
        if self._used is None:
            return
        (parameter, gradient, version), self._used = self._used, None
        self.counts["stale_backwards"] += parameter.grad is not gradient or gradient._version != version

    def batch(self, inputs: torch.Tensor | None) -> None:
        """Note size and content of a batch that led to a step."""
        if inputs is None or inputs.dim() == 0:
            return
        self.batch_sizes[int(inputs.shape[0])] += 1
        self.counts["samples"] += int(inputs.shape[0])
        if len(self.batches) < MAX_BATCHES and inputs.numel():
            self.batches.add((int(inputs.shape[0]), _sum_of_some(inputs.detach())))

    def change(self) -> tuple[float | None, dict[str, float | None]]:
        """Relative L2 change of the weights since the first step: over all, and by parameter."""
        by_name: dict[str, float | None] = {}
        moved = size = 0.0
        for name, parameter in self.model.module.named_parameters() if self.model is not None else ():
            before = self.initial.get(name)
            if before is None or before.shape != parameter.shape:
                continue
            now = parameter.detach().to("cpu", torch.float64)
            difference = float((now - before.double()).norm())
            norm = float(before.double().norm())
            by_name[name] = finite(difference / norm) if norm else finite(difference)
            moved += difference**2
            size += norm**2
        return (finite((moved / size) ** 0.5) if size else None), by_name


def _sum_of_some(inputs: torch.Tensor) -> float:
    """The sum of about 256 numbers from all over a batch, since images may be empty at the same places; of all, where
    they are fewer."""
    flat = inputs.reshape(-1)
    step = flat.numel() // SOME | 1  # odd, or it could meet the same columns of each image
    some = flat[::step]
    if some.device.type == "cpu" and some.dtype is torch.float32:
        return float(some.numpy().sum(dtype="f8"))  # a third of the time that torch takes for so few numbers
    return float(some.double().sum())
