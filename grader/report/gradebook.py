"""The plain gradebook: one CSV row a student, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Sequence

from grader.grade.model import StudentReport, TaskResult
from grader.report.priorities import open_points
from grader.report.text import clean_text, points
from grader.types import TaskId, TaskStatus

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def gradebook(reports: Sequence[StudentReport]) -> str:
    """CSV text (comma, CRLF): ``student``, each task that anyone handed in, ``total``, ``max``, ``open``, ``status``.

    A task not handed in, or not marked because the harness failed, is an empty cell, never zero (and in the second
    case so is the total); ``open`` counts points a person still decides on.
    """
    present = {task.result.task for report in reports for task in report.tasks}
    tasks = [task for task in TaskId if task in present]
    available = sum(max(r.max_points for r in _results(reports, task)) for task in tasks)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(["student", *tasks, "total", "max", "open", "status"])
    for report in reports:
        writer.writerow([_cell(value) for value in _row(report, tasks, available)])
    return buffer.getvalue()


def _row(report: StudentReport, tasks: Sequence[TaskId], available: float) -> list[str]:
    best = {task.result.task: task.result for task in report.tasks}
    marks = [_marks(best.get(task)) for task in tasks]
    undecided = any(r.status is TaskStatus.HARNESS_ERROR for r in best.values())
    total = "" if undecided else points(sum(r.points for r in best.values()))
    still_open = points(sum(open_points(r) for r in best.values()))
    return [report.student, *marks, total, points(available), still_open, _status(report, tasks)]


def _marks(result: TaskResult | None) -> str:
    return "" if result is None or result.status is TaskStatus.HARNESS_ERROR else points(result.points)


def _status(report: StudentReport, tasks: Sequence[TaskId]) -> str:
    best = {task.result.task: task.result for task in report.tasks}
    remarks = [f"{task}: {_remark(best.get(task))}" for task in tasks if _remark(best.get(task)) != TaskStatus.MARKED]
    return "; ".join([*remarks, *report.problems]) or "marked"


def _remark(result: TaskResult | None) -> str:
    if result is None:
        return "not handed in"
    odd = len(result.contradictions)
    return f"{result.status} ({odd} contradiction{'' if odd == 1 else 's'})" if odd else str(result.status)


def _results(reports: Sequence[StudentReport], task: TaskId) -> list[TaskResult]:
    return [t.result for report in reports for t in report.tasks if t.result.task is task]


def _cell(value: str) -> str:
    """Escapes a spreadsheet formula with a leading apostrophe (checked before cleaning and after)."""
    text = clean_text(value, lines=False)
    return f"'{text}" if value.startswith(_FORMULA_STARTS) or text.startswith(_FORMULA_STARTS) else text
