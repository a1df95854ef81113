"""Answers expensive calls that teach nothing about marks cheaply, as the host's list says."""

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

from . import shims
from .answers import ANSWERS
from .pending import looked_for
from .projection import Quick

USED: list[str] = []  # names of calls that were answered, each once
MAX_USED = 32
FAKED = ("umap", "umap.umap_")  # importing the real package takes seconds: it compiles
WANTED = {"UMAP": "projection"}


def install(stand_ins: dict[str, str]) -> None:
    """Patch the named calls when their module is imported, and those that are imported already.

    ``stand_ins``: kind of answer by the call's full name. Unknown kinds and names without a module are left alone.
    """
    by_module: dict[str, dict[str, str]] = {}
    for name, kind in stand_ins.items():
        module, _, attribute = name.rpartition(".")
        if module and kind in ANSWERS:
            by_module.setdefault(module, {})[attribute] = kind
    faked = {name for name in FAKED if by_module.get(name) == WANTED and name not in sys.modules}
    if faked == set(FAKED):
        sys.meta_path.insert(0, _Fakes())
    else:
        faked.clear()
    for module, calls in by_module.items():
        if module not in faked:
            shims.watch(module, functools.partial(_replace, calls))
    if any("figure" in calls.values() for calls in by_module.values()):
        shims.watch("matplotlib.pyplot", _watch_figures)


def _replace(calls: dict[str, str], module: ModuleType) -> None:
    for attribute, kind in calls.items():
        if callable(getattr(module, attribute, None)):
            answered = functools.partial(use, f"{module.__name__}.{attribute}")
            setattr(module, attribute, ANSWERS[kind](getattr(module, attribute), answered))


def _watch_figures(pyplot: Any) -> None:
    pyplot.gcf, pyplot.gca = looked_for(pyplot.gcf), looked_for(pyplot.gca)


def use(name: str) -> None:
    """A call by this name was answered."""
    if name not in USED and len(USED) < MAX_USED:
        USED.append(name)


class _Fakes(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Offers, where umap is installed, modules that have its one class; who asks for more gets the real package."""

    def __init__(self) -> None:
        self._over = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of a module that is made up; None for all others."""
        if name not in FAKED or self._over:
            return None
        package = importlib.machinery.PathFinder.find_spec("umap")
        if package is None:
            return None
        spec = importlib.machinery.ModuleSpec(name, self, origin=package.origin, is_package=name == "umap")
        if name == "umap":
            spec.submodule_search_locations = package.submodule_search_locations
        return spec

    def create_module(self, spec: Any) -> ModuleType | None:
        """Python's own way."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Give it the one class."""
        name = module.__name__
        contents: dict[str, Any] = vars(module)
        contents["UMAP"] = Quick(self._real_class, functools.partial(use, f"{name}.UMAP"))
        contents["__getattr__"] = functools.partial(self._look_up, name)

    def _look_up(self, module: str, attribute: str) -> Any:
        if attribute.startswith("__") and attribute != "__version__":
            raise AttributeError(attribute)
        self._real_class()
        return getattr(importlib.import_module(module), attribute)

    def _real_class(self) -> Any:
        """The real class. From its first use on the real package is there, with the quick class in it."""
        if not self._over:
            self._over = True
            quick = {name: vars(sys.modules.pop(name))["UMAP"] for name in FAKED if name in sys.modules}
            try:
                self._class = importlib.import_module("umap.umap_").UMAP
            finally:
                for name in quick.keys() & sys.modules.keys():
                    vars(sys.modules[name])["UMAP"] = quick[name]
        return self._class
