"""One mark from several runs of the same file with other seeds: that of the median run, with the spread beside it, or
of the better one where the first was stuck by chance."""

from collections.abc import Sequence

from grader.checks.result import count, number
from grader.grade.model import RepeatResult, TaskReport
from grader.types import TaskStatus

UNDECIDED = frozenset({TaskStatus.HARNESS_ERROR, TaskStatus.UNREADABLE})


def is_borderline(report: TaskReport) -> bool:
    """Whether a run alone cannot tell if the level for full marks is reached."""
    held = report.result.held_out
    return held is not None and not held.certain


def is_stuck(report: TaskReport) -> bool:
    """Whether the net lost points with a number that is the same in all of its answers. That may be chance of the first
    weights: where a relu gives nothing for any item at the start, nothing ever changes it."""
    held = report.result.held_out
    if held is None or not held.stuck or held.reference == held.baseline:
        return False
    return (held.value - held.baseline) / (held.reference - held.baseline) < 1


def better_run(first: tuple[int, TaskReport], second: tuple[int, TaskReport]) -> TaskReport:
    """The one with more points of two runs, of which the first was stuck; it names both."""
    chosen = second[1] if _points(second[1]) > _points(first[1]) else first[1]
    held = first[1].result.held_out
    names = held.stuck if held is not None else []
    told = (
        f"{count(len(names), 'number')} did not change from answer to answer in the first run ({', '.join(names)}), "
        "which may be chance of its first weights. "
        f"So the file was run once more, with another random seed: {_outcome(first[1])} and {_outcome(second[1])}. "
        "Marked is the better of the two."
    )
    return _naming([first, second], chosen, told)


def _outcome(report: TaskReport) -> str:
    failed = report.result.status in UNDECIDED
    return "a run in which the grader failed" if failed else f"{number(report.result.points)} points"


def _points(report: TaskReport) -> float:
    return -1.0 if report.result.status in UNDECIDED else report.result.points


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
    told = _told([report for _, report in runs], chosen)
    return _naming(runs, chosen, told)


def _naming(runs: Sequence[tuple[int, TaskReport]], chosen: TaskReport, told: str) -> TaskReport:
    """The chosen run, which names all of them."""
    repeats = [
        RepeatResult(
            seed=seed,
            points=report.result.points,
            status=report.result.status,
            value=None if report.result.held_out is None else report.result.held_out.value,
        )
        for seed, report in runs
    ]
    notes = [told, *chosen.result.notes]
    return chosen.model_copy(update={"result": chosen.result.model_copy(update={"repeats": repeats, "notes": notes})})


def _told(reports: Sequence[TaskReport], chosen: TaskReport) -> str:
    points = ", ".join(number(one.result.points) for one in reports if one.result.status not in UNDECIDED)
    failed = sum(one.result.status in UNDECIDED for one in reports)
    lost = f" In {failed} of them the grader failed; these do not count." if failed else ""
    return (
        f"Run {len(reports)} times, each with another random seed: {points or 'no'} points. Marked is the run in the"
        f" middle, with {number(chosen.result.points)}.{lost}"
    )
