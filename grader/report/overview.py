"""View model of the overview: the class as a table, its statistics, and where it lost points."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from grader.grade.model import StudentReport, TaskResult
from grader.report.priorities import count_open, lost, open_points, totals
from grader.report.text import clean_text, points, task_title
from grader.report.views import Badge, share, task_badge
from grader.types import Status, TaskId, TaskStatus

BINS = 10
MAX_COMMON = 8


@dataclass(frozen=True)
class MarkView:
    """One task of one student in the table. ``badge`` is None when it was simply marked."""

    points: str
    percent: float
    badge: Badge | None
    note: str


@dataclass(frozen=True)
class RowView:
    """One student in the table; a task not handed in is None."""

    student: str
    link: str
    marks: list[MarkView | None]
    total: str
    max_points: str
    open_points: str
    percent: float
    note: str


@dataclass(frozen=True)
class BinView:
    """How many students lie in one tenth of the points; ``height`` in per cent of the fullest tenth."""

    label: str
    count: int
    height: float
    x: float
    y: float


@dataclass(frozen=True)
class TaskStatistics:
    """One task over the class."""

    title: str
    handed_in: int
    mean: str
    median: str
    lowest: str
    highest: str
    max_points: str
    bins: list[BinView]
    alt: str


@dataclass(frozen=True)
class CommonView:
    """A criterion on which the class lost points."""

    task: str
    title: str
    students: int
    of: int
    mean_lost: str


@dataclass(frozen=True)
class OverviewView:
    """The overview page."""

    students: int
    submissions: int
    to_review: int
    unreadable: int
    tasks: list[str]
    rows: list[RowView]
    statistics: list[TaskStatistics]
    common: list[CommonView]


def overview_view(reports: Sequence[StudentReport], links: Sequence[str]) -> OverviewView:
    """Everything the overview prints; ``links`` are the students' pages in the order of ``reports``."""
    results = [task.result for report in reports for task in report.tasks]
    tasks = [task for task in TaskId if any(r.task is task for r in results)]
    return OverviewView(
        students=len(reports),
        submissions=len(results),
        to_review=count_open(results),
        unreadable=sum(1 for r in results if r.status is TaskStatus.UNREADABLE) + sum(len(r.problems) for r in reports),
        tasks=[task_title(task) for task in tasks],
        rows=[_row(report, link, tasks) for report, link in zip(reports, links, strict=True)],
        statistics=[_statistics(task, [r for r in results if r.task is task]) for task in tasks],
        common=_common(results),
    )


def _row(report: StudentReport, link: str, tasks: Sequence[TaskId]) -> RowView:
    results = {task.result.task: task.result for task in report.tasks}
    got, available, still_open = totals(report)
    return RowView(
        student=clean_text(report.student, lines=False, limit=120) or "(no name)",
        link=link,
        marks=[_mark(results[task]) if task in results else None for task in tasks],
        total=points(got),
        max_points=points(available),
        open_points=points(still_open) if still_open else "",
        percent=share(got, available),
        note=clean_text(report.problems[0], lines=False, limit=160) if report.problems else "",
    )


def _mark(result: TaskResult) -> MarkView:
    still_open = open_points(result)
    return MarkView(
        points="–" if result.status is TaskStatus.HARNESS_ERROR else points(result.points),
        percent=share(result.points, result.max_points),
        badge=None if result.status is TaskStatus.MARKED else task_badge(result),
        note=f"{points(still_open)} open" if still_open else "",
    )


def _statistics(task: TaskId, results: Sequence[TaskResult]) -> TaskStatistics:
    decided = [r for r in results if r.status is not TaskStatus.HARNESS_ERROR]
    marks = [r.points for r in decided] or [0.0]
    counts = [0] * BINS
    for result in decided:
        counts[min(BINS - 1, int(share(result.points, result.max_points) / BINS))] += 1
    bins = [_bin(place, count, max(counts)) for place, count in enumerate(counts)]
    filled = "; ".join(f"{b.label}: {b.count}" for b in bins if b.count)
    return TaskStatistics(
        title=task_title(task),
        handed_in=len(results),
        mean=points(statistics.fmean(marks)),
        median=points(statistics.median(marks)),
        lowest=points(min(marks)),
        highest=points(max(marks)),
        max_points=points(max(r.max_points for r in results)),
        bins=bins,
        alt=f"Students by per cent of the points: {filled or 'none marked'}",
    )


def _bin(place: int, count: int, fullest: int) -> BinView:
    height = round(100.0 * count / fullest, 1) if fullest else 0.0
    return BinView(f"{10 * place} to {10 * (place + 1)} %", count, height, 10.0 * place + 0.7, round(100.0 - height, 1))


def _common(results: Sequence[TaskResult]) -> list[CommonView]:
    """Criteria that most students missed at least partly; blocked ones are left to what blocks them."""
    missed: dict[tuple[TaskId, str], list[float]] = defaultdict(list)
    titles: dict[tuple[TaskId, str], str] = {}
    for result in results:
        for criterion in result.criteria:
            if criterion.status in {Status.FAIL, Status.PARTIAL} and lost(criterion) > 0:
                missed[result.task, criterion.id].append(lost(criterion))
                titles[result.task, criterion.id] = criterion.title
    ranked = sorted(missed.items(), key=lambda item: (-len(item[1]), -sum(item[1])))
    handed_in = {task: sum(1 for r in results if r.task is task) for task in TaskId}
    return [
        CommonView(task_title(key[0]), titles[key], len(losses), handed_in[key[0]], points(statistics.fmean(losses)))
        for key, losses in ranked[:MAX_COMMON]
    ]
