"""What ``grader check`` prints: marks, what to fix first, where the page is; 80 columns, readable without colour."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.grade.model import CriterionResult, StudentReport, TaskResult
from grader.report.priorities import fix_first, open_points, totals
from grader.report.text import clean_text, measured, points, task_title, terminal_text
from grader.types import CellStatus, Status, TaskStatus

WIDTH = 80
MAX_ERRORS = 3
MAX_LINE = 400  # characters of one sentence of a submission
_WORDS = {
    Status.PASS: ("met", "green"),
    Status.PARTIAL: ("partly", "yellow"),
    Status.FAIL: ("not met", "red"),
    Status.BLOCKED: ("waits", "dim"),
    Status.NEEDS_REVIEW: ("review", "magenta"),
    Status.HARNESS_ERROR: ("grader!", "magenta"),
}
_TASK_WORDS = {
    TaskStatus.MARKED: "",
    TaskStatus.NEEDS_REVIEW: "A person looks at this before the marks are final.",
    TaskStatus.UNREADABLE: "This file could not be read.",
    TaskStatus.HARNESS_ERROR: "The grader failed here, not your work; no points are lost for it.",
}


def print_reports(
    reports: Sequence[StudentReport], console: Console, *, page: Path | None = None, note: str = ""
) -> None:
    """Prints every report in at most 80 columns. ``page``: the HTML to open; ``note``: one closing sentence.

    Nothing of a submission is interpreted: no markup, no escape sequence; characters that the terminal's encoding
    lacks become ``?``.
    """
    for report in reports:
        _student(report, console)
    if page is not None:
        _line(console, f"Details: {page}", style="bold", whole=True)
    if note:
        _line(console, note, style="dim")


def _student(report: StudentReport, console: Console) -> None:
    got, available, still_open = totals(report)
    if len(report.tasks) != 1:
        left = f", {points(still_open)} still open" if still_open else ""
        _line(
            console, f"{report.student or '(no name)'}: {points(got)} of {points(available)} points{left}", style="bold"
        )
    for problem in report.problems:
        _line(console, f"Not marked: {problem}", style="red")
    for task in report.tasks:
        _task(task.result, console)


def _task(result: TaskResult, console: Console) -> None:
    console.print()
    marks = (
        "not marked"
        if result.status is TaskStatus.HARNESS_ERROR
        else f"{points(result.points)} of {points(result.max_points)}"
    )
    _line(console, f"{task_title(result.task)}: {marks} ({result.file})", style="bold")
    for sentence in (_TASK_WORDS[result.status], *result.notes):
        _line(console, sentence, style="dim")
    if result.criteria:
        console.print(_table(result.criteria, console), width=min(WIDTH, console.width))
    _held_out(result, console)
    _contradictions(result, console)
    _first(result, console)
    _errors(result, console)
    still_open = open_points(result)
    if still_open:
        _line(console, f"{points(still_open)} points are still open and not counted as lost.", style="magenta")
    console.print()


def _table(criteria: Sequence[CriterionResult], console: Console) -> Table:
    table = Table(box=box.SIMPLE_HEAD if _unicode(console) else box.ASCII, pad_edge=False, show_edge=False)
    table.add_column("criterion", ratio=1, overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    for criterion in criteria:
        word, colour = _WORDS[criterion.status]
        marks = f"{points(criterion.points)}/{points(criterion.max_points)}"
        table.add_row(_text(console, criterion.title), Text(word, style=colour), Text(marks))
    table.width = min(WIDTH, console.width)
    return table


def _held_out(result: TaskResult, console: Console) -> None:
    held = result.held_out
    if held is not None:
        value, base, ref = (measured(v, held.metric, held.unit) for v in (held.value, held.baseline, held.reference))
        _line(console, f"Held-out {held.metric}: {value} (naive baseline {base}, reference {ref}, n = {held.n})")


def _contradictions(result: TaskResult, console: Console) -> None:
    """Facts that do not go together, for a person to look at."""
    if not result.contradictions:
        return
    _line(console, "For a person to look at", style="bold magenta")
    for found in result.contradictions:
        _line(console, f"- {found.sentence}", style="magenta")
    _line(
        console,
        "These facts do not go together. There may be an innocent reason; no points were taken away for it.",
        style="dim",
    )


def _first(result: TaskResult, console: Console) -> None:
    for place, criterion in enumerate(fix_first(result)):
        _line(console, "Fix first" if place == 0 else "", style="bold")
        _line(console, f"{place + 1}. {criterion.title}: {' '.join(filter(None, (criterion.found, criterion.gap)))}")
        if criterion.next:
            _line(console, f"   Next: {criterion.next}", style="cyan")


def _errors(result: TaskResult, console: Console) -> None:
    failed = [cell for cell in result.cells if cell.status in {CellStatus.ERROR, CellStatus.TIMEOUT}]
    for cell in failed[:MAX_ERRORS]:
        said = f"{cell.error.name}: {cell.error.message}" if cell.error is not None else "stopped at the time limit"
        _line(console, f"Cell {cell.index}: {clean_text(said, lines=False, limit=160)}", style="red")
    if len(failed) > MAX_ERRORS:
        _line(console, f"{len(failed) - MAX_ERRORS} more cells stopped with an error.", style="red")


def _line(console: Console, text: str, *, style: str = "", whole: bool = False) -> None:
    """Prints one paragraph, wrapped at 80 columns; ``whole`` leaves it on one line, so that a path can be copied."""
    if not text:
        return
    shown = _text(console, text, style=style)
    console.print(shown, width=None if whole else min(WIDTH, console.width), soft_wrap=whole, highlight=False)


def _text(console: Console, text: str, *, style: str = "") -> Text:
    indent = text[: len(text) - len(text.lstrip(" "))]
    return Text(indent + terminal_text(text, console.encoding, limit=MAX_LINE), style=style, overflow="fold")


def _unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")
