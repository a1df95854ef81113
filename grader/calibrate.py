"""Runs the reference solutions over several seeds and held-out splits, and writes down what they reach."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import mean, stdev

from grader import tasks
from grader.errors import EnvironmentProblem
from grader.grade.model import StudentReport, TaskReport
from grader.intake.submission import Submission, TaskFile
from grader.pipeline import Listener, Progress, Settings, Step, grade_submissions, world_for
from grader.rubric import calibration_path
from grader.types import TaskId

MAX_CURVE_POINTS = 120
DIGITS = 6  # significant digits that are kept


@dataclass(frozen=True)
class Plan:
    """``seeds`` runs of one reference solution; run *i* has seed *i* and a held-out split of its own."""

    file: TaskFile
    settings: Settings
    seeds: int
    workers: int = 1


def calibrate(plan: Plan, progress: Listener | None = None) -> Path:
    """Write ``rubrics/calibration/<task>.json`` and return its path.

    Both the seed and the split vary, since an instructor's key makes another split. Raises ``EnvironmentProblem`` if
    a run gives no held-out figure.
    """
    reports = []
    for seed in range(plan.seeds):
        settings = replace(plan.settings, seed=seed, key=f"calibration-{seed}", full=True)  # the level bounds a cut
        submission = Submission(student=f"seed {seed}", files=(plan.file,))
        reports += grade_submissions([submission], settings, progress=_renumbered(progress, seed, plan.seeds))
    found = [_marked(report) for report in reports]
    values = [_rounded(t.result.held_out.value) for t in found if t.result.held_out is not None]
    spec = tasks.get(plan.file.task)
    document = {
        "metric": spec.metric,
        "reference": lower_end(values, higher_is_better=spec.higher_is_better),
        "values": values,
        "curve": {"train": _curve(found[0], "train"), "valid": _curve(found[0], "valid")},
        "loss": found[0].curve.loss,
        "times": [round(t.result.timing.wall_s, 1) for t in found],
        "source": _source(plan),
    }
    stand_in = world_for(plan.file.task, plan.settings).stand_in
    path = calibration_path(plan.file.task, stand_in=stand_in)
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in document.items())
    path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    return path


def lower_end(values: Sequence[float], *, higher_is_better: bool) -> float:
    """The level for full marks: the worst of the runs, or two standard deviations below their mean if that is lower."""
    sign = 1.0 if higher_is_better else -1.0
    spread = stdev(values) if len(values) > 1 else 0.0
    below = sign * mean(values) - 2 * spread
    return _rounded(sign * min(below, *(sign * v for v in values)))


def _renumbered(progress: Listener | None, seed: int, seeds: int) -> Listener:
    """The runs are told of as one series, though each is a series of one."""

    def tell(step: Step) -> None:
        counted = replace(step, number=seed)
        if isinstance(counted, Progress):
            counted = replace(counted, done=seed + 1, total=seeds)
        if progress is not None:
            progress(counted)

    return tell


def _marked(report: StudentReport) -> TaskReport:
    task = report.tasks[0]
    if task.result.held_out is None:
        reason = "; ".join(task.result.notes) or "no held-out figure"
        raise EnvironmentProblem(f"The reference solution {task.result.file} could not be measured: {reason}")
    return task


def _curve(task: TaskReport, side: str) -> list[tuple[int, float]]:
    """Loss in multiples of the best constant prediction's, thinned out; empty if that is not known."""
    points = task.curve.train if side == "train" else task.curve.valid
    if not task.curve.baseline:
        return []
    stride = max(1, -(-len(points) // MAX_CURVE_POINTS))
    return [(int(step), _rounded(loss / task.curve.baseline)) for step, loss in points[::stride]]


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _source(plan: Plan) -> str:
    made_with = f"torch {_version('torch')}, Python {platform.python_version()}"
    return f"{plan.file.path.name}, {plan.seeds} seeds and splits, cpu, {made_with}"


def _version(package: str) -> str:
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return "unknown"


def task_of(path: Path) -> TaskId:
    """The task of a reference solution, by its file name. Raises ``KeyError`` for other names."""
    return {spec.file_stem: spec.id for spec in tasks.TASKS.values()}[path.stem]
