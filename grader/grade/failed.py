"""Reports for what could not be marked: the points stay open, and the sentence says why."""

from grader.grade.model import TaskReport, TaskResult, Timing
from grader.intake.submission import TaskFile, Unreadable
from grader.types import TaskId, TaskStatus

MAX_POINTS = 100.0


def could_not_be_marked(file: TaskFile, sentence: str) -> TaskReport:
    """A file on which the grader or its environment failed."""
    return _empty(file.task, file.path.name, TaskStatus.HARNESS_ERROR, sentence)


def unreadable(found: Unreadable) -> TaskReport:
    """A file that was handed in but cannot be read. Its task must be known."""
    assert found.task is not None
    return _empty(found.task, found.path.name, TaskStatus.UNREADABLE, found.reason)


def _empty(task: TaskId, name: str, status: TaskStatus, sentence: str) -> TaskReport:
    result = TaskResult(
        task=task,
        file=name,
        points=0.0,
        max_points=MAX_POINTS,
        status=status,
        criteria=[],
        timing=Timing(wall_s=0.0),
        notes=[sentence],
    )
    return TaskReport(result=result)
