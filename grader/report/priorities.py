"""What to fix first, and what is still open: the same answer for every renderer."""

from collections.abc import Sequence

from grader.grade.model import CriterionResult, StudentReport, TaskResult
from grader.types import Status, TaskStatus

OPEN_STATUSES = frozenset({Status.NEEDS_REVIEW, Status.HARNESS_ERROR})
MAX_FIRST = 3


def lost(criterion: CriterionResult) -> float:
    """Points that were there to be had and were not given."""
    return max(0.0, criterion.max_points - criterion.points)


def fix_first(result: TaskResult) -> list[CriterionResult]:
    """One to three criteria to work on next, none when all that was decided has full points.

    While something is blocked, failures come in the rubric's order, since later stages wait for earlier ones;
    otherwise the one that costs most comes first. Partly met criteria follow. Where several failures ask for the same
    step, as those that wait for a cell do, the first of them stands for all, and the first criterion of the rubric that
    is not met leads.
    """
    missed = [c for c in result.criteria if lost(c) > 0 and c.status in (Status.FAIL, Status.PARTIAL)]
    failed = [c for c in missed if c.status is Status.FAIL]
    partial = sorted((c for c in missed if c.status is Status.PARTIAL), key=lost, reverse=True)
    if not any(c.status is Status.BLOCKED for c in result.criteria):
        failed = sorted(failed, key=lost, reverse=True)
    alike = len({c.next or c.id for c in failed}) < len(failed)
    steps: dict[str, CriterionResult] = {}
    for criterion in [*(missed[:1] if alike else []), *failed, *partial]:
        steps.setdefault(criterion.next or criterion.id, criterion)
    return list(steps.values())[:MAX_FIRST]


def open_points(result: TaskResult) -> float:
    """Points that nobody has decided on: a person has to look, or the harness failed."""
    if result.status is TaskStatus.HARNESS_ERROR and not result.criteria:
        return max(0.0, result.max_points - result.points)
    return sum(lost(c) for c in result.criteria if c.status in OPEN_STATUSES)


def totals(report: StudentReport) -> tuple[float, float, float]:
    """Points, points there are, and points still open, over the tasks handed in."""
    results = [task.result for task in report.tasks]
    return sum(r.points for r in results), sum(r.max_points for r in results), sum(open_points(r) for r in results)


def count_open(results: Sequence[TaskResult]) -> int:
    """How many tasks still have points that nobody decided on, or were not marked for no fault of the student's."""
    return sum(
        1 for r in results if open_points(r) > 0 or r.status in {TaskStatus.NEEDS_REVIEW, TaskStatus.HARNESS_ERROR}
    )
