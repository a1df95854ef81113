"""One mark from several runs of the same file with other seeds: that of the median run, with the spread beside it."""

from collections.abc import Sequence

from grader.checks.result import number
from grader.grade.model import RepeatResult, TaskReport
from grader.types import TaskStatus

UNDECIDED = frozenset({TaskStatus.HARNESS_ERROR, TaskStatus.UNREADABLE})


def is_borderline(report: TaskReport) -> bool:
    """Whether a run alone cannot tell if the level for full marks is reached."""
    held = report.result.held_out
    return held is not None and not held.certain


def median_run(runs: Sequence[tuple[int, TaskReport]]) -> TaskReport:
    """The run with the median of the points, the higher of two in the middle; it names all of them. ``runs``: seed and
    report of each, the first run first. Runs in which the grader failed do not count unless all did. ValueError: no
    runs.
    """
    if not runs:
        raise ValueError("there are no runs to choose from")
    counted = [run for run in runs if run[1].result.status not in UNDECIDED] or list(runs[:1])
    ordered = sorted(counted, key=lambda run: run[1].result.points)
    _, chosen = ordered[len(ordered) // 2]
    repeats = [
        RepeatResult(
            seed=seed,
            points=report.result.points,
            status=report.result.status,
            value=None if report.result.held_out is None else report.result.held_out.value,
        )
        for seed, report in runs
    ]
    notes = [_told(repeats, chosen), *chosen.result.notes]
    return chosen.model_copy(update={"result": chosen.result.model_copy(update={"repeats": repeats, "notes": notes})})


def _told(repeats: Sequence[RepeatResult], chosen: TaskReport) -> str:
    points = ", ".join(number(one.points) for one in repeats if one.status not in UNDECIDED)
    failed = sum(one.status in UNDECIDED for one in repeats)
    lost = f" In {failed} of them the grader failed; these do not count." if failed else ""
    return (
        f"Run {len(repeats)} times, each with another random seed: {points or 'no'} points. Marked is the run in the"
        f" middle, with {number(chosen.result.points)}.{lost}"
    )
