"""Names all stages, in order: intake hands in submissions, and a report for each student comes out."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from grader import devices, execute, predictions, tasks
from grader.batch import Job, run_jobs
from grader.batch.forecast import Outlook, order
from grader.checks import Context
from grader.collected import collecting
from grader.errors import EnvironmentProblem, GraderError
from grader.evidence.bundle import Evidence
from grader.evidence.kept import has, keep, recall
from grader.evidence.store import run_key
from grader.execute.discretion import discreet
from grader.execute.sparing import FULL, Sparing, spared
from grader.fit import misfit
from grader.grade.failed import could_not_be_marked
from grader.grade.grading import mark
from grader.grade.model import StudentReport, TaskReport
from grader.grade.repeats import better_run, is_borderline, is_stuck, median_run
from grader.intake.submission import Cell, Submission, TaskFile
from grader.report.html import Site, render_section
from grader.rubric.stand_ins import without_package
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.choose import choose
from grader.sandbox.forks import fork_server
from grader.sandbox.policy import environment as job_environment
from grader.settings import Settings, settled
from grader.sources import (
    calibration_for,
    expected_seconds,
    intact_world,
    reference_curves,
    rubric_for,
    stand_ins_for,
    world_for,
)
from grader.tasks.model import World
from grader.types import Exit, TaskId

__all__ = ["Settings", "reference_curves", "world_for"]
WORTH_WARMING = 2  # runs


@dataclass(frozen=True)
class Started:
    """A file is begun; ``number``: which, counted over all submissions from 0."""

    number: int
    student: str
    task: TaskId


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` files are finished, file ``number`` just now; ``sentence`` says how it went."""

    number: int
    done: int
    total: int
    student: str
    task: TaskId
    sentence: str


Step = Started | Progress
Listener = Callable[[Step], None]


@dataclass(frozen=True)
class Work:
    """One file of one student, to be run and marked anywhere."""

    student: str
    file: TaskFile
    settings: Settings
    place: int = 0  # which of the student's tasks it is


@dataclass(frozen=True)
class Drawn:
    """A marked file, and its section of the page in place of what is drawn there."""

    report: TaskReport
    section: str


class Interrupted(KeyboardInterrupt):
    """The user stopped the run; ``reports`` hold what was done until then."""

    def __init__(self, reports: list[StudentReport]) -> None:
        super().__init__("interrupted")
        self.reports = reports


def grade_submissions(
    submissions: Sequence[Submission],
    settings: Settings,
    *,
    workers: int | Executor = 0,
    outlooks: Sequence[Outlook] | None = None,
    progress: Listener | None = None,
    site: Site | None = None,
) -> list[StudentReport]:
    """Run and mark everything; one report per submission, in order. What fails for one file costs that file a status.

    ``workers``: so many processes, 0 for this one; or an executor of one's own. ``outlooks``: what :func:`survey` found
    out, if it was asked before. ``progress`` may be called from another thread. ``site``: each student's page is
    written there as soon as it can be, and the reports come without what pages draw. Raises a ``GraderError`` before
    anything runs if the isolation, the device, the data or a rubric cannot be had, and ``Interrupted`` with what is
    done on ``KeyboardInterrupt``.
    """
    settings = settled(settings)
    known = survey(submissions, settings, workers=workers).outlooks if outlooks is None else outlooks
    work, tell = _work(submissions, settings), progress or _silent
    jobs = [Job(number, grade_file if site is None else draw_file, work[number]) for number in order(known)]

    def started(number: int) -> None:
        tell(Started(number, work[number].student, work[number].file.task))

    with collecting(submissions, site) as collected:
        try:
            with closing(run_jobs(jobs, workers=workers, started=started)) as outcomes:
                for done, (number, found, problem) in enumerate(outcomes, start=1):
                    item, drawn = work[number], found if isinstance(found, Drawn) else None
                    report = drawn.report if drawn else found or could_not_be_marked(item.file, problem or "")
                    assert isinstance(report, TaskReport)
                    collected.add(number, report, drawn.section if drawn else None)
                    status = report.result.status.value
                    tell(Progress(number, done, len(work), item.student, item.file.task, status))
        except KeyboardInterrupt as interrupt:
            raise Interrupted(collected.reports()) from interrupt
        return collected.reports()


def _silent(_: Step) -> None:
    """Nobody wants to know."""


def _work(submissions: Sequence[Submission], settings: Settings) -> list[Work]:
    """Every file, in order."""
    return [
        Work(submission.student, file, settings, place)
        for submission in submissions
        for place, file in enumerate(submission.files)
    ]


@dataclass(frozen=True)
class Survey:
    """What is known of each file before anything is run, and sentences on calibrations that do not fit what is in
    use."""

    outlooks: Sequence[Outlook]
    misfits: Sequence[str] = ()


def survey(submissions: Sequence[Submission], settings: Settings, *, workers: int | Executor = 0) -> Survey:
    """Whether a run of each file was kept, else what it will take; and whether what it is measured by fits.

    Raises what ``GraderError`` hinders the whole. With ``workers`` one of them looks at the data, so that this process
    need not hold them.
    """
    settings = settled(settings)
    asked = settings, _work(submissions, settings)
    found: Survey | GraderError | None = None
    if workers == 0:
        found = _survey(asked)
    else:
        for _, found, problem in run_jobs([Job(0, _survey, asked)], workers=workers):
            if found is None:
                raise EnvironmentProblem(f"The class could not be looked through. {problem}")
    if isinstance(found, GraderError):
        raise found
    return found or Survey([])


