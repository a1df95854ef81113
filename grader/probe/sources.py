"""Notes how datasets were constructed, which loaders were iterated, and which batch was handed out last."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torch.utils.data.dataloader import _BaseDataLoaderIter

CTOR = "_probe_constructor"
ALL = (RandomSampler, SequentialSampler, WeightedRandomSampler)  # samplers that go over a whole dataset
UNKNOWN = object()
TENSORS = frozenset({Tensor})
TRAIN_FLAGS = ("train", "training", "is_train", "is_training")


@dataclass
class LoaderRecord:
    """One loader that was iterated."""

    loader: Any
    number: int
    iterations: int = 0
    finished: int = 0

    @cached_property
    def data(self) -> Any:
        """What it goes over, to tell it from others: its dataset, and the items that its sampler picks."""
        picked = _picked(self.loader)
        return id(getattr(self.loader, "dataset", None)), hash(tuple(picked)) if isinstance(picked, list) else None


@dataclass(eq=False)
class Iteration:
    """One run through a loader. ``batch``: what it handed out last; None once it has ended. ``batches``: so many were
    handed out. ``key``: the kind of run among those of a training; ``stepped``: a step was made with one of its
    batches; ``short``: it hands out a single batch; ``counted``: it counts among the runs through its loader."""

    record: LoaderRecord
    batch: Any = None
    batches: int = 0
    key: Any = None
    stepped: bool = False
    finished: bool = False
    short: bool = False
    counted: bool = True


class Sources:
    """All loaders and datasets seen, and the batch that is in the student's hands now."""

    def __init__(self) -> None:
        self.loaders: dict[int, LoaderRecord] = {}
        self.datasets: dict[int, Any] = {}
        self.current: Iteration | None = None

    def loader(self, loader: Any) -> LoaderRecord:
        """The record of a loader, made at its first iteration."""
        if id(loader) not in self.loaders:
            self.loaders[id(loader)] = LoaderRecord(loader, len(self.loaders))
            self.dataset_number(getattr(loader, "dataset", None))
        return self.loaders[id(loader)]

    def dataset_number(self, dataset: Any) -> int | None:
        """A small number for a dataset; datasets that it wraps are numbered too."""
        if dataset is None:
            return None
        if id(dataset) not in self.datasets:
            self.datasets[id(dataset)] = dataset
            for inner in wrapped(dataset):
                self.dataset_number(inner)
        return list(self.datasets).index(id(dataset))

    def feeding(self, inputs: Tensor | None) -> tuple[Iteration | None, Tensor | None]:
        """The iteration whose latest batch has as many rows as ``inputs``, and that batch's targets."""
        now = self.current
        if now is None or inputs is None or inputs.dim() == 0:
            return None, None
        parts = batch_parts(now.batch)
        if parts and parts[0] is not None and parts[0].dim() and parts[0].shape[0] == inputs.shape[0]:
            return now, parts[1] if len(parts) > 1 else None
        return None, None


def batch_parts(batch: Any) -> list[Tensor | None]:
    """The parts of a batch; a part that is itself a list of tensors is represented by its first tensor."""
    if isinstance(batch, Tensor):
        return [batch]
    if type(batch) is list and TENSORS.issuperset(map(type, batch)):
        return batch
    values = (
        list(batch.values()) if isinstance(batch, dict) else list(batch) if isinstance(batch, (tuple, list)) else []
    )
    found: list[Tensor | None] = []
    for value in values:
        nested = isinstance(value, (tuple, list)) and value and isinstance(value[0], Tensor)
        part = value[0] if nested else value
        found.append(part if isinstance(part, Tensor) else None)
    return found


def constructor(dataset: Any) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The arguments a dataset was constructed with, if they were seen."""
    return getattr(dataset, "__dict__", {}).get(CTOR)


def wrapped(dataset: Any) -> list[Any]:
    """Datasets that this one wraps: a Subset's, or those among its constructor arguments."""
    if isinstance(dataset, Subset):
        return [dataset.dataset]
    noted = constructor(dataset)
    if noted is None:
        return []
    return [v for v in (*noted[0], *noted[1].values()) if isinstance(v, Dataset)]


def shuffles(loader: Any) -> bool | None:
    """Whether a loader draws its items in random order; None if its sampler is not a known one."""
    sampler = getattr(loader, "sampler", None)
    if isinstance(sampler, (RandomSampler, SubsetRandomSampler)):
        return True
    if isinstance(sampler, SequentialSampler) and getattr(loader, "batch_sampler", None) is not None:
        return False
    return None


