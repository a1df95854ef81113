"""Runs one file of a submission in a sandbox: layout, cells, the probe's steps, evidence."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import EnvironmentProblem, EvidenceError, SandboxUnavailable
from grader.evidence import reader
from grader.evidence.bundle import Array, Evidence
from grader.evidence.model import CellRecord, Claims, EvidenceDocument, HeldOutClaims, HostFacts
from grader.execute import allocator, heldout
from grader.execute import layout as layouts
from grader.execute.discretion import PREDICTING
from grader.execute.outcome import Outcome
from grader.execute.scrub import scrub
from grader.execute.sparing import FULL, Sparing
from grader.execute.text import plain
from grader.intake.submission import Cell, TaskFile
from grader.limits import MAX_MESSAGE, MIB, THREAD_COUNTS, RunLimits
from grader.sandbox.protocol import JobLayout, JobSpec, RunFacts, RunningJob, Sandbox
from grader.tasks.model import World
from grader.types import CellStatus, Exit

if TYPE_CHECKING:
    from grader.execute.kernel import Kernel

CALL = '__import__("grader_probe").{}()'
START_S = 240.0
SPARE = 4 * MIB  # free room on the job's disk below which its files may be incomplete
EMPTY_REPLY = Outcome(CellStatus.NOT_RUN)


@dataclass
class Session:
    """All that accumulates during one run."""

    file: TaskFile
    world: World
    layout: JobLayout
    limits: RunLimits
    sparing: Sparing = FULL
    cells: list[CellRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    claims: Claims | None = None
    heldout: HeldOutClaims | None = None
    arrays: dict[str, Array] = field(default_factory=dict)
    ended: RunFacts | None = None  # why the run was ended by this stage
    dead: bool = False
    output_bytes: int = 0
    begun: float = 0.0  # on the monotonic clock
    warm: bool = False
    start_s: float = 0.0


def run(  # noqa: PLR0913  all but two by name
    file: TaskFile,
    student: str,
    *,
    world: World,
    sandbox: Sandbox,
    limits: RunLimits = RunLimits(),  # noqa: B008  frozen
    device: str = "cpu",
    seed: int = 0,
    hides: Sequence[Path] = (),
    sparing: Sparing = FULL,
) -> Evidence:
    """Run ``file`` in ``sandbox`` and return the evidence; what the student's code does is never an exception.

    ``limits.wall_s`` bounds the student's cells together; the probe's steps after them have ``finish_s`` each.
    ``hides``: folders of the host that the code must not see even if they lie below one that it sees. ``sparing``: what
    may be left out. Raises
    ``SandboxUnavailable`` if the sandbox cannot be set up, ``EnvironmentProblem`` if the job's folders cannot be made,
    or if their disk was full at the end, so that it cannot be told what the code would have written.
    """
    layout = layouts.make()
    session = Session(file, world, layout, limits, sparing)
    try:
        job_facts = _run_in(session, sandbox, device=device, seed=seed, hides=hides)
        _require_room(layout)
    finally:
        layouts.remove(layout)
    facts = _host_facts(session, job_facts, sandbox.name, device=device, seed=seed)
    document = EvidenceDocument(
        student=student[:200],
        task=file.task,
        file=file.path.name[:200],
        digest=file.digest[:200],
        host=facts,
        cells=session.cells,
        claims=session.claims,
        heldout=session.heldout,
        problems=[p[:2000] for p in session.problems][:32],
        notes=[n[:2000] for n in [*file.notes, *world.notes, *session.notes]][:32],
    )
    return Evidence(document, session.arrays)


def _require_room(layout: JobLayout) -> None:
    if shutil.disk_usage(layout.base).free < SPARE:
        raise EnvironmentProblem(
            f"The disk of {layout.base.parent} was full when the run ended, so it cannot be marked. Make room there, or"
            " set TMPDIR to another folder, and run it again."
        )


def _host_facts(session: Session, job: RunFacts, isolation: str, *, device: str, seed: int) -> HostFacts:
    world = session.world
    return HostFacts(
        isolation=isolation,
        exit=job.exit,
        sentence=job.sentence[:2000],
        exit_code=job.exit_code,
        signal=job.signal,
        wall_s=job.wall_s,
        cpu_s=job.cpu_s,
        peak_memory_bytes=job.peak_memory_bytes,
        memory_bound_by=job.memory_bound_by,
        output_bytes=session.output_bytes,
        started="warm" if session.warm else "cold",
        start_s=round(session.start_s, 3),
        device=device,
        world=world.digest[:200],
        data_origin=world.origin[:2000],
        stand_in=world.stand_in,
        seed=seed,
    )


def _run_in(session: Session, sandbox: Sandbox, *, device: str, seed: int, hides: Sequence[Path]) -> RunFacts:
    file, layout = session.file, session.layout
    session.notes += layouts.copy_submission(file, layout) + layouts.shadowing(file)
    session.notes += scrub(layout.work, session.world)
    layouts.copy_world(session.world.training_dir, layout.world)
    probe = layouts.copy_probe(layout)
    settings = layouts.write_settings(file, layout, sandbox, device=device, seed=seed, sparing=session.sparing)
    connection, outside = layouts.write_connection(layout, sandbox)
    seen = [str(sandbox.inside(layout, path)) for path in (probe / "launch.py", connection, settings)]
    limits = session.limits
    spec = JobSpec(
        layout=layout,
        argv=[sys.executable, *seen],
        cwd=layouts.working_folder(file, layout),
        env=environment(device),
        read_only=[probe],
        masks=session.world.masks,
        hides=[*hides, layout.base.parent],
        limits=replace(limits, wall_s=limits.wall_s + 3 * limits.finish_s + START_S),
        device=device,
    )
    session.begun = time.monotonic()
    job = sandbox.start(spec)
    session.warm = job.warm
    try:
        asyncio.run(_drive(session, job, outside))
        return _facts(session, job)
    finally:
        job.stop()


def environment(device: str) -> dict[str, str]:
    """Variables for a kernel: one thread, no display, reproducible, memory that is kept, nothing from the network."""
    bin_folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([bin_folder, "/usr/bin", "/bin"] if os.name == "posix" else [bin_folder, os.environ["PATH"]])
    env = {
        **dict.fromkeys(THREAD_COUNTS, "1"),
        **allocator.variables(),
        "PATH": path,
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "PIP_NO_INDEX": "1",
        "PIP_NO_INPUT": "1",
        "PIP_RETRIES": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "CONDA_OFFLINE": "true",
    }
    if not device.startswith("cuda"):
        env["CUDA_VISIBLE_DEVICES"] = ""
    if "OPENBLAS_CORETYPE" in os.environ:  # a processor that the library's own choice does not suit
        env["OPENBLAS_CORETYPE"] = os.environ["OPENBLAS_CORETYPE"]
    return env


async def _drive(session: Session, job: RunningJob, connection: dict[str, object]) -> None:
    from grader.execute.kernel import Kernel

    kernel = Kernel(job, connection, output_bytes=session.limits.output_bytes)
    try:
        if not await kernel.ready():
            session.dead = True
            said = " ".join(plain(job.last_words()).split())[-600:]
            session.problems.append(f"The kernel did not start, so no cell was run. {said}".strip())
            session.ended = RunFacts(Exit.NOT_STARTED, "The Python kernel did not start.")
            session.cells = [_record(cell, EMPTY_REPLY) for cell in session.file.cells]
            return
        session.start_s = time.monotonic() - session.begun
        await _cells(session, kernel)
        session.output_bytes = kernel.meter.total
        if not session.dead:
            await _step(session, kernel, "collect", "collect what the training did")
        _read_claims(session)
        if not session.dead and session.claims is not None:
            await _predict(session, kernel)
    finally:
        session.output_bytes = kernel.meter.total
        kernel.close()


async def _cells(session: Session, kernel: "Kernel") -> None:
    """Run the student's cells, and ``train()`` of a module, until the kernel dies or the time is over."""
    deadline = time.monotonic() + session.limits.wall_s
    for cell in session.file.cells:
        left = deadline - time.monotonic()
        if session.ended is not None or session.dead:
            session.cells.append(_record(cell, EMPTY_REPLY))
            continue
        outcome = await kernel.cell(cell.source, seconds=min(session.limits.cell_s, left))
        session.cells.append(_record(cell, outcome))
        _judge(session, kernel, outcome, over=time.monotonic() >= deadline)
    if session.file.kind == "module" and session.ended is None and not session.dead:
        left = max(0.0, deadline - time.monotonic())
        outcome = await kernel.silent(CALL.format("call_train"), seconds=min(session.limits.cell_s, left))
        _judge(session, kernel, outcome, over=time.monotonic() >= deadline)
        if outcome.status is not CellStatus.OK and session.cells:
            worse = {"status": outcome.status, "error": outcome.error}
            session.cells[-1] = session.cells[-1].model_copy(update=worse)


