"""Runs solutions that are known to be right over several seeds and held-out splits, and writes down what they reach."""

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from grader import devices, tasks
from grader.batch import Job, run_jobs
from grader.checks.scoring import share_between
from grader.errors import EnvironmentProblem
from grader.grade.model import TaskReport
from grader.intake.submission import TaskFile
from grader.pipeline import Listener, Progress, Settings, Started, Work, grade_file, prepare, warmed, world_for
from grader.rubric import Calibration, Made, Manner, calibration_path, load_calibration
from grader.rubric.model import Band
from grader.settings import settled
from grader.tasks import metrics
from grader.tasks.fingerprint import fingerprint
from grader.versions import installed_version

REFERENCE = "reference"  # the manner of the reference solutions
MAX_CURVE_POINTS = 80
DIGITS = 4  # significant digits of a curve
EXACT = 6  # of everything else
WORKS = 0.5  # of the way from the blind answer to the reference solution that a manner must come
PATIENCE_S = 7_200.0  # of one run
PERCENTILES = (10, 50, 90)


@dataclass(frozen=True)
class Plan:
    """``seeds`` runs of one solution; run *i* has seed *i* and a held-out split of its own. ``manner``: the name under
    which its figures stand beside those of the reference solution."""

    file: TaskFile
    settings: Settings
    seeds: int
    workers: int = 1
    manner: str = REFERENCE


def calibrate(plan: Plan, progress: Listener | None = None) -> Path:
    """Write this manner's figures into ``rubrics/calibration/<task>.json``, beside those of others; return its path.

    Both the seed and the split vary, since an instructor's key makes another split. Raises ``EnvironmentProblem`` if
    a run gives no held-out figure or the solution does not work, and a ``GraderError`` if the isolation or the data
    cannot be had.
    """
    plan = replace(plan, settings=settled(plan.settings))
    prepare(plan.settings, {plan.file.task})
    world, spec = world_for(plan.file.task, plan.settings), tasks.get(plan.file.task)
    stand_in = world.stand_in
    found = measured(plan, _runs(plan, progress))
    manners = with_manner(load_calibration(plan.file.task, stand_in=stand_in).manners, found)
    baseline = metrics.baseline(spec, world.training_truth, world.heldout_truth)
    if not works(found.level, baseline, manners[0].level, higher_is_better=spec.higher_is_better):
        raise EnvironmentProblem(
            f"The solution {plan.file.path.name} does not work with these data: whatever its seed it reaches "
            f"{found.level:g} ({spec.metric}), a blind answer {baseline:g}. Nothing was written."
        )
    easiest = min if spec.higher_is_better else max
    level = easiest(manner.level for manner in manners)
    path = calibration_path(plan.file.task, stand_in=stand_in)
    path.write_text(document(Calibration(metric=spec.metric, reference=level, manners=manners)), encoding="utf-8")
    return path


def works(level: float, baseline: float, reference: float, *, higher_is_better: bool) -> bool:
    """Whether a manner with this level is fit to say where full marks start: at least half way from the blind answer's
    figure to the level of the reference solution."""
    better = level > baseline if higher_is_better else level < baseline
    return better and share_between(level, baseline, reference) >= WORKS


def _runs(plan: Plan, progress: Listener | None) -> list[TaskReport]:
    """One marked run for each seed, in order, as many at once as there are workers."""
    name, task = plan.file.path.name, plan.file.task
    tell = progress or (lambda _: None)
    reports: dict[int, TaskReport] = {}
    with warmed(plan.settings, plan.seeds) as settings:
        works = [Work(f"seed {seed}", plan.file, seeded(settings, seed)) for seed in range(plan.seeds)]
        jobs: list[Job[TaskReport]] = [Job(seed, grade_file, work) for seed, work in enumerate(works)]

        def started(seed: int) -> None:
            tell(Started(seed, works[seed].student, task))

        outcomes = run_jobs(jobs, workers=plan.workers, started=started)
        for done, (seed, report, problem) in enumerate(outcomes, start=1):
            if report is None or report.result.held_out is None:
                reason = problem or "; ".join(report.result.notes if report else ()) or "no held-out figure"
                raise EnvironmentProblem(f"The solution {name} could not be measured: {reason}")
            reports[seed] = report
            tell(Progress(seed, done, plan.seeds, works[seed].student, task, report.result.status.value))
    return [reports[seed] for seed in range(plan.seeds)]


