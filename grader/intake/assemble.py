"""Makes a ``TaskFile`` of a source: what is copied beside it, where it may import from, and a digest of it all."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from grader.intake.source import Source
from grader.intake.submission import Cell, TaskFile
from grader.intake.text import digest_of
from grader.intake.walk import capped
from grader.types import TaskId


def task_file(
    source: Source,
    task: TaskId,
    root: Path,
    *,
    companions: Iterable[Path],
    import_roots: tuple[Path, ...] = (),
    notes: tuple[str, ...] = (),
) -> TaskFile:
    """``source`` as the file for ``task``; ``companions`` are the files below ``root`` to be copied along, as far as
    the caps allow."""
    copied, left_out = capped([path for path in companions if path != source.path], root)
    return TaskFile(
        task=task,
        path=source.path,
        root=root,
        kind=source.kind,
        cells=source.cells,
        digest=_digest(source, root, copied, import_roots),
        import_roots=import_roots,
        companions=copied,
        notes=(*_why(source, task), *source.notes, *notes, *left_out),
    )


def _why(source: Source, task: TaskId) -> tuple[str, ...]:
    """How the task was told, unless that goes without saying or the user named it."""
    note = source.recognition.note
    return (note,) if note and source.recognition.task is task else ()


def _told(cell: Cell) -> list[object]:
    return [cell.index, cell.source, "may fail"] if cell.may_fail else [cell.index, cell.source]


def _digest(source: Source, root: Path, companions: Iterable[Path], import_roots: Iterable[Path]) -> str:
    total = hashlib.sha256()
    place = source.path.relative_to(root).as_posix()
    head = [source.kind, place, [path.relative_to(root).as_posix() for path in import_roots]]
    total.update(json.dumps([*head, [_told(cell) for cell in source.cells]]).encode())
    for path in companions:
        total.update(json.dumps(path.relative_to(root).as_posix()).encode())
        total.update(digest_of(path))
    return total.hexdigest()
