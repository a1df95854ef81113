"""Keeps some of the rows that a model consumed: input, output, the tensor at the loss, and the target, side by side."""

from typing import Any

import torch
from torch import Tensor

from .tensors import RowHasher, keep, row_numel

TABLE_WIDTH = 256  # numbers per row up to which a batch counts as tabular
TABLE_ROWS = 1_024
IMAGE_ROWS = 64
LARGE_WIDTH = 8_192  # numbers per row of a large image
LARGE_ROWS = 32
QUIET_BATCHES = 64  # batches without a new row after which a training sample is complete
HASHED_ROWS = 40_000
PARTS = ("inputs", "outputs", "loss_inputs", "targets")


class Sample:
    """Rows of one phase of one model. ``fresh``: keep only the latest pass (validation) instead of the first
    distinct rows."""

    def __init__(self, *, fresh: bool) -> None:
        self._fresh = fresh
        self._hasher = RowHasher()
        self._kept: list[dict[str, Tensor | None]] = []  # of the most telling pass before this one
        self._hashed: list[list[int] | None] = []  # fingerprints of each of ``_rows`` that is a whole batch
        self._kept_hashes: list[list[int] | None] = []
        self._rows: list[dict[str, Tensor | None]] = []
        self.hashes: set[int] = set()
        self._known = 0  # fingerprints when the pass began
        self._met = 0  # rows of this pass
        self._stale = 0  # so many rows of a pass brought none that was not known, last time
        self.clear()

    def clear(self) -> None:
        """Start over; the rows so far stay at hand in case the new ones say less."""
        rows = self._most_telling()
        self._kept_hashes = self._hashed if rows is self._rows else self._kept_hashes
        self._kept = rows
        self._rows = []
        self._hashed = []
        self._count = 0
        self._seen: set[int] = set()
        self._quiet = 0
        self._stale = max(self._stale, self._met) if len(self.hashes) == self._known else 0
        self._known, self._met = len(self.hashes), 0

    def begin_pass(self) -> None:
        """A new pass starts: a fresh sample starts over."""
        if self._fresh:
            self.clear()

    def wants(self) -> bool:
        """Whether more rows are of use."""
        return self._quiet < QUIET_BATCHES

    def add(self, inputs: Tensor, outputs: Tensor, loss_inputs: Tensor | None, targets: Tensor | None) -> None:
        """Take a batch; tensors whose first dimension is not the batch's are left out."""
        if inputs.dim() == 0 or inputs.shape[0] == 0 or outputs.dim() == 0 or outputs.shape[0] != inputs.shape[0]:
            return
        limit = _limit(row_numel(inputs))
        self._met += len(inputs)
        if self._fresh and self._count >= limit and self._met <= self._stale:  # none is kept, and none would be new
            self._quiet += 1
            return
        hashes, again = self._hash(inputs)
        if len(self.hashes) < HASHED_ROWS:
            self.hashes.update(hashes)
        if len(self.hashes) > self._known:
            self._stale = 0
        index = list(range(len(hashes))) if self._fresh else [i for i, h in enumerate(hashes) if h not in self._seen]
        index = index[: max(0, limit - self._count)]
        if not index:
            self._quiet += 1
            return
        self._quiet = 0
        self._seen.update(hashes)
        self._count += len(index)
        whole = len(index) == len(hashes)
        row: dict[str, Tensor | None] = {}
        for name, value in zip(PARTS, (inputs, outputs, loss_inputs, targets), strict=True):
            fits = value is not None and value.dim() > 0 and value.shape[0] == inputs.shape[0]
            if name == "inputs" and whole and again is not None:
                row[name] = again
            else:
                row[name] = None if value is None or not fits else (keep(value) if whole else keep(value)[index])
        self._rows.append(row)
        self._hashed.append(hashes if whole else None)

    def _hash(self, inputs: Tensor) -> tuple[list[int], Tensor | None]:
        """Fingerprints of the rows, and the copy of the same inputs that the pass before kept at this place, if any."""
        place = len(self._rows)
        known = self._kept_hashes[place] if place < len(self._kept_hashes) else None
        before = self._kept[place]["inputs"] if known is not None else None
        if known is None or before is None or not _alike(before, inputs):
            return self._hasher(inputs), None
        if row_numel(inputs) <= TABLE_WIDTH:
            return (known, before) if torch.equal(before, inputs) else (self._hasher(inputs), None)
        hashes = self._hasher(inputs)  # for images less work than to compare every number
        return hashes, before if hashes == known else None

    def _most_telling(self) -> list[dict[str, Tensor | None]]:
        """The latest rows, unless the ones before were more, or came with a loss: a look at one batch says less."""
        return max(self._rows, self._kept, key=_worth)

    def arrays(self, prefix: str) -> dict[str, Any]:
        """The rows as numpy arrays, named ``{prefix}_inputs`` and so on; a part that some batch lacks is left out."""
        result = {}
        for name in PARTS:
            parts = [row[name] for row in self._most_telling()]
            if not parts or any(p is None for p in parts):
                continue
            shapes = {tuple(p.shape[1:]) for p in parts if p is not None}
            if len(shapes) == 1:
                result[f"{prefix}_{name}"] = _plain(torch.cat([p for p in parts if p is not None]))
        return result

    def first_rows(self, count: int) -> Tensor | None:
        """Some inputs, for tracing the model."""
        rows = self._most_telling()
        return rows[0]["inputs"][:count] if rows and rows[0]["inputs"] is not None else None


def _alike(kept: Tensor, inputs: Tensor) -> bool:
    return kept.dtype is inputs.dtype and kept.shape == inputs.shape and inputs.device.type == "cpu"


def _limit(width: int) -> int:
    """How many rows of so many numbers are kept."""
    if width <= TABLE_WIDTH:
        return TABLE_ROWS
    return IMAGE_ROWS if width <= LARGE_WIDTH else LARGE_ROWS


def _worth(rows: list[dict[str, Tensor | None]]) -> tuple[int, int]:
    """Parts that every batch has, then the number of rows."""
    parts = sum(all(row[name] is not None for row in rows) for name in PARTS) if rows else 0
    return parts, sum(len(row["inputs"]) for row in rows if row["inputs"] is not None)


def _plain(value: Tensor) -> Any:
    """A numpy array of float32, int64 or bool."""
    if value.is_floating_point():
        return value.to(torch.float32).numpy()
    if value.dtype is torch.bool:
        return value.numpy()
    return value.to(torch.int64).numpy() if not value.is_complex() else value.abs().to(torch.float32).numpy()
