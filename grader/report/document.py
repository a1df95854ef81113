"""The public JSON document of a marked set of submissions, and its JSON Schema."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from grader import __version__
from grader.evidence.model import CellRecord, Count, Finite, Record
from grader.grade.model import (
    ContradictionResult,
    CriterionResult,
    Diagnosis,
    HeldOutResult,
    ModelResult,
    RepeatResult,
    ShortenedResult,
    StudentReport,
    TaskResult,
    Timing,
)
from grader.report.text import clean_text
from grader.types import CellStatus, TaskId, TaskStatus


class Tool(Record):
    """The program that wrote the document."""

    name: Literal["workshop-grader"] = "workshop-grader"
    version: str


class ErrorDocument(Record):
    """An exception that ended a cell."""

    name: str
    message: str
    traceback: str


class CellDocument(Record):
    """What happened to one cell; ``index`` counts all cells of the notebook from 0."""

    index: Count
    status: CellStatus
    error: ErrorDocument | None


class TaskDocument(Record):
    """One marked task. ``criteria`` with status ``needs-review`` or ``harness-error`` have their points still open.
    ``contradictions``: facts of the run that do not go together; no points are taken for them, a person looks.
    ``shortened``: trainings that the grader did not carry out to their end. ``repeats``: all runs of a file that was
    run several times; what is marked is the median one."""

    task: TaskId
    file: str
    points: Finite
    max_points: Finite
    status: TaskStatus
    criteria: list[CriterionResult]
    diagnoses: list[Diagnosis]
    contradictions: list[ContradictionResult]
    shortened: list[ShortenedResult]
    repeats: list[RepeatResult]
    held_out: HeldOutResult | None
    model: ModelResult | None
    timing: Timing
    cells: list[CellDocument]
    notes: list[str]


class SubmissionDocument(Record):
    """All tasks of one student; ``problems``: sentences about files that could not be marked."""

    student: str
    tasks: list[TaskDocument]
    problems: list[str]


class Document(Record):
    """Results of ``grader check`` or ``grader batch``."""

    schema_version: Literal[1] = 1
    tool: Tool
    submissions: list[SubmissionDocument]


def document(reports: Sequence[StudentReport]) -> dict[str, Any]:
    """The public document of ``reports``: plain JSON values, finite numbers, text without control sequences."""
    whole = Document(tool=Tool(version=__version__), submissions=[_submission(report) for report in reports])
    dumped: dict[str, Any] = _cleaned(whole.model_dump(mode="json"))
    return dumped


def printed(reports: Sequence[StudentReport]) -> str:
    """The document on one line of a log: continuous integration services take ``##[`` anywhere for a command."""
    return json.dumps(document(reports)).replace("##", "#\\u0023")


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of :func:`document`; every key is required and unknown keys are refused."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(mode="serialization"),
    }


def _submission(report: StudentReport) -> SubmissionDocument:
    tasks = [_task(task.result) for task in report.tasks]
    return SubmissionDocument(student=clean_text(report.student, lines=False), tasks=tasks, problems=report.problems)


def _task(result: TaskResult) -> TaskDocument:
    return TaskDocument(
        task=result.task,
        file=clean_text(result.file, lines=False),
        points=result.points,
        max_points=result.max_points,
        status=result.status,
        criteria=result.criteria,
        diagnoses=result.diagnoses,
        contradictions=result.contradictions,
        shortened=result.shortened,
        repeats=result.repeats,
        held_out=result.held_out,
        model=result.model,
        timing=result.timing,
        cells=[_cell(cell) for cell in result.cells],
        notes=result.notes,
    )


def _cell(cell: CellRecord) -> CellDocument:
    error = cell.error
    shown = None
    if error is not None:
        name = clean_text(error.name, lines=False)
        shown = ErrorDocument(name=name, message=error.message, traceback=error.traceback)
    return CellDocument(index=cell.index, status=cell.status, error=shown)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): _cleaned(item) for key, item in value.items()}
    return value
