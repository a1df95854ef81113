"""Points from check results: pure arithmetic, with open points kept apart from lost ones."""

from collections.abc import Sequence

from grader.checks.result import CheckResult
from grader.grade.model import CriterionResult
from grader.rubric import Criterion, Rubric
from grader.types import Status, TaskStatus

OPEN = frozenset({Status.NEEDS_REVIEW, Status.HARNESS_ERROR})


def criteria(rubric: Rubric, results: Sequence[CheckResult]) -> list[CriterionResult]:
    """One result per criterion; ``results`` in the rubric's order. ValueError: there are more or fewer results than
    criteria."""
    return [_criterion(c, r) for c, r in zip(rubric.criteria, results, strict=True)]


def _criterion(criterion: Criterion, result: CheckResult) -> CriterionResult:
    points = min(criterion.points, max(0.0, round(criterion.points * result.share, 2)))
    return CriterionResult(
        id=criterion.id,
        title=criterion.title,
        status=result.status,
        points=points,
        max_points=criterion.points,
        aim=result.aim,
        found=result.found,
        gap=result.gap,
        next=result.next,
    )


def open_points(results: Sequence[CriterionResult]) -> float:
    """Points that nobody has decided on: a person has to look, or the grader failed."""
    return round(sum(c.max_points - c.points for c in results if c.status in OPEN), 2)


def task_status(results: Sequence[CriterionResult], *, contradicted: bool = False) -> TaskStatus:
    """A harness error when nothing could be decided because the grader failed; needs review while any criterion is
    open, or when facts of the run do not go together; else marked."""
    statuses = {c.status for c in results}
    if not statuses & OPEN:
        return TaskStatus.NEEDS_REVIEW if contradicted else TaskStatus.MARKED
    return TaskStatus.HARNESS_ERROR if statuses == {Status.HARNESS_ERROR} else TaskStatus.NEEDS_REVIEW