def _judge(session: Session, kernel: "Kernel", outcome: Outcome, *, over: bool) -> None:
    """Note why the run cannot go on after this outcome, if it cannot."""
    session.dead = session.dead or outcome.dead
    if kernel.meter.full.is_set():
        session.ended = RunFacts(Exit.OUTPUT, f"The run was ended because it printed more than {_too_much(kernel)}.")
    elif outcome.status is CellStatus.TIMEOUT and (over or outcome.dead):
        which = session.limits.wall_s if over else session.limits.cell_s
        what = "all cells together" if over else "a single cell"
        session.ended = RunFacts(Exit.WALL_TIME, f"The run was ended because {what} took longer than {which:.0f} s.")


def _too_much(kernel: "Kernel") -> str:
    if kernel.meter.at_once:
        return f"{MAX_MESSAGE // MIB} MiB at once"
    return f"{kernel.meter.limit // MIB} MiB"


async def _step(session: Session, kernel: "Kernel", call: str, purpose: str) -> bool:
    """One of the probe's steps; False and a problem if it failed."""
    kernel.meter.restart()
    outcome = await kernel.silent(CALL.format(call), seconds=session.limits.finish_s)
    session.dead = session.dead or outcome.dead
    if outcome.status is CellStatus.OK:
        return True
    if outcome.status is CellStatus.TIMEOUT:
        reason = f"it took longer than {session.limits.finish_s:.0f} s"
    else:
        reason = f"{outcome.error.name}: {outcome.error.message[:300]}" if outcome.error else "no answer"
    session.problems.append(f"The probe could not {purpose}: {reason}.")
    return False


