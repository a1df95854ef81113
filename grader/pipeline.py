"""Names all stages, in order: intake hands in submissions, and a report for each student comes out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader import devices, execute, predictions, resources, rubric, tasks
from grader.batch import Job, run_jobs
from grader.checks import Context
from grader.errors import GraderError
from grader.evidence.bundle import Evidence
from grader.evidence.kept import has, keep, recall
from grader.evidence.store import run_key
from grader.execute.discretion import discreet
from grader.execute.sparing import FULL, Sparing
from grader.grade.failed import could_not_be_marked, unreadable
from grader.grade.grading import mark
from grader.grade.model import StudentReport, TaskReport
from grader.intake.submission import Submission, TaskFile
from grader.limits import RunLimits
from grader.report.figures import ReferenceCurve
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.choose import choose
from grader.sandbox.forks import fork_server
from grader.sandbox.policy import environment as job_environment
from grader.tasks.model import World
from grader.types import Device, Exit, Isolation, TaskId

WORTH_WARMING = 2  # runs
NOT_REACHED = "The run was interrupted before this file was marked; run the same command again."


@dataclass(frozen=True)
class Settings:
    """How submissions are run and marked. ``key`` cuts the held-out data; ``rubrics_dir``: other rubrics than ours;
    ``store``: a folder in which runs are kept, and looked up before a file is run again, unless ``fresh``.
    ``private``: further folders that no submission may see. ``full``: nothing is cut short, nothing stood in for.
    ``forks``: the address of a fork server, see :func:`warmed`."""

    isolation: Isolation = Isolation.AUTO
    device: Device = Device.AUTO
    seed: int = 0
    key: str = tasks.DEFAULT_KEY
    data_dir: Path | None = None
    cache_dir: Path | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    rubrics_dir: Path | None = None
    store: Path | None = None
    fresh: bool = False
    private: tuple[Path, ...] = ()
    full: bool = False
    forks: str | None = None


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


class Interrupted(KeyboardInterrupt):
    """The user stopped the run; ``reports`` hold what was done until then."""

    def __init__(self, reports: list[StudentReport]) -> None:
        super().__init__("interrupted")
        self.reports = reports


def grade_submissions(
    submissions: Sequence[Submission],
    settings: Settings,
    *,
    workers: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> list[StudentReport]:
    """Run and mark everything; one report per submission, in order. What fails for one file costs that file a status.

    ``workers``: so many processes, 0 for this one. Raises a ``GraderError`` before anything runs if the isolation,
    the device, the data or a rubric cannot be had, and ``Interrupted`` with what is done on ``KeyboardInterrupt``.
    """
    settings = replace(settings, device=devices.resolve(settings.device))
    work = [Work(submission.student, file, settings) for submission in submissions for file in submission.files]
    prepare(settings, {item.file.task for item in work})
    done: dict[int, TaskReport] = {}
    jobs = [Job(number, grade_file, item) for number, item in enumerate(work)]
    try:
        for number, report, problem in run_jobs(jobs, workers=workers):
            item = work[number]
            done[number] = report or could_not_be_marked(item.file, problem or NOT_REACHED)
            if progress is not None:
                status = done[number].result.status.value
                progress(Progress(len(done), len(work), item.student, item.file.task, status))
    except KeyboardInterrupt as interrupt:
        raise Interrupted(_reports(submissions, work, done)) from interrupt
    return _reports(submissions, work, done)


def prepare(settings: Settings, wanted: set[TaskId]) -> None:
    """Build the worlds and read the rubrics once, before any worker starts. Raises what ``GraderError`` hinders it."""
    choose(settings.isolation)
    for task in sorted(wanted):
        world = world_for(task, settings)
        _load_rubric(task, settings)
        _load_calibration(task, stand_in=world.stand_in)


@contextmanager
def warmed(settings: Settings, runs: int) -> Iterator[Settings]:
    """The settings with which so many ``runs`` start warm, for as long as the context lasts: importing the heavy
    packages once pays from the second run on. Unchanged where it does not pay or cannot be had."""
    if runs < WORTH_WARMING or choose(settings.isolation)[0].name != Bubblewrap.name:
        yield settings
        return
    device = devices.resolve(settings.device).value
    with fork_server(job_environment(execute.environment(device))) as address:
        yield replace(settings, forks=address)


def world_for(task: TaskId, settings: Settings) -> World:
    """The task's world under these settings."""
    return tasks.build_world(task, key=settings.key, data_dir=settings.data_dir, cache_dir=settings.cache_dir)


