"""What intake hands on: a student, and for each task one file already split into cells."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from grader.types import TaskId


@dataclass(frozen=True)
class Cell:
    """One code cell. ``index`` counts all cells of the notebook from 0; ``source`` is IPython source. ``may_fail``: it
    is tagged as one that shows an error, or that need not be run."""

    index: int
    source: str
    may_fail: bool = False


@dataclass(frozen=True)
class TaskFile:
    """One file for one task, read and understood.

    ``path``: the file. ``root``: the folder copied into the sandbox as the working directory's tree (the file's own
    folder, or the
    course fork's top); the file is run from the place it has inside ``root``. ``kind``: how it was written.
    ``digest``: SHA-256 over
    the cell sources and the names and bytes of the copied files.
    """

    task: TaskId
    path: Path
    root: Path
    kind: Literal["notebook", "script", "module"]
    cells: tuple[Cell, ...]
    digest: str
    import_roots: tuple[Path, ...] = ()  # folders inside root put on sys.path, e.g. src/ of a course fork
    companions: tuple[Path, ...] = ()  # files inside root that are copied along
    notes: tuple[str, ...] = ()  # sentences for the report: how the task was told, which of several files was taken


@dataclass(frozen=True)
class Unreadable:
    """A file that was handed in but cannot be run; ``reason`` is one clear sentence."""

    path: Path
    reason: str
    task: TaskId | None = None


@dataclass(frozen=True)
class Submission:
    """All that one student handed in."""

    student: str
    files: tuple[TaskFile, ...]
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = field(default=())