def install(sources: Sources, watcher: Callable[[], Any]) -> None:
    """Patch ``Dataset.__new__``, ``DataLoader.__iter__`` and the iterators' ``__next__``. ``watcher``: is told what
    starts and ends, and may end it early."""
    _note_constructors()
    original_iter = DataLoader.__iter__
    original_next = _BaseDataLoaderIter.__next__

    def observed_iter(self: Any) -> Iterator[Any]:
        iterator = original_iter(self)
        iteration = Iteration(sources.loader(self))
        watcher().starts(iteration)
        iteration.record.iterations += iteration.counted
        try:
            iterator._probe_iteration = iteration  # type: ignore[attr-defined]
        except AttributeError:
            pass
        return iterator

    def observed_next(self: Any) -> Any:
        iteration = getattr(self, "_probe_iteration", None)
        if iteration is None:
            return original_next(self)
        if (iteration.short or watcher().coast) and watcher().ends(iteration):
            iteration.batch = sources.current = None
            raise StopIteration
        try:
            batch = original_next(self)
        except StopIteration:
            _finish(iteration, watcher())
            sources.current = None
            raise
        iteration.batch = batch
        iteration.batches += 1
        sources.current = iteration
        return batch

    DataLoader.__iter__ = observed_iter  # type: ignore[method-assign,assignment]
    _BaseDataLoaderIter.__next__ = observed_next  # type: ignore[method-assign]


def _finish(iteration: Iteration, watcher: Any) -> None:
    """A loader has no more batches."""
    iteration.batch = None
    iteration.finished = True
    iteration.record.finished += iteration.counted
    watcher.finishes(iteration)


def _note_constructors() -> None:
    """Give ``Dataset`` a ``__new__`` that keeps the constructor's arguments on the instance."""

    def observed_new(cls: type, *args: Any, **kwargs: Any) -> Any:
        following = cls.__mro__[cls.__mro__.index(Dataset) + 1 :]
        owner = next((c for c in following if "__new__" in vars(c)), object)
        instance = object.__new__(cls) if owner is object else owner.__new__(cls, *args, **kwargs)
        try:
            object.__setattr__(instance, CTOR, (args, kwargs))
        except (AttributeError, TypeError):
            pass
        return instance

    Dataset.__new__ = staticmethod(observed_new)  # type: ignore[method-assign]


def argument_texts(dataset: Any) -> dict[str, str]:
    """Constructor arguments as short texts, by name where the signature tells it."""
    noted = constructor(dataset)
    if noted is None:
        return {}
    try:
        names = list(inspect.signature(type(dataset).__init__).parameters)[1:]
    except (TypeError, ValueError):
        names = []
    named = {(names[i] if i < len(names) else f"arg{i}"): value for i, value in enumerate(noted[0])} | noted[1]
    return {str(k)[:200]: _short(v) for k, v in list(named.items())[:24]}


def _short(value: Any) -> str:
    if isinstance(value, (bool, int, float, str, type(None))):
        return repr(value)[:200]
    plain = isinstance(value, (tuple, list)) and all(isinstance(v, (bool, int, float, str)) for v in value[:17])
    if plain and len(value) <= 16:
        return repr(list(value))[:200]
    return f"<{type(value).__name__}>"[:200]


def split_flag(dataset: Any) -> str:
    """``train``, ``valid`` or ``unknown``, read off a constructor argument such as ``train=True``."""
    noted = constructor(dataset)
    if noted is None or isinstance(dataset, Subset):
        return "unknown"
    for name, text in argument_texts(dataset).items():
        if name.lower() in TRAIN_FLAGS and text in ("True", "False"):
            return "train" if text == "True" else "valid"
        if name.lower() in ("split", "mode", "subset", "phase"):
            lowered = text.strip("'\"").lower()
            return "train" if lowered.startswith("train") else "valid" if lowered[:3] in ("val", "tes") else "unknown"
    return "unknown"


def shared_indices(first: Any, second: Any) -> int | None:
    """Items of one base dataset that two loaders hand out; None if they cannot be compared by index."""
    one, other = _indices(first), _indices(second)
    if one is None or other is None or one[0] is not other[0]:
        return None
    some = [items for _, items in (one, other) if items is not None]
    return len(set.intersection(*some)) if some else length(one[0])


def _indices(loader: Any) -> tuple[Any, set[int] | None] | None:
    """The base dataset below any Subsets, and which of its items a loader hands out; None instead of them for all."""
    base, picked = getattr(loader, "dataset", None), _picked(loader)
    if base is None or picked is UNKNOWN:
        return None
    try:
        while isinstance(base, Subset):
            inner = [int(i) for i in base.indices]
            picked = inner if picked is None else [inner[i] for i in picked]
            base = base.dataset
    except Exception:  # a sampler may pick what is not there
        return None
    return base, None if picked is None else set(picked)


def _picked(loader: Any) -> Any:
    """The items of its dataset that a loader's sampler picks, as a list; None for all, ``UNKNOWN`` if it cannot be
    told."""
    batches, sampler = getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None)
    if batches is not None:
        if type(batches) is not BatchSampler:
            return UNKNOWN
        sampler = batches.sampler
    if type(sampler) in ALL:
        return None
    try:
        items: Any = sampler if isinstance(sampler, (list, tuple, range)) else getattr(sampler, "indices", None)
        return [int(items[i]) for i in range(len(items))]
    except Exception:  # anything may go by that name
        return UNKNOWN


def length(value: Any) -> int | None:
    """``len(value)``, or None where that fails, whatever a student's ``__len__`` may raise."""
    try:
        return len(value)
    except Exception:
        return None
