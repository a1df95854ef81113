"""Tells what a path holds: one file, one student's folder, a course fork, or a folder of students."""

import re
from collections.abc import Sequence
from pathlib import Path

from grader.errors import AmbiguousTask, IntakeError
from grader.intake.assemble import task_file
from grader.intake.beside import used_beside
from grader.intake.choose import Choice, choose
from grader.intake.recognise import by_name
from grader.intake.source import SUFFIXES, read_source, require_task
from grader.intake.submission import Submission, TaskFile, Unreadable
from grader.intake.text import shown
from grader.intake.walk import files, subfolders
from grader.types import TaskId

EXERCISES = "exercises"
_PART = re.compile(
    r"(task|exercise|ex|week|day|part|assignment|session|notebook|penguin|mnist|digit|ellipse|src|\d)", re.IGNORECASE
)
NOTHING = "No notebook or Python file was found in {}; hand in the .ipynb or .py file."


def read_path(
    path: Path, *, task: TaskId | None = None, student: str | None = None, many: bool = False
) -> list[Submission]:
    """All submissions at ``path``, in the order of their names. Nothing of them is executed.

    ``task``: every file is for this task, and a folder is searched for files of it only. ``student``: the name of the
    student, where ``path`` is one student's. ``many``: a folder holds several students' work even if it does not look
    like it (``grader batch``).

    Raises ``IntakeError`` if there is nothing gradable at ``path``, or if it is a file that cannot be read; raises
    ``AmbiguousTask`` if no file's task can be told. In a folder, a file that cannot be read is listed as unreadable.
    """
    path = _existing(path)
    if not path.is_dir():
        return [_one_file(path, task=task, student=student)]
    if path.suffix.lower() in SUFFIXES:
        raise IntakeError(f"{path.name} is a folder, not a file; name the notebook or script inside it.")
    if is_fork(path):
        return [_required(_fork(path, task=task, student=student), path)]
    if many or is_class(path):
        return _class(path, task=task, flat=many)
    return [_required(_student(path, task=task, student=student), path)]


def read_paths(paths: Sequence[Path], *, task: TaskId | None = None, many: bool = False) -> list[Submission]:
    """The submissions at all ``paths``; single files from one folder, each for another task, are one student's work."""
    found: list[Submission] = []
    for path in paths:
        for submission in read_path(path, task=task, many=many):
            same = next((i for i, other in enumerate(found) if path.is_file() and _belongs(submission, other)), None)
            if same is None:
                found.append(submission)
            else:
                other = found[same]
                files_of_both = (*other.files, *submission.files)
                name = submission.files[0].path.parent.name or other.student
                found[same] = Submission(shown(name), files_of_both, other.unreadable, other.notes)
    return found


def _existing(path: Path) -> Path:
    try:
        if path.exists():
            return path.absolute()
    except OSError as error:
        raise IntakeError(f"{path} cannot be read ({error.strerror}); check the path and its permissions.") from error
    raise IntakeError(f"{path} does not exist; check the path.")


def is_fork(folder: Path) -> bool:
    """Whether a folder is a fork of the course: it has ``exercises/`` with notebooks or scripts."""
    exercises = folder / EXERCISES
    return exercises.is_dir() and any(path.suffix in SUFFIXES for path in files(exercises, depth=0))


def is_class(folder: Path) -> bool:
    """Whether a folder holds several students' folders: no sources of its own, and two or more subfolders with sources
    whose names are not those of parts of one student's work."""
    if _sources(files(folder, depth=0)):
        return False
    holding = [sub for sub in subfolders(folder) if _sources(files(sub))]
    if len(holding) == 1:
        return bool(subfolders(folder)) and not _PART.match(holding[0].name) and len(subfolders(folder)) > 1
    return bool(holding) and not all(_PART.match(sub.name) for sub in holding)


def is_of_students(folder: Path) -> bool:
    """Whether the only folder of an archive wraps those of students, or notebooks that are named after them."""
    if is_fork(folder):
        return False
    if is_class(folder):
        return True
    alone = [path.stem for path in _sources(files(folder, depth=0))]
    tasks = [tasks for tasks in map(by_name, alone) if len(tasks) == 1]
    return len(set(tasks)) < len(tasks) and not any(_PART.match(stem) for stem in alone)


