"""Finds what a single notebook or script uses beside itself: modules that it imports, files that its strings name."""

import os
from collections.abc import Iterable
from pathlib import Path

from grader.errors import IntakeError
from grader.intake.facts import Facts, facts_of
from grader.intake.source import SUFFIXES, Source, read_source
from grader.intake.walk import files
from grader.limits import MAX_ARCHIVE_ENTRIES

LONGEST_NAME = 200  # characters or bytes; file systems allow 255 bytes with the ending
MOST_PLACES = 20  # folders in which names are looked for: that of the file, and those that its code names
MOST_MODULES = 100  # modules that are read for what they use themselves
MOST_NAMES = 10_000  # of modules and in strings
MODULE, STRING = "module", "string"


def used_beside(source: Source, *, shared: bool = False) -> list[Path]:
    """Files in the folder of ``source`` that its code names: modules it imports (and theirs), data files it opens. They
    may also lie in a folder in there that it names, as for ``sys.path`` or in a path of several parts.

    ``shared``: the folder is that of several students, so neither notebooks nor whole solutions nor anything in folders
    is taken. What cannot be read is not there.
    """
    look = _Look(source, shared=shared)
    look.follow(source.facts)
    return sorted(look.found)


class _Look:
    """One look around a file: every name is tried in every place, those that turn up on the way included."""

    def __init__(self, source: Source, *, shared: bool) -> None:
        self.found: set[Path] = set()
        self._own, self._folder, self._shared = source.path, source.path.parent, shared
        self._top = self._folder.resolve()
        self._inside: dict[Path, frozenset[str]] = {}  # by each place the names in it, without regard to case
        self._tried: dict[Path, int] = {}  # how many of the names below
        self._names: list[tuple[str, str]] = []  # what it is, and its text
        self._known: set[tuple[str, str]] = set()
        self._read = {source.path}
        self._others: dict[Path, bool] = {}  # whether sources beside it are somebody else's work
        self._add_place(self._folder)

    def follow(self, facts: Facts) -> None:
        """Look for what code with these facts uses, and what that uses in turn."""
        self._note(facts)
        while (place := next((p for p, n in self._tried.items() if n < len(self._names)), None)) is not None:
            first, self._tried[place] = self._tried[place], len(self._names)
            for kind, text in self._names[first : self._tried[place]]:
                paths = self._module(place, text) if kind == MODULE else self._named(place, text)
                for module in self._take(paths):
                    self._read_once(module)

    def _note(self, facts: Facts) -> None:
        for name in [*((MODULE, n) for n in sorted(facts.imports)), *((STRING, n) for n in sorted(facts.strings))]:
            if name not in self._known and len(self._names) < MOST_NAMES:
                self._known.add(name)
                self._names.append(name)

    def _read_once(self, module: Path) -> None:
        if module not in self._read and len(self._read) < MOST_MODULES:
            self._read.add(module)
            self._note(facts_of(_cells(module)))

    def _named(self, place: Path, text: str) -> list[Path]:
        """The file of this name. A folder becomes a place."""
        path = self._below(place, text)
        if path is not None and path.is_dir():
            self._add_place(path)
        return [path] if path is not None and path.is_file() else []

    def _take(self, paths: Iterable[Path]) -> list[Path]:
        """Add what may be taken; the Python files of it. Their folders become places."""
        taken = [path for path in paths if path != self._own and not (self._shared and self._is_others(path))]
        self.found.update(taken)
        modules = [path for path in taken if path.suffix == ".py"]
        for path in modules:
            self._add_place(path.parent)
        return modules

    def _is_others(self, path: Path) -> bool:
        """Whether a file of a folder of several students is, or may be, somebody else's work."""
        if path.parent != self._folder or path.suffix.lower() not in SUFFIXES:
            return path.parent != self._folder
        if path not in self._others:
            cells = _cells(path)
            self._others[path] = path.suffix.lower() == ".ipynb" or not cells or facts_of(cells).complete
        return self._others[path]

    def _add_place(self, path: Path) -> None:
        if path in self._tried or len(self._tried) >= (1 if self._shared else MOST_PLACES):
            return
        try:
            self._inside[path] = frozenset(name.casefold() for name in os.listdir(path))  # noqa: PTH208  as in walk
        except OSError:
            return
        self._tried[path] = 0

    def _module(self, place: Path, name: str) -> list[Path]:
        """The files of a module or package; of a package without ``__init__.py`` those that can be imported."""
        inside = self._inside[place]
        if not name.isidentifier() or len(name.encode()) > LONGEST_NAME:
            return []
        if not {name.casefold(), f"{name}.py".casefold()} & inside:
            return []
        package, path = place / name, place / f"{name}.py"
        try:
            is_package = package.is_dir() and not package.is_symlink()
            if is_package and (package / "__init__.py").is_file():
                return files(package, most=MAX_ARCHIVE_ENTRIES)
            if path.is_file() and not path.is_symlink():
                return [path]
            parts = files(package, most=MAX_ARCHIVE_ENTRIES) if is_package else []
        except (OSError, IntakeError):
            return []
        return [part for part in parts if part.suffix == ".py"]

    def _below(self, place: Path, text: str) -> Path | None:
        """What is below the file's folder under the name ``text``, as seen from ``place``; None if nothing can be."""
        if not text or "\0" in text or len(text) > LONGEST_NAME or not self._may_be(place, text):
            return None
        try:
            path = (place / text).resolve()
            return self._folder / path.relative_to(self._top) if path.exists() else None
        except (OSError, ValueError, RuntimeError):  # no name that a file can have, a link to itself, not below it
            return None

    def _may_be(self, place: Path, text: str) -> bool:
        """Whether it is worth while to ask the file system; of most strings the folder has no such beginning."""
        path = Path(text)
        first = path.parts[0] if path.parts else ""
        elsewhere = first == ".." or path.is_absolute() or not first.isascii()  # or written in another way
        return elsewhere or first.casefold() in self._inside[place]


def _cells(path: Path) -> tuple:  # type: ignore[type-arg]
    try:
        return read_source(path).cells
    except IntakeError:
        return ()
