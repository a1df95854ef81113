"""Lists the files of a folder: no links, nothing hidden, nothing generated, and never more than the caps allow."""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from grader.errors import IntakeError
from grader.limits import MAX_SUBMISSION_BYTES, MAX_SUBMISSION_FILES, MIB

MAX_DEPTH = 8
MOST_NAMED = 3  # files that cannot be read
_LEFT_OUT = {"__pycache__", "__MACOSX", "node_modules", "site-packages", "venv", "env"}
REPORT_MARKER = ".grader-report"  # in a folder of the grader's own reports


def subfolders(folder: Path) -> list[Path]:
    """Folders directly inside, sorted by name."""
    return [path for path in _entries(folder) if _is_folder(path)]


def files(folder: Path, *, depth: int = MAX_DEPTH, most: int | None = None) -> list[Path]:
    """Regular files inside, sorted by path, ``most`` of them at most; ``depth`` 0 looks into ``folder`` only."""
    return list(islice(_files(folder, depth), most))


def capped(paths: list[Path], root: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """As many of ``paths`` as may be copied, Python files first, and a note if some were left out."""
    taken: list[Path] = []
    size = left_out = 0
    locked = [path for path in paths if not os.access(path, os.R_OK)]
    for path in sorted(set(paths).difference(locked), key=lambda p: (p.suffix != ".py", p)):
        bytes_here = path.stat().st_size
        if len(taken) >= MAX_SUBMISSION_FILES or size + bytes_here > MAX_SUBMISSION_BYTES:
            left_out += 1
            continue
        taken.append(path)
        size += bytes_here
    notes = [f"{path.name} cannot be read, so it was left out; check its permissions." for path in locked[:MOST_NAMED]]
    if left_out:
        notes.append(
            f"{left_out} files of {root.name or root} were left out: at most {MAX_SUBMISSION_FILES} files "
            f"of {MAX_SUBMISSION_BYTES // MIB} MB together are copied."
        )
    return tuple(taken), tuple(notes)


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for path in _entries(folder):
        if _is_folder(path):
            if depth > 0:
                yield from _files(path, depth - 1)
        elif _is_regular(path):
            yield path


def _entries(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208, names that are no valid text must survive
    except OSError as error:
        raise IntakeError(f"The folder {folder} cannot be read ({error.strerror}); check its permissions.") from error
    return [folder / name for name in names if not name.startswith((".", "~$")) and name not in _LEFT_OUT]


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(_mode(path)) and not ((path / REPORT_MARKER).exists() or (path / "pyvenv.cfg").exists())
    except OSError:  # nobody may look into it: whoever lists it says so
        return True


def _is_regular(path: Path) -> bool:
    return stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    """Type and permissions of the entry itself, not of what a link points to; 0 if it is gone."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0
