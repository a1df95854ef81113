"""Names all stages, in order: intake hands in submissions, and a report for each student comes out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader import execute, predictions, rubric, tasks
from grader.batch import Job, run_jobs
from grader.checks import Context
from grader.errors import GraderError
from grader.evidence.bundle import Evidence
from grader.grade.failed import could_not_be_marked, unreadable
from grader.grade.grading import mark
from grader.grade.model import StudentReport, TaskReport
from grader.intake.submission import Submission, TaskFile
from grader.limits import RunLimits
from grader.report.figures import ReferenceCurve
from grader.sandbox.choose import choose
from grader.tasks.model import World
from grader.types import Device, Isolation, TaskId


@dataclass(frozen=True)
class Settings:
    """How submissions are run and marked. ``key``: cuts the held-out data; ``rubrics_dir``: other rubrics than the bundled ones."""

    isolation: Isolation = Isolation.AUTO
    device: Device = Device.AUTO
    seed: int = 0
    key: str = tasks.DEFAULT_KEY
    data_dir: Path | None = None
    cache_dir: Path | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    rubrics_dir: Path | None = None


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` files are finished; ``sentence`` says what just happened."""

    done: int
    total: int
    student: str
    task: TaskId
    sentence: str


@dataclass(frozen=True)
class Work:
    """One file of one student, to be run and marked anywhere."""

    student: str
    file: TaskFile
    settings: Settings


def grade_submissions(
    submissions: Sequence[Submission],
    settings: Settings,
    *,
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> list[StudentReport]:
    """Run and mark everything; one report per submission, in order. What fails for one file costs that file a status only.

    Raises a ``GraderError`` before anything runs if the isolation, the data or a rubric cannot be had.
    """
    work = [Work(s.student, file, settings) for s in submissions for file in s.files]
    prepare(settings, {w.file.task for w in work})
    done: dict[int, TaskReport] = {}
    jobs = [Job(i, grade_file, w) for i, w in enumerate(work)]
    for number, report, problem in run_jobs(jobs, workers=workers):
        item = work[number]
        done[number] = report or could_not_be_marked(item.file, problem or "The grader failed without a reason.")
        if progress is not None:
            progress(Progress(len(done), len(work), item.student, item.file.task, done[number].result.status.value))
    reports, position = [], 0
    for submission in submissions:
        count = len(submission.files)
        marked = [done[i] for i in range(position, position + count)]
        position += count
        lost = [unreadable(u) for u in submission.unreadable if u.task is not None]
        problems = [f"{u.path.name}: {u.reason}" for u in submission.unreadable]
        reports.append(
            StudentReport(student=submission.student, tasks=[*marked, *lost], problems=[*problems, *submission.notes])
        )
    return reports


def prepare(settings: Settings, wanted: set[TaskId]) -> None:
    """Build the worlds and read the rubrics once, before any worker starts. Raises the ``GraderError`` that stands in the way."""
    choose(settings.isolation)
    for task in sorted(wanted):
        world_for(task, settings)
        rubric.load_rubric(task, settings.rubrics_dir)


def world_for(task: TaskId, settings: Settings) -> World:
    """The task's world under these settings."""
    return tasks.build_world(task, key=settings.key, data_dir=settings.data_dir, cache_dir=settings.cache_dir)


def run_file(work: Work) -> tuple[Evidence, World]:
    """Run one file in isolation and hand back its evidence beside the world it saw."""
    settings = work.settings
    world = world_for(work.file.task, settings)
    sandbox, _ = choose(settings.isolation)
    evidence = execute.run(
        work.file,
        work.student,
        world=world,
        sandbox=sandbox,
        limits=settings.limits,
        device=resolved(settings.device),
        seed=settings.seed,
    )
    return evidence, world


def resolved(device: Device) -> str:
    """``auto`` becomes ``cuda`` where this machine has such a device, else ``cpu``."""
    if device is not Device.AUTO:
        return device.value
    return "cuda" if Path("/dev/nvidiactl").exists() and Path("/dev/nvidia0").exists() else "cpu"


def mark_evidence(evidence: Evidence, world: World, settings: Settings) -> TaskReport:
    """Mark stored evidence: pure, nothing is executed."""
    task = evidence.document.task
    context = Context(
        evidence=evidence,
        world=world,
        predictions=predictions.resolve(world, evidence),
        spec=tasks.get(task),
        calibration=rubric.load_calibration(task, stand_in=world.stand_in),
    )
    return mark(context, rubric.load_rubric(task, settings.rubrics_dir))


def grade_file(work: Work) -> TaskReport:
    """Run and mark one file. A failure of the grader becomes a result that says so, never a zero."""
    try:
        evidence, world = run_file(work)
        return mark_evidence(evidence, world, work.settings)
    except GraderError as problem:
        return could_not_be_marked(work.file, str(problem))


def reference_curves() -> Mapping[TaskId, ReferenceCurve]:
    """Validation curves of the reference solutions in multiples of the naive baseline's loss, where they were measured."""
    curves = {}
    for task in TaskId:
        measured = rubric.load_calibration(task, stand_in=False).curve
        points = [(step, loss) for step, loss in measured.valid if math.isfinite(loss)]
        if points:
            curves[task] = ReferenceCurve(points=points)
    return curves
