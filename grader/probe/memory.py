"""Remembers items of data sets that come out alike whenever they are built, so that each is built only a few times.

An item is remembered once the student's own loops have built it twice with equal bits, without touching a random state.
One item at the start of every pass and one of every ``CHECK_EVERY`` later is built in spite of that: a data set found
to have changed is left alone for good. A real build is what would have happened anyway, so it is always neutral.
"""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset, get_worker_info
from torch.utils.data._utils.collate import default_collate
from torch.utils.data._utils.fetch import _MapDatasetFetcher

from . import recorder
from .items import Unfit, copied, digest, size
from .watching import Watch

CHECK_EVERY = 128
MAX_RENEWALS = 16  # changes of what a data set is made of, after which it is left alone
MAX_SETS = 64
SEEN_BYTES = 160  # that the digest of an item takes, about


class Shelf:
    """What is remembered of one data set."""

    def __init__(self, dataset: Any, room: "Room") -> None:
        self.dataset = dataset
        self.left_alone = False
        self._room = room
        self._seen: dict[Any, bytes] = {}  # digests of items that were built once
        self._items: dict[Any, tuple[Any, bytes]] = {}
        self._bytes = 0
        self._renewals = -1
        self._answered = 0
        self._renew()

    def leave_alone(self) -> None:
        """Remember nothing of this data set from now on."""
        self.left_alone = True
        self._empty()

    def _empty(self) -> None:
        self._seen.clear()
        self._items.clear()
        self._room.taken -= self._bytes
        self._bytes = 0

    def _renew(self) -> None:
        """Forget everything: the data set is not what it was."""
        self._empty()
        self._renewals += 1
        try:
            self._watch = Watch(self.dataset)
        except Exception:  # whatever a student's class may do when it is looked at
            self.leave_alone()
        else:
            if self._watch.draws or self._renewals > MAX_RENEWALS:
                self.leave_alone()

    def items(self, indices: list[Any], keys: list[Any], *, first: bool) -> list[Any]:
        """The items of one batch in order, built or remembered. ``first``: a pass through the data begins."""
        if self._changed():
            self._renew()
        known = [self._items.get(key) for key in keys]
        checked = self._to_check(known, first=first)
        if checked is None and None not in known:
            return [found[0] for found in known if found is not None]
        return self._build(indices, keys, known, checked)

    def _to_check(self, known: list[Any], *, first: bool) -> int | None:
        """The position in a batch of the item that is built even if it is known."""
        if first:
            return next((position for position, found in enumerate(known) if found is not None), None)
        self._answered += len(known)
        if self._answered < CHECK_EVERY:
            return None
        self._answered %= CHECK_EVERY
        return self._answered % len(known)

    def _build(self, indices: list[Any], keys: list[Any], known: list[Any], checked: int | None) -> list[Any]:
        items: list[Any] = []
        built: list[int] = []
        before = random_states()
        for position, found in enumerate(known):
            if found is not None and position != checked and not self.left_alone:
                items.append(found[0])
                continue
            items.append(self.dataset[indices[position]])
            built.append(position)
            if found is not None and not self.left_alone and self._differs(items[-1], found[1], before):
                self.leave_alone()
                items = [items[p] if p in built else self.dataset[indices[p]] for p in range(position + 1)]
        if not self.left_alone:
            self._learn([(keys[p], items[p]) for p in built], before)
        return items

    def _differs(self, item: Any, remembered: bytes, before: Any) -> bool:
        try:
            return digest(item) != remembered or random_states() != before
        except Exception:  # Unfit, or anything that cannot be looked at
            return True

    def _changed(self) -> bool:
        try:
            return self._watch.changed()
        except Exception:  # as above
            return True

    def _learn(self, built: list[tuple[Any, Any]], before: Any) -> None:
        """Take note of what was really built, unless that left traces."""
        if random_states() != before:
            self.leave_alone()
        elif self._changed():
            self._renew()
        else:
            try:
                for key, item in built:
                    self._take(key, item)
            except Exception:  # Unfit, or anything that cannot be copied
                self.leave_alone()
            if self._room.full and not self._items:
                self.leave_alone()

    def _take(self, key: Any, item: Any) -> None:
        if key in self._items or self._room.full:
            return
        found = digest(item)
        before = self._seen.setdefault(key, b"")
        if not before:
            self._seen[key] = found
            self._occupy(SEEN_BYTES)
        elif before != found:
            raise Unfit
        elif self._occupy(size(item)):
            self._items[key] = copied(item), found
            self._room.remembered += 1

    def _occupy(self, amount: int) -> bool:
        if not self._room.takes(amount):
            return False
        self._bytes += amount
        return True


