"""What a data set is made of: notices when a part of it is bound anew, and whether it draws numbers of its own."""

import dis
import functools
import random
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import is_
from typing import Any

import numpy as np
import torch
from torch import Tensor

MAX_PARTS = 64  # of which the bindings are watched
MAX_VISITED = 600  # objects that are looked at in search of parts
MAX_ELEMENTS = 64  # a longer list holds data, not transforms: of it only the length is watched
TABLES = frozenset({"pandas", "polars", "pyarrow", "PIL"})  # data: what is written to them is not looked for
LIBRARIES = frozenset({"torch", "torchvision", "numpy", "sklearn", "skimage", "scipy", "matplotlib", "albumentations"})
FOREIGN = TABLES | LIBRARIES | {"builtins", "functools", "collections", "pathlib", "random", "math", "typing", "abc"}
GENERATORS: tuple[type, ...] = (np.random.Generator, np.random.RandomState, random.Random, torch.Generator)
SHARED = (getattr(random, "_inst", None), getattr(np.random.mtrand, "_rand", None), torch.default_generator)


class Names:
    """The values that a function's global names have now."""

    def __init__(self, function: types.FunctionType) -> None:
        self._globals = function.__globals__
        self._names = [name for name in _global_names(function.__code__) if name in self._globals]

    def __iter__(self) -> Iterator[Any]:
        return iter([self._globals.get(name) for name in self._names])


class Cells:
    """The values that a function's closure has now."""

    def __init__(self, function: types.FunctionType) -> None:
        self._cells = function.__closure__ or ()

    def __iter__(self) -> Iterator[Any]:
        return iter([_content(cell) for cell in self._cells])


class Watch:
    """Looks at a data set, at what it wraps, at their transforms, and at the functions of the student's that they use.

    The values are held, so that a new one never has the identity of one that is gone.
    """

    def __init__(self, dataset: Any) -> None:
        self.draws = False  # a random generator of its own is within reach
        self._bindings: list[Iterable[Any]] = []
        self._collect(dataset)
        self._values: list[Any] = []
        self._measured: list[Any] = []
        self._marks: list[Any] = []
        self.renew()

    def renew(self) -> None:
        """Take the present state for the one to compare with."""
        self._values = self._now()
        self._measured = [v for v in self._values if type(v) in (Tensor, list, dict, set)]
        self._marks = self._measures()

    def changed(self) -> bool:
        """Whether any name is bound to another object, a tensor was written to, or a list is longer than it was."""
        now = self._now()
        same = len(now) == len(self._values) and all(map(is_, now, self._values))
        return not same or self._measures() != self._marks

    def _now(self) -> list[Any]:
        return [value for binding in self._bindings for value in binding]

    def _measures(self) -> list[Any]:
        found: list[Any] = [torch.get_default_dtype()]
        found += [_version(v) if type(v) is Tensor else len(v) for v in self._measured]
        return found

    def _collect(self, dataset: Any) -> None:
        waiting, seen = deque([dataset]), set[int]()
        while waiting and len(self._bindings) < MAX_PARTS and len(seen) < MAX_VISITED:
            part = waiting.popleft()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if issubclass(type(part), GENERATORS):
                self.draws = self.draws or all(part is not shared for shared in SHARED)
                continue
            for binding in _bindings(part):
                self._bindings.append(binding)
                waiting.extend(binding)


def _global_names(code: types.CodeType) -> set[str]:
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(_global_names(c) for c in code.co_consts if isinstance(c, types.CodeType)))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _bindings(part: Any) -> list[Iterable[Any]]:
    """The parts of a part, as iterables that give their present values."""
    kind = type(part)
    if kind in (list, tuple, set, dict):
        few = 0 < len(part) <= MAX_ELEMENTS
        return [] if not few else [part.values()] if kind is dict else [part]
    if kind is types.FunctionType:
        return [Names(part), Cells(part), part.__defaults__ or ()] if _own(part.__module__) else []
    if kind in WRAPPERS:
        return [WRAPPERS[kind](part)]
    if issubclass(kind, (type, types.ModuleType, Tensor, np.ndarray)) or _top(kind.__module__) in TABLES:
        return []
    try:
        held = object.__getattribute__(part, "__dict__")
    except AttributeError:
        return []
    return [held.values(), *(vars(c).values() for c in kind.__mro__ if _own(c.__module__))]


def _own(module: Any) -> bool:
    """Whether code of this module may be the student's."""
    return _top(module) not in FOREIGN


def _top(module: Any) -> str:
    return str(module).split(".", 1)[0]


WRAPPERS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    types.MethodType: lambda m: (m.__self__, m.__func__),
    functools.partial: lambda p: (p.func, *p.args, *p.keywords.values()),
    property: lambda p: (p.fget,),
    staticmethod: lambda m: (m.__func__,),
    classmethod: lambda m: (m.__func__,),
}