def seeded(settings: Settings, seed: int) -> Settings:
    """Those of one run. It is cut short by the work that the rubric allows, as a submission is, but neither as
    converged, since the level that would decide it is what is looked for, nor by the clock, since a level must not
    depend on how fast the machine is or what else it does."""
    limits = replace(settings.limits, cell_s=PATIENCE_S, wall_s=PATIENCE_S, cpu_s=PATIENCE_S)
    return replace(settings, seed=seed, key=f"calibration-{seed}", calibrating=True, limits=limits)


def measured(plan: Plan, reports: Sequence[TaskReport]) -> Manner:
    """What the runs of a plan have reached."""
    spec = tasks.get(plan.file.task)
    values = [_rounded(r.result.held_out.value) for r in reports if r.result.held_out is not None]
    made = made_now(plan)
    return Manner(
        name=plan.manner,
        solution=plan.file.path.name,
        level=lower_end(values, higher_is_better=spec.higher_is_better),
        values=values,
        band=Band(
            train=band([_relative(r.curve.train, r.curve.baseline) for r in reports]),
            valid=band([_relative(r.curve.valid, r.curve.baseline) for r in reports]),
        ),
        loss=reports[0].curve.loss,
        times=[round(r.result.timing.wall_s, 1) for r in reports],
        source=f"{plan.seeds} seeds and splits, {made.device}, torch {made.torch}, Python {made.python}",
        made=made,
    )


def _relative(curve: Sequence[tuple[float, float]], baseline: float | None) -> list[tuple[float, float]]:
    """Losses in multiples of the best constant prediction's; empty if that is not known."""
    return [(step, loss / baseline) for step, loss in curve] if baseline else []


def lower_end(values: Sequence[float], *, higher_is_better: bool) -> float:
    """The level of a manner: the worst of the runs, or two standard deviations below their mean if that is lower."""
    sign = 1.0 if higher_is_better else -1.0
    spread = stdev(values) if len(values) > 1 else 0.0
    below = sign * mean(values) - 2 * spread
    return _rounded(sign * min(below, *(sign * v for v in values)))


def band(curves: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float, float, float]]:
    """Percentiles over several curves of (steps, loss): (steps, 10th, 50th, 90th), at the steps of the first curve,
    thinned out; between its points a curve is taken to be straight. Empty if any of them is."""
    usable = [np.array(curve, dtype=np.float64).reshape(-1, 2) for curve in curves]
    if not usable or any(len(curve) == 0 for curve in usable):
        return []
    last = min(curve[-1, 0] for curve in usable)
    steps = usable[0][usable[0][:, 0] <= last, 0]
    steps = steps[:: max(1, -(-len(steps) // MAX_CURVE_POINTS))]
    losses = np.stack([np.interp(steps, curve[:, 0], curve[:, 1]) for curve in usable])
    found = np.percentile(losses, PERCENTILES, axis=0)
    low, middle, high = ([_rounded(v, DIGITS) for v in row] for row in found.tolist())
    return [(float(s), *rest) for s, *rest in zip(steps.tolist(), low, middle, high, strict=True)]  # type: ignore[misc]


def with_manner(known: Iterable[Manner], found: Manner) -> list[Manner]:
    """All manners with this one in place of an earlier one of its name; the reference solution's first."""
    others = [manner for manner in known if manner.name != found.name]
    return sorted([*others, found], key=lambda manner: (manner.name != REFERENCE, manner.name))


def made_now(plan: Plan) -> Made:
    """What figures measured here and now depend on."""
    return Made(
        python=platform.python_version(),
        torch=installed_version("torch"),
        torchvision=installed_version("torchvision"),
        device=devices.resolve(plan.settings.device).value,
        data=fingerprint(world_for(plan.file.task, plan.settings)),
        solution=plan.file.digest[:16],
    )


def document(calibration: Calibration) -> str:
    """The file's text: one line for each part of a manner."""
    content = calibration.model_dump(mode="json")
    manners = ",\n".join("    {\n" + _lines(manner, 6) + "\n    }" for manner in content.pop("manners"))
    return "{\n" + _lines(content, 2) + f',\n  "manners": [\n{manners}\n  ]\n}}\n'


def _lines(content: dict[str, Any], margin: int) -> str:
    return ",\n".join(f"{' ' * margin}{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())


def _rounded(value: float, digits: int = EXACT) -> float:
    return float(f"{value:.{digits}g}")
