"""Makes a ``TaskFile`` of a source: what is copied beside it, where it may import from, and a digest of it all."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from grader.errors import IntakeError
from grader.intake.facts import facts_of
from grader.intake.source import Source, read_source
from grader.intake.submission import TaskFile
from grader.intake.text import read_bytes
from grader.intake.walk import capped, files
from grader.types import TaskId

LONGEST_NAME = 200  # characters or bytes; file systems allow 255 bytes with the ending


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


def used_beside(source: Source) -> list[Path]:
    """Files in the folder of ``source`` that its code names: modules it imports (and theirs), data files it opens."""
    folder = source.path.parent
    found: set[Path] = set()
    todo = [source.facts]
    while todo:
        facts = todo.pop()
        new = {path for name in facts.imports for path in _module(folder, name)} - found
        found |= new | {path for text in facts.strings if (path := _named(folder, text)) is not None}
        todo += [facts_of(_cells(path)) for path in sorted(new) if path.suffix == ".py" and path != source.path]
    return sorted(found)


def _why(source: Source, task: TaskId) -> tuple[str, ...]:
    """How the task was told, unless that goes without saying or the user named it."""
    note = source.recognition.note
    return (note,) if note and source.recognition.task is task else ()


def _cells(path: Path) -> tuple:  # type: ignore[type-arg]
    try:
        return read_source(path).cells
    except IntakeError:
        return ()


def _module(folder: Path, name: str) -> list[Path]:
    if not name.isidentifier() or len(name.encode()) > LONGEST_NAME:
        return []
    if (folder / name / "__init__.py").is_file() and not (folder / name).is_symlink():
        return files(folder / name)
    path = folder / f"{name}.py"
    return [path] if path.is_file() and not path.is_symlink() else []


def _named(folder: Path, text: str) -> Path | None:
    """The file below ``folder`` that a string of the code names, if there is one."""
    if not text or "\0" in text or len(text) > LONGEST_NAME:
        return None
    try:
        path = (folder / text).resolve()
        inside = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError, RuntimeError):  # no name that a file can have, or a link to itself
        return None
    return folder / path.relative_to(folder.resolve()) if inside else None


def _digest(source: Source, root: Path, companions: Iterable[Path], import_roots: Iterable[Path]) -> str:
    total = hashlib.sha256()
    place = source.path.relative_to(root).as_posix()
    head = [source.kind, place, [path.relative_to(root).as_posix() for path in import_roots]]
    total.update(json.dumps([*head, [[cell.index, cell.source] for cell in source.cells]]).encode())
    for path in companions:
        total.update(json.dumps(path.relative_to(root).as_posix()).encode())
        total.update(hashlib.sha256(read_bytes(path)).digest())
    return total.hexdigest()
