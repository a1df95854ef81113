"""Summarises the loss functions that were called, by model, phase and kind."""

from typing import Any

import torch
from torch import Tensor, nn

from .models import Forward, LossCall
from .tensors import finite

LOSSES = (
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
    "poisson_nll_loss",
    "gaussian_nll_loss",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "hinge_embedding_loss",
)
LOSS_LAYERS = frozenset(  # modules that do nothing but call one of these functions
    {nn.CrossEntropyLoss, nn.NLLLoss, nn.BCELoss, nn.BCEWithLogitsLoss, nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss}
    | {nn.HuberLoss, nn.KLDivLoss, nn.PoissonNLLLoss, nn.GaussianNLLLoss}
)
MAX_LOSSES = 16
LOOKED_AT = 20  # calls of each kind whose values are looked at
GRAPH_NODES = 14


class LossBook:
    """One entry per (model, phase, kind)."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, str, str], dict[str, Any]] = {}
        self._graphs: dict[tuple[int, str], list[str]] = {}

    def note(self, model: int, phase: str, call: LossCall) -> None:
        """Count a call; look at the values of the first ones."""
        key = (model, phase, call.kind)
        entry = self._entries.setdefault(
            key, {"kind": call.kind, "phase": phase, "calls": 0, "reduction": call.reduction}
        )
        entry["calls"] += 1
        if entry["calls"] <= LOOKED_AT:
            _look(entry, call)

    def note_graph(self, forward: Forward, root: Tensor) -> None:
        """Note the autograd nodes behind the loss, once for each model and kind of loss."""
        kind = forward.losses[-1].kind if forward.losses else "custom"
        key = (forward.model.number, kind)
        if kind == "custom":
            entry = self._entries.setdefault((key[0], "train", kind), {"kind": kind, "phase": "train", "calls": 0})
            entry["calls"] += 1
        if key in self._graphs:
            return
        nodes: list[str] = []
        node = root.grad_fn
        while node is not None and len(nodes) < GRAPH_NODES:
            nodes.append(type(node).__name__)
            node = next((parent for parent, _ in node.next_functions if parent is not None), None)
        self._graphs[key] = nodes

    def entries(self, model: int) -> list[dict[str, Any]]:
        """All entries of a model, most called first."""
        found = [dict(e) for (number, _, _), e in self._entries.items() if number == model and e["calls"]]
        for entry in found:
            entry["graph"] = self._graphs.get((model, entry["kind"]), []) if entry["phase"] == "train" else []
        return sorted(found, key=lambda e: -e["calls"])[:MAX_LOSSES]


def _look(entry: dict[str, Any], call: LossCall) -> None:
    values = call.inputs.float()
    if "input_shape" not in entry or values.shape[:1] > torch.Size(entry["input_shape"][:1]):
        entry["input_shape"] = list(call.inputs.shape)
        entry["target_shape"] = list(call.target.shape)
    entry["input_dtype"] = str(call.inputs.dtype).removeprefix("torch.")
    entry["target_dtype"] = str(call.target.dtype).removeprefix("torch.")
    if not values.numel():
        return
    low, high = finite(values.min()), finite(values.max())
    if low is not None and high is not None:
        entry["input_min"] = min(low, entry.get("input_min", low))
        entry["input_max"] = max(high, entry.get("input_max", high))
    if values.dim() == 2 and values.shape[1] > 1:
        sums = bool(((values.sum(1) - 1).abs() < 1e-4).all()) and low is not None and low >= 0
        entry["rows_sum_to_one"] = sums and entry.get("rows_sum_to_one", True)
        entry["columns_sum_to_one"] = _over_the_batch(call.kind, values) and entry.get("columns_sum_to_one", True)
    entry["target_form"] = _form(call.target)


def _over_the_batch(kind: str, values: Tensor) -> bool:
    """Whether probabilities (n, k) add up down the batch instead of over the classes."""
    shares = values.exp() if kind == "nll_loss" else values
    right = shares.shape[0] > 1 and bool((shares >= 0).all()) and bool(((shares.sum(0) - 1).abs() < 1e-4).all())
    return right and not bool(((shares.sum(1) - 1).abs() < 1e-4).all())


def _form(target: Tensor) -> str:
    if not target.is_floating_point():
        return "index" if target.dim() <= 1 or target.shape[-1] == 1 else "one-hot" if _one_hot(target) else "unknown"
    if target.dim() == 2 and target.shape[1] > 1 and target.numel():
        if _one_hot(target):
            return "one-hot"
        if bool(((target.sum(1) - 1).abs() < 1e-4).all()) and bool((target >= 0).all()):
            return "probabilities"
    return "float"


def _one_hot(target: Tensor) -> bool:
    return bool((((target == 0) | (target == 1)).all()) & (target.sum(-1) == 1).all())
