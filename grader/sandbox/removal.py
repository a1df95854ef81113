"""Deletes a job's folder, whatever foreign code made of it."""

import secrets
import stat
from collections.abc import Callable
from pathlib import Path


def remove_tree(base: Path) -> None:
    """Delete ``base`` and all below it; links are not followed. What cannot be deleted is left: no run fails for it.

    Subfolders are first moved up to the base, so that neither recursion nor long paths limit how deep they may lie.
    """
    mark, number = secrets.token_hex(8), 0
    pending = _entries(base)
    while pending:
        path = pending.pop()
        if not _is_folder(path):
            _quietly(path.unlink)
            continue
        _quietly(path.chmod, stat.S_IRWXU)
        for entry in _entries(path):
            if _is_folder(entry):
                number += 1
                moved = base / f"{mark}-{number}"
                _quietly(entry.chmod, stat.S_IRWXU)  # moving a folder writes to it
                _quietly(entry.rename, moved)
                pending.append(moved)
            else:
                _quietly(entry.unlink)
        _quietly(path.rmdir)
    _quietly(base.rmdir)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _quietly(action: Callable[..., object], *arguments: object) -> None:
    try:
        action(*arguments)
    except OSError:
        return
