"""Chooses among the files of one student: which are submissions, and which of several for one task is marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import IntakeError
from grader.intake.recognise import by_name
from grader.intake.source import Source, read_source, which
from grader.intake.submission import Unreadable
from grader.intake.text import shown
from grader.limits import MAX_SOURCES
from grader.types import TaskId

_KINDS = ("module", "script", "notebook")  # of equally good files the later kind is taken


@dataclass(frozen=True)
class Choice:
    """``taken``: source, task and notes, one for each task. ``sources``: every file that could be read."""

    taken: tuple[tuple[Source, TaskId, tuple[str, ...]], ...]
    unreadable: tuple[Unreadable, ...]
    notes: tuple[str, ...]
    sources: tuple[Source, ...]


def choose(paths: Sequence[Path], *, task: TaskId | None) -> Choice:
    """The newest complete file for each task among ``paths``; with ``task``, for that task only."""
    sources, unreadable = [], []
    looked_at = sorted(paths, key=lambda path: (path.suffix.lower() != ".ipynb", len(path.parts)))[:MAX_SOURCES]
    for path in sorted(looked_at):
        try:
            sources.append(read_source(path))
        except IntakeError as problem:
            unreadable.append(
                Unreadable(path.with_name(shown(path.name)), str(problem), task or _only(by_name(path.stem)))
            )
    imported = {name for source in sources for name in source.facts.imports}
    own = [source for source in sources if _is_work(source, imported)]
    unclear = [source for source in own if source.recognition.task is None]
    taken = []
    for wanted in [task] if task else TaskId:
        named = [source for source in own if source.recognition.task is wanted]
        files = named or ([source for source in unclear if _fits(source, wanted)] if task else [])
        if files:
            taken.append(_best(files, wanted))
    reasons = [Unreadable(source.path, which(source)) for source in unclear if not task and _worth_asking(source)]
    done = {wanted for _, wanted, _ in taken}
    lost = [found for found in unreadable if found.task not in done]
    notes = tuple(found.reason for found in unreadable if found.task in done)
    if len(paths) > MAX_SOURCES:
        notes = (*notes, f"Of {len(paths):,} notebooks and Python files {MAX_SOURCES} were looked at; hand in fewer.")
    return Choice(tuple(taken), (*lost, *reasons), notes, tuple(sources))


def _is_work(source: Source, imported: set[str]) -> bool:
    """Whether a file is handed in to be marked: any notebook or script with cells; a module unless it only helps."""
    if source.kind != "module":
        return True
    if source.path.stem in imported:
        return False
    return source.facts.trains or "train" in source.facts.functions or bool(by_name(source.path.stem))


def _fits(source: Source, task: TaskId) -> bool:
    return not source.recognition.candidates or task in source.recognition.candidates


def _worth_asking(source: Source) -> bool:
    """Whether a file of no clear task seems to be meant for one, unlike notes or another notebook of the course."""
    return bool(source.recognition.candidates)


def _best(files: Sequence[Source], task: TaskId) -> tuple[Source, TaskId, tuple[str, ...]]:
    ranked = sorted(files, key=_rank, reverse=True)
    best, rest = ranked[0], ranked[1:]
    if not rest:
        return best, task, ()
    why = "the newest complete one" if best.facts.complete else "the newest; none of them is complete"
    names = ", ".join(source.path.name for source in rest)
    return best, task, (f"Of {len(files)} files for this task {best.path.name} was marked ({why}), not {names}.",)


def _rank(source: Source) -> tuple[bool, float, int, str]:
    return source.facts.complete, source.path.stat().st_mtime, _KINDS.index(source.kind), source.path.name


def _only(tasks: tuple[TaskId, ...]) -> TaskId | None:
    return tasks[0] if len(tasks) == 1 else None