class Room:
    """The memory that all data sets share, and how many items were ever put there."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self.full = False
        self.remembered = 0
        self._shelves: dict[int, Shelf] = {}

    def takes(self, amount: int) -> bool:
        """Whether so many bytes more are to be had; once they are not, nothing more is remembered."""
        self.full = self.full or self.taken + amount > self.limit
        if not self.full:
            self.taken += amount
        return not self.full

    def shelf(self, dataset: Any) -> Shelf:
        """The shelf of a data set, made at its first batch."""
        found = self._shelves.get(id(dataset))
        if found is None:
            if len(self._shelves) >= MAX_SETS:
                self._shelves.pop(next(iter(self._shelves))).leave_alone()
            found = self._shelves[id(dataset)] = Shelf(dataset, self)
        return found


ROOM = Room(0)


def install(limit: int) -> None:
    """Remember up to ``limit`` bytes of items that loaders of this process fetch; 0: nothing."""
    ROOM.limit = limit
    if limit > 0:
        _MapDatasetFetcher.fetch = _remembering(_MapDatasetFetcher.fetch)  # type: ignore[method-assign]


def _remembering(original: Callable[..., Any]) -> Callable[..., Any]:
    def fetch(self: Any, possibly_batched_index: Any) -> Any:
        shelf = _shelf(self, possibly_batched_index)
        indices = [] if shelf is None else _indices(self.dataset, possibly_batched_index)
        keys = [index if type(index) is int else _key(index) for index in indices]
        if shelf is None or not keys or None in keys:
            return original(self, possibly_batched_index)
        first = getattr(self, "_probe_shelf", None) is not shelf
        self._probe_shelf = shelf
        return self.collate_fn(shelf.items(indices, keys, first=first))

    return fetch


def _shelf(fetcher: Any, indices: Any) -> Shelf | None:
    """Where items of a fetcher's data set may be remembered; None if it is left alone."""
    if fetcher.collate_fn is not default_collate or not fetcher.auto_collation or type(indices) is not list:
        return None
    if recorder.STATE.quiet or get_worker_info() is not None:
        return None
    dataset = fetcher.dataset
    while type(dataset) is Subset:
        dataset = dataset.dataset
    kind = type(dataset)
    if not issubclass(kind, Dataset) or issubclass(kind, IterableDataset) or kind is TensorDataset:
        return None
    if getattr(dataset, "__getitems__", None):
        return None
    shelf = ROOM.shelf(dataset)
    return None if shelf.left_alone else shelf


def _indices(dataset: Any, indices: list[Any]) -> list[Any]:
    """The indices as the innermost data set is asked for them; empty where that fails, which the plain way will show
    again."""
    try:
        while type(dataset) is Subset:
            indices = [dataset.indices[i] for i in indices]
            dataset = dataset.dataset
    except Exception:  # an index out of range, or a kind of sequence of the student's own
        return []
    return indices


def _key(index: Any) -> Any:
    """Equal for equal whole numbers of one type; None for any other index."""
    whole = isinstance(index, np.integer) or (type(index) is Tensor and index.dim() == 0)
    return (type(index), int(index)) if whole else None


def random_states() -> tuple[Any, ...]:
    """The states of the three generators that everybody shares."""
    numpy = np.random.mtrand._rand.get_state(legacy=False)["state"]
    return torch.get_rng_state().numpy().tobytes(), numpy["pos"], numpy["key"].tobytes(), random.getstate()
