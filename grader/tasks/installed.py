"""Finds the Python package folders of this machine that a sandboxed process can see, without importing anything."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from grader.errors import DataUnavailable


def package_folder(name: str) -> Path:
    """The folder of an installed package. Raises ``DataUnavailable`` if it is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise DataUnavailable(f"The package {name} is not installed; install the grader with its dependencies.")
    return Path(spec.origin).parent


def site_folders() -> list[Path]:
    """Every folder of installed packages: of this environment, of the Python below it, and of the system."""
    return list(dict.fromkeys(path.resolve() for path in _candidates() if path.is_dir()))


def _candidates() -> Iterator[Path]:
    yield from (Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages")))
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix, "/usr", "/usr/local")):
        for library in ("lib", "lib64", "Lib"):
            yield from Path(prefix, library).glob("python3*/*-packages")
            yield from Path(prefix, library).glob("*-packages")