def _belongs(submission: Submission, other: Submission) -> bool:
    """Whether both are single files of one folder for different tasks."""
    theirs, ours = other.files, submission.files
    return bool(
        theirs
        and ours
        and theirs[0].path.parent == ours[0].path.parent
        and ours[0].task not in {file.task for file in theirs}
    )


def _one_file(path: Path, *, task: TaskId | None, student: str | None, shared: bool = False) -> Submission:
    source = read_source(path)
    found = require_task(source, task)
    fork = path.parent.parent
    if path.parent.name == EXERCISES and (fork / "src").is_dir():
        file = task_file(source, found, fork, companions=_fork_files(fork), import_roots=(fork / "src",))
    else:
        file = task_file(source, found, path.parent, companions=used_beside(source, shared=shared))
    return Submission(student or shown(path.stem), (file,))


def _student(folder: Path, *, task: TaskId | None, student: str | None) -> Submission:
    everything = files(folder)
    choice = choose(_sources(everything), task=task)
    others = {source.path for source in choice.sources if source.path.suffix == ".ipynb"}
    companions = [path for path in everything if path not in others]
    taken = tuple(
        task_file(source, wanted, folder, companions=companions, notes=notes) for source, wanted, notes in choice.taken
    )
    return _submission(student or shown(folder.name), folder, taken, choice)


def _fork(folder: Path, *, task: TaskId | None, student: str | None) -> Submission:
    sources = [path for path in _sources(files(folder / EXERCISES)) if "_solution" not in path.stem.lower()]
    choice = choose(sources, task=task)
    roots = (folder / "src",) if (folder / "src").is_dir() else ()
    companions = _fork_files(folder)
    taken = tuple(
        task_file(source, wanted, folder, companions=companions, import_roots=roots, notes=notes)
        for source, wanted, notes in choice.taken
    )
    return _submission(student or shown(folder.name), folder, taken, choice)


def _fork_files(fork: Path) -> list[Path]:
    """What an exercise of a fork may need: the course's package, and data or modules beside the notebooks."""
    beside = [path for path in files(fork / EXERCISES) if path.suffix != ".ipynb"]
    return [*(files(fork / "src") if (fork / "src").is_dir() else []), *beside]


def _class(folder: Path, *, task: TaskId | None, flat: bool) -> list[Submission]:
    found = [one for sub in subfolders(folder) if (one := _handed_in(sub, task=task)) is not None]
    if flat:
        alone = _sources(files(folder, depth=0))
        found += [_lone(path, task=task) for path in alone]
    if not any(submission.files or submission.unreadable for submission in found):
        raise IntakeError(NOTHING.format(folder))
    return sorted(found, key=lambda submission: submission.student)


def _handed_in(folder: Path, *, task: TaskId | None) -> Submission | None:
    """One student's folder in a class; None if it is empty. One that cannot be read costs nobody else anything."""
    try:
        if not files(folder, most=1):
            return None
        return (_fork if is_fork(folder) else _student)(folder, task=task, student=None)
    except IntakeError as problem:
        name = shown(folder.name)
        return Submission(name, (), (Unreadable(folder.with_name(name), str(problem), task),))


def _lone(path: Path, *, task: TaskId | None) -> Submission:
    """A file that is one student's whole work, in a folder of many."""
    try:
        return _one_file(path, task=task, student=None, shared=True)
    except (IntakeError, AmbiguousTask) as problem:
        return Submission(shown(path.stem), (), (Unreadable(path.with_name(shown(path.name)), str(problem), task),))


def _submission(student: str, folder: Path, taken: tuple[TaskFile, ...], choice: Choice) -> Submission:
    notes = choice.notes
    if not (taken or choice.unreadable):
        notes = (*notes, NOTHING.format(shown(folder.name)))
    return Submission(student, taken, choice.unreadable, notes)


def _required(submission: Submission, folder: Path) -> Submission:
    """The submission of a folder that was named itself: one with nothing to grade is an error."""
    if submission.files:
        return submission
    if submission.unreadable:
        first = submission.unreadable[0]
        raise (AmbiguousTask if "--task" in first.reason else IntakeError)(first.reason)
    raise IntakeError(NOTHING.format(folder))


def _sources(paths: Sequence[Path]) -> list[Path]:
    return [path for path in paths if path.suffix.lower() in SUFFIXES]