def _read_claims(session: Session) -> None:
    try:
        session.claims, arrays = reader.read_claims(session.layout.out)
    except EvidenceError as problem:
        session.problems.append(str(problem))
        return
    if session.claims.task is not session.file.task:
        session.claims = None
        session.problems.append("The evidence names another task than the one that was run, so it was refused.")
        return
    session.arrays.update(arrays)


async def _predict(session: Session, kernel: "Kernel") -> None:
    """Show the held-out world to the kernel and read what it predicts."""
    try:
        heldout.lay_out(session.world, session.layout, planned=_plan(session))
    except OSError as problem:
        session.problems.append(f"The held-out data could not be written for the run: {problem}.")
        return
    if not await _step(session, kernel, "predict", PREDICTING):
        return
    try:
        session.heldout, arrays = reader.read_heldout(session.layout.out)
    except EvidenceError as problem:
        session.problems.append(str(problem))
        return
    session.arrays.update(arrays)


def _plan(session: Session) -> Mapping[str, Array]:
    evidence = Evidence(_draft(session), session.arrays)
    return heldout.plan(session.world, evidence, session.problems)


def _draft(session: Session) -> EvidenceDocument:
    facts = HostFacts(isolation="", exit=Exit.FINISHED)
    return EvidenceDocument(
        student="", task=session.file.task, file="", digest="", host=facts, cells=session.cells, claims=session.claims
    )


def _facts(session: Session, job: RunningJob) -> RunFacts:
    """The job's own facts, with this stage's reason for ending it where there is one."""
    died = session.dead and not job.alive() and job.limit_hit() is None
    facts = job.stop()
    if facts.exit is Exit.NOT_STARTED:
        raise SandboxUnavailable(facts.sentence)
    if session.ended is not None and facts.exit in (Exit.FINISHED, Exit.CRASHED):
        return replace(facts, exit=session.ended.exit, sentence=session.ended.sentence)
    if died and facts.exit is Exit.FINISHED:
        return replace(facts, exit=Exit.CRASHED, sentence="The program ended its own Python process before the end.")
    return facts


def _record(cell: Cell, outcome: Outcome) -> CellRecord:
    lines = [line.strip() for line in cell.source.splitlines()]
    return CellRecord(
        index=cell.index,
        status=outcome.status,
        error=outcome.error,
        wall_s=outcome.wall_s,
        lines=sum(1 for line in lines if line and not line.startswith("#")),
        has_output=outcome.has_output,
        may_fail=cell.may_fail,
    )