def run_file(work: Work) -> tuple[Evidence, World]:
    """Run one file in isolation, unless a run of it was kept; its evidence beside the world it saw."""
    settings = work.settings
    world = world_for(work.file.task, settings)
    sandbox, about_isolation = choose(settings.isolation, forks=settings.forks)
    key = _key(work, world, sandbox.name)
    kept = recall(settings.store, key) if settings.store is not None and not settings.fresh else None
    if kept is not None:
        return kept, world
    evidence = execute.run(
        work.file,
        work.student,
        world=world,
        sandbox=sandbox,
        limits=settings.limits,
        device=devices.resolve(settings.device).value,
        seed=settings.seed,
        hides=_private(work, world),
        sparing=_sparing(work, world),
    )
    evidence = _with_note(evidence, about_isolation)
    if settings.key != tasks.DEFAULT_KEY:
        evidence = discreet(evidence)
    if settings.store is not None and evidence.document.host.exit is not Exit.NOT_STARTED:
        evidence = _kept(settings.store, key, evidence)
    return evidence, world


def _private(work: Work, world: World) -> list[Path]:
    """Folders of the host that no submission may see: those of all submissions, of data, of runs, and of reports."""
    settings, root = work.settings, work.file.root
    named = [root, root.parent, settings.data_dir, settings.store, settings.rubrics_dir, *settings.private]
    return [*(path.absolute() for path in named if path is not None), world.training_dir.parent, world.heldout_dir]


def _kept(store: Path, key: str, evidence: Evidence) -> Evidence:
    try:
        keep(store, key, evidence)
    except GraderError as problem:
        return _with_note(evidence, str(problem))
    return evidence


def to_be_run(submissions: Sequence[Submission], settings: Settings) -> int:
    """How many files are not in the store yet."""
    work = [Work(s.student, file, settings) for s in submissions for file in s.files]
    if settings.store is None or settings.fresh:
        return len(work)
    worlds = {task: world_for(task, settings) for task in {item.file.task for item in work}}
    isolation = choose(settings.isolation)[0].name
    return sum(not has(settings.store, _key(item, worlds[item.file.task], isolation)) for item in work)


def _key(work: Work, world: World, isolation: str) -> str:
    settings = work.settings
    return run_key(
        work.file,
        work.student,
        world=world.digest,
        isolation=isolation,
        device=devices.resolve(settings.device).value,
        seed=settings.seed,
        limits=settings.limits,
        sparing=_sparing(work, world).document(),
    )


def _sparing(work: Work, world: World) -> Sparing:  # noqa: ARG001
    """What this run may leave out."""
    return FULL


def mark_evidence(evidence: Evidence, world: World, settings: Settings) -> TaskReport:
    """Mark stored evidence: pure, nothing is executed."""
    task = evidence.document.task
    context = Context(
        evidence=evidence,
        world=world,
        predictions=predictions.resolve(world, evidence),
        spec=tasks.get(task),
        calibration=_load_calibration(task, stand_in=world.stand_in),
    )
    return mark(context, _load_rubric(task, settings))


def grade_file(work: Work) -> TaskReport:
    """Run and mark one file. A failure of the grader becomes a result that says so, never a zero."""
    try:
        evidence, world = run_file(work)
        return mark_evidence(evidence, world, work.settings)
    except GraderError as problem:
        return could_not_be_marked(work.file, str(problem))


def reference_curves() -> Mapping[TaskId, ReferenceCurve]:
    """Validation curves of the reference solutions in multiples of the naive baseline's loss, where measured."""
    curves = {}
    for task in TaskId:
        measured = _load_calibration(task, stand_in=False).curve
        points = [(step, loss) for step, loss in measured.valid if math.isfinite(loss)]
        if points:
            curves[task] = ReferenceCurve(points=points)
    return curves


def _load_rubric(task: TaskId, settings: Settings) -> rubric.Rubric:
    return rubric.load_rubric(task, settings.rubrics_dir or resources.rubrics_dir())


def _load_calibration(task: TaskId, *, stand_in: bool) -> rubric.Calibration:
    return rubric.load_calibration(task, stand_in=stand_in, folder=resources.rubrics_dir() / "calibration")


def _with_note(evidence: Evidence, note: str) -> Evidence:
    if not note:
        return evidence
    document = evidence.document
    return replace(evidence, document=document.model_copy(update={"notes": [note, *document.notes]}))


def _reports(
    submissions: Sequence[Submission], work: Sequence[Work], done: Mapping[int, TaskReport]
) -> list[StudentReport]:
    """One report per submission; a file that was not reached is reported as such."""
    marked = iter(done.get(n) or could_not_be_marked(item.file, NOT_REACHED) for n, item in enumerate(work))
    reports = []
    for submission in submissions:
        files = [next(marked) for _ in submission.files]
        lost = [unreadable(found) for found in submission.unreadable if found.task is not None]
        problems = [found.reason for found in submission.unreadable if found.task is None]
        reports.append(
            StudentReport(student=submission.student, tasks=[*files, *lost], problems=[*problems, *submission.notes])
        )
    return reports
