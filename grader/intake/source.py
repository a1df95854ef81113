"""Reads one notebook or Python file into cells and what can be told about them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grader.errors import AmbiguousTask, IntakeError
from grader.intake.facts import Facts, facts_of
from grader.intake.notebook import notebook_cells
from grader.intake.recognise import Recognition, recognise
from grader.intake.script import script_cells
from grader.intake.submission import Cell
from grader.intake.text import read_text, shown
from grader.types import TaskId

SUFFIXES = (".ipynb", ".py")


@dataclass(frozen=True)
class Source:
    """A file that was read: its cells, the facts of its code and the task it seems to be for."""

    path: Path
    kind: Literal["notebook", "script", "module"]
    cells: tuple[Cell, ...]
    facts: Facts
    recognition: Recognition
    notes: tuple[str, ...]


def read_source(path: Path) -> Source:
    """Read ``path``. Raises ``IntakeError`` with one sentence if it is not a readable notebook or Python file."""
    if shown(path.name) != path.name:
        raise IntakeError(f"The file name {shown(path.name)} is not valid text; give the file another name.")
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        raise IntakeError(f"{path.name} is neither a notebook (.ipynb) nor a Python file (.py); {_advice(path)}")
    text, notes = read_text(path)
    kind: Literal["notebook", "script", "module"]
    if path.suffix.lower() == ".ipynb":
        kind, (cells, more) = "notebook", notebook_cells(text, path.name)
        notes = (*notes, *more)
    else:
        kind, cells = script_cells(text, path.name)
    facts = facts_of(cells)
    return Source(path, kind, cells, facts, recognise(path.stem, facts), notes)


def require_task(source: Source, task: TaskId | None) -> TaskId:
    """The task asked for, else the one recognised. Raises ``AmbiguousTask`` with the candidates if there is neither."""
    found = task or source.recognition.task
    if found is None:
        raise AmbiguousTask(which(source))
    return found


def which(source: Source) -> str:
    """One sentence that says between which tasks a file leaves the choice."""
    candidates = source.recognition.candidates
    between = f"it may be {' or '.join(candidates)}" if candidates else "neither its name nor its code tells"
    return f"The task of {source.path.name} is not clear ({between}); name it with --task, one of: {', '.join(TaskId)}."


def _advice(path: Path) -> str:
    if path.suffix.lower() in {".zip", ".gz", ".tar", ".7z", ".rar"}:
        return "unpack the archive and name its folder."
    return "export it from Jupyter as .ipynb."
