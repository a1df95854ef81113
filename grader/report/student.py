"""View model of a student's page: the student, a card for each task, and what could not be marked."""

from dataclasses import dataclass

from grader.grade.model import StudentReport, TaskResult
from grader.report.priorities import fix_first, open_points, totals
from grader.report.text import clean_text, points, task_title
from grader.report.views import anchor, outlook, share, task_points


@dataclass(frozen=True)
class CardView:
    """A task in the list at the top of the page. ``first``: what to work on first, empty if nothing."""

    anchor: str
    title: str
    points: str
    max_points: str
    percent: float
    open_points: str
    outlook: str
    first: str


@dataclass(frozen=True)
class StudentView:
    """One student's page but for the sections of its tasks."""

    student: str
    points: str
    max_points: str
    percent: float
    open_points: str
    tasks: list[CardView]
    problems: list[str]


def student_view(report: StudentReport) -> StudentView:
    """Everything a student's page prints but the sections of its tasks."""
    got, available, still_open = totals(report)
    return StudentView(
        student=clean_text(report.student, lines=False, limit=200) or "(no name)",
        points=points(got),
        max_points=points(available),
        percent=share(got, available),
        open_points=points(still_open) if still_open else "",
        tasks=[_card(task.result, place) for place, task in enumerate(report.tasks)],
        problems=report.problems,
    )


def _card(result: TaskResult, place: int) -> CardView:
    first, still_open = fix_first(result), open_points(result)
    return CardView(
        anchor=anchor(place),
        title=task_title(result.task),
        points=task_points(result),
        max_points=points(result.max_points),
        percent=share(result.points, result.max_points),
        open_points=points(still_open) if still_open else "",
        outlook=outlook(result),
        first=first[0].title if first else "",
    )
