"""Builds the student's evaluation dataset again, over the held-out world, and puts its items into the form the model
takes."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from . import shims, sources
from .models import ModelRecord

MAX_ITEMS = 20_000
MAX_NUMBERS = 15_000_000  # of all inputs together: 60 MB as float32
Refusal = type[Exception]


def rebuild(record: ModelRecord, refusal: Refusal) -> tuple[Tensor, Tensor | None]:
    """Model inputs (n, ...) and the targets beside them, from the dataset that fed the model in evaluation.

    Raises ``refusal`` with the reason if the dataset cannot be rebuilt, or if what happens between loader and model
    cannot be told.
    """
    if record.link is None:
        raise refusal("No DataLoader was seen to feed the model.")
    batch, consumed, loader, _ = record.link
    adapt = adapter(batch, consumed)
    if adapt is None:
        raise refusal("What happens between the DataLoader and the model could not be told.")
    dataset = rebuilt(_dataset(record, loader), refusal)
    collate = getattr(loader, "collate_fn", None)
    inputs, targets, total = [], [], 0
    for part in DataLoader(dataset, batch_size=64, shuffle=False, collate_fn=collate):
        adapted = adapt(part)
        parts = sources.batch_parts(part)
        inputs.append(adapted.detach().cpu())
        targets.append(parts[1].detach().cpu() if len(parts) > 1 and parts[1] is not None else None)
        total += adapted.numel()
        if total > MAX_NUMBERS:
            break
    if not inputs:
        raise refusal("The dataset is empty over the held-out data.")
    known = [t for t in targets if t is not None]
    return torch.cat(inputs), torch.cat(known) if len(known) == len(targets) else None


def _dataset(record: ModelRecord, loader: Any) -> Any:
    validation = record.validation()
    chosen = validation.loader if validation is not None and validation.loader is not None else loader
    return chosen.dataset


def rebuilt(dataset: Any, refusal: Refusal) -> Any:
    """A dataset made anew from the arguments it was once made with; a ``Subset`` gives way to all of what it was
    taken from."""
    if isinstance(dataset, Subset):
        return rebuilt(dataset.dataset, refusal)
    if isinstance(dataset, TensorDataset):
        raise refusal("The dataset holds ready-made tensors.")
    noted = sources.constructor(dataset)
    if noted is None:
        raise refusal(f"How {type(dataset).__name__} was constructed is not known.")
    substitute = shims.heldout_image_dataset(type(dataset), *noted)
    if substitute is not None:
        return substitute
    args, kwargs = _validating(type(dataset), noted[0], noted[1])
    for value in (*args, *kwargs.values()):
        if isinstance(value, (Tensor, np.ndarray)) or type(value).__module__.startswith("pandas"):
            raise refusal("The dataset was constructed from ready-made arrays.")

    def renewed(value: Any) -> Any:
        return rebuilt(value, refusal) if isinstance(value, Dataset) else value

    constructed: Callable[..., Any] = type(dataset)
    return constructed(*[renewed(v) for v in args], **{k: renewed(v) for k, v in kwargs.items()})


def _validating(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The same arguments with a train flag set to validation."""
    values, named = list(args), dict(kwargs)
    try:
        names = list(inspect.signature(cls.__init__).parameters)[1:]  # type: ignore[misc]
    except (TypeError, ValueError):
        names = []
    for position, name in enumerate(names):
        if name.lower() in sources.TRAIN_FLAGS:
            if position < len(values):
                values[position] = False
            else:
                named[name] = False
    return values, named


def adapter(batch: Any, consumed: Tensor) -> Callable[[Any], Tensor] | None:
    """What turns a batch as loaded into the model's input: the first candidate that reproduces a recorded pair
    exactly."""
    for candidate in CANDIDATES:
        try:
            produced = candidate(batch)
        except Exception:  # most candidates do not fit most batches
            continue
        if not isinstance(produced, Tensor) or produced.shape != consumed.shape:
            continue
        if torch.allclose(produced.double().cpu(), consumed.double().cpu(), rtol=1e-6, atol=1e-7, equal_nan=True):
            return candidate
    return None


def _inputs(batch: Any) -> Any:
    return batch if isinstance(batch, Tensor) else next(iter(batch.values())) if isinstance(batch, dict) else batch[0]


def _stacked(batch: Any) -> Tensor:
    return torch.stack([v.float() for v in _inputs(batch)], dim=-1)


CANDIDATES: tuple[Callable[[Any], Any], ...] = (
    _inputs,
    lambda b: _inputs(b).float(),
    lambda b: _inputs(b).float().flatten(1),
    lambda b: _inputs(b).float().unsqueeze(1),
    lambda b: _inputs(b).float().squeeze(),
    lambda b: _inputs(b).float().squeeze(1),
    lambda b: _inputs(b).float() / 255,
    lambda b: _inputs(b).float().permute(0, 3, 1, 2),
    lambda b: _inputs(b).float().permute(0, 3, 1, 2) / 255,
    lambda b: _inputs(b).float().repeat(1, 3, 1, 1),
    lambda b: _inputs(b).float().expand(-1, 3, -1, -1),
    _stacked,
    lambda b: torch.stack([v.float() for v in b[:-1]], dim=-1),
)
