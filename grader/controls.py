"""Runs a known-good and a known-zero submission before a class: what marks these wrongly marks nobody."""

from dataclasses import replace

from grader import intake, resources
from grader.errors import EnvironmentProblem
from grader.grade.model import TaskReport
from grader.pipeline import Settings, grade_submissions
from grader.types import TaskId, TaskStatus

TASK = TaskId.PENGUINS_CLASSIFICATION  # its data is always at hand, and training takes a second
RUNS = 2
GOOD_SHARE = 0.85  # of all points, the least that the known-good submission must get
ZERO_SHARE = 0.15  # and the most that the known-zero one may get
ADVICE = "Nothing was marked. Run `grader doctor`, and look at the limits that were given."


def verify(settings: Settings, *, workers: int) -> None:
    """Run both in the isolation, on the device and under the limits that the class will have.

    Raises ``EnvironmentProblem`` if either is marked as it must not be.
    """
    folder = resources.rubrics_dir() / "controls"
    both = [s for name in ("known_good.py", "known_zero.py") for s in intake.read_path(folder / name, task=TASK)]
    own_rules = replace(settings, store=None, rubrics_dir=None)
    good, zero = (report.tasks[0] for report in grade_submissions(both, own_rules, workers=min(2, workers)))
    _require_marked(good, "right")
    _require_marked(zero, "empty")
    if good.result.points < GOOD_SHARE * good.result.max_points:
        raise EnvironmentProblem(
            f"A solution that is known to be right got {good.result.points:g} of {good.result.max_points:g} points"
            f" here, so the fault is this machine's or the grader's, not the students'.{_why(good)} {ADVICE}"
        )
    if zero.result.points > ZERO_SHARE * zero.result.max_points or _held_out(zero):
        raise EnvironmentProblem(
            f"A submission that trains nothing got {zero.result.points:g} of {zero.result.max_points:g} points here,"
            f" so marks cannot be trusted. {ADVICE}"
        )


def _require_marked(report: TaskReport, kind: str) -> None:
    if report.result.status is not TaskStatus.MARKED:
        raise EnvironmentProblem(
            f"A submission that is known to be {kind} could not be marked on this machine.{_why(report)} {ADVICE}"
        )


def _why(report: TaskReport) -> str:
    lost = [f"{c.title}: {c.found}" for c in report.result.criteria if c.points < c.max_points]
    reasons = report.result.notes[:1] if report.result.status is not TaskStatus.MARKED else lost[:1]
    return f" ({reasons[0]})" if reasons else ""


def _held_out(report: TaskReport) -> float:
    return sum(c.points for c in report.result.criteria if c.id == "held-out")