def _survey(asked: tuple[Settings, list[Work]]) -> Survey | GraderError:
    settings, work = asked
    try:
        misfits = prepare(settings, {item.file.task for item in work})
        isolation = choose(settings.isolation)[0].name
        by_task = sorted(range(len(work)), key=lambda number: work[number].file.task)
        found = {number: _outlook(work[number], isolation) for number in by_task}
    except GraderError as problem:
        return problem
    return Survey([found[number] for number in range(len(work))], misfits)


def _outlook(work: Work, isolation: str) -> Outlook:
    settings, task = work.settings, work.file.task
    world = world_for(task, settings)
    looked_up = settings.store is not None and not settings.fresh
    kept = looked_up and settings.store is not None and has(settings.store, _key(work, world, isolation))
    runs = 1 if settings.borderline else settings.repeat
    return Outlook(runs * expected_seconds(task, stand_in=world.stand_in), group=task, kept=kept)


def prepare(settings: Settings, wanted: set[TaskId]) -> list[str]:
    """Build the worlds and read the rubrics once, before any worker starts; sentences on calibrations that do not fit.

    Raises what ``GraderError`` hinders it.
    """
    choose(settings.isolation)
    found = []
    for task in sorted(wanted):
        world = world_for(task, settings)
        rubric_for(task, settings)
        found.append(misfit(calibration_for(task, stand_in=world.stand_in), world))
    return [sentence for sentence in found if sentence]


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


def run_file(work: Work) -> tuple[Evidence, World]:
    """Run one file in isolation, unless a run of it was kept; its evidence beside the world it saw."""
    settings = work.settings
    world = world_for(work.file.task, settings)
    sandbox, about_isolation = choose(settings.isolation, forks=settings.forks)
    key = _key(work, world, sandbox.name)
    kept = recall(settings.store, key) if settings.store is not None and not settings.fresh else None
    if kept is not None:
        return kept, world
    world = intact_world(work.file.task, settings)
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
    if settings.store is not None and _lasts(evidence):
        evidence = _kept(settings.store, key, evidence)
    return evidence, world


def _lasts(evidence: Evidence) -> bool:
    """Whether the same run would come out alike another time: not if it could not be started, or the clock ended its
    training."""
    document = evidence.document
    late = document.claims is not None and any(cut.reason == "time" for cut in document.claims.shortened)
    return document.host.exit is not Exit.NOT_STARTED and not late


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


def _sparing(work: Work, world: World) -> Sparing:
    """What this run may leave out. Of the rubric only the budget counts, so that other points ask for no new run."""
    settings, task = work.settings, work.file.task
    stand_ins = stand_ins_for(settings)
    if settings.full:
        return replace(FULL, absent=without_package(stand_ins))
    budget = rubric_for(task, settings).budget
    if settings.calibrating:
        return replace(FULL, work=budget.work)
    calibration = calibration_for(task, stand_in=world.stand_in)
    return spared(world, calibration, budget, limits=settings.limits, stand_ins=stand_ins)


def mark_evidence(evidence: Evidence, world: World, settings: Settings, *, source: tuple[Cell, ...] = ()) -> TaskReport:
    """Mark stored evidence: pure, nothing is executed. ``source``: the text of the submission's cells, if it is at
    hand."""
    task = evidence.document.task
    context = Context(
        evidence=evidence,
        world=world,
        predictions=predictions.resolve(world, evidence),
        spec=tasks.get(task),
        calibration=calibration_for(task, stand_in=world.stand_in),
        source=source,
    )
    return mark(context, rubric_for(task, settings))


def grade_file(work: Work) -> TaskReport:
    """Run and mark one file, several times if that is asked for, or if chance alone may have spoilt it. A failure of
    the grader becomes a result that says so, never a zero."""
    settings, first = work.settings, (work.settings.seed, _graded(work))
    if settings.repeat > 1 and (not settings.borderline or is_borderline(first[1])):
        later = range(settings.seed + 1, settings.seed + settings.repeat)
        return median_run([first, *(_again(work, seed) for seed in later)])
    return better_run(first, _again(work, settings.seed + 1)) if is_stuck(first[1]) else first[1]


def _again(work: Work, seed: int) -> tuple[int, TaskReport]:
    return seed, _graded(replace(work, settings=replace(work.settings, seed=seed)))


def _graded(work: Work) -> TaskReport:
    try:
        evidence, world = run_file(work)
        return mark_evidence(evidence, world, work.settings, source=work.file.cells)
    except GraderError as problem:
        return could_not_be_marked(work.file, str(problem))


def draw_file(work: Work) -> Drawn:
    """Run and mark one file, and render its section of the page."""
    report = grade_file(work)
    section = render_section(report, reference_curves().get(work.file.task), place=work.place)
    return Drawn(TaskReport(result=report.result), section)


def _with_note(evidence: Evidence, note: str) -> Evidence:
    if not note:
        return evidence
    document = evidence.document
    return replace(evidence, document=document.model_copy(update={"notes": [note, *document.notes]}))
