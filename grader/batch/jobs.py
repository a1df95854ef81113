"""Runs independent jobs in worker processes; a worker that dies costs its own job a reason and nothing else."""

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any, Generic, TypeVar

from grader.sandbox.reaper import reaper

Result = TypeVar("Result")
Outcome = tuple[int, Result | None, str | None]  # number of the job, its result, why there is none
FORKS = "forkserver" in multiprocessing.get_all_start_methods()
CLEANING_S = 20.0  # for a job to clean up after its main process has gone
_IDLE = threading.Event()  # in a worker: no job runs
_IDLE.set()
_STOPPED = threading.Event()  # in a worker: it was interrupted
DIED_TWICE = "The process that graded this file died twice; the other files are not affected."


@dataclass(frozen=True)
class Job(Generic[Result]):
    """``function(argument)``, both picklable; ``number`` tells the jobs apart."""

    number: int
    function: Callable[[Any], Result]
    argument: Any


def run_jobs(jobs: Sequence[Job[Result]], *, workers: int = 0) -> Iterator[Outcome[Result]]:
    """Yield ``(number, result, None)`` or ``(number, None, why)`` for every job, in the order in which they end.

    ``workers``: so many processes; 0 for none but this one. When a worker dies, the jobs that it took along are run
    again, one at a time, so that only the one to blame fails. After a ``KeyboardInterrupt`` running jobs are
    interrupted as well, and clean up.
    """
    if workers <= 0:
        for job in jobs:
            outcome = _here(job)
            yield outcome
        return
    broken: list[Job[Result]] = []
    yield from _over(workers, jobs, broken)
    for job in broken:
        lost: list[Job[Result]] = []
        yield from _over(1, [job], lost)
        for again in lost:
            yield again.number, None, DIED_TWICE


def _pool(workers: int) -> Executor:
    """Workers are forked from a small server that has imported what they share; a fork of this process would copy its
    threads and locks. To be called, and used first, in :func:`_away`."""
    context = multiprocessing.get_context("forkserver" if FORKS else "spawn")
    if FORKS:
        context.set_forkserver_preload(["grader.pipeline"])  # by name: that stage imports this one
        _note_socket()
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)


@lru_cache(maxsize=1)
def _note_socket() -> None:
    """Have the folder of the server's socket deleted if this process is killed; else multiprocessing does so itself."""
    atexit.register(reaper().done, reaper().note(folder=Path(get_temp_dir())))


def _here(job: Job[Result]) -> Outcome[Result]:
    try:
        return job.number, job.function(job.argument), None
    except Exception as problem:  # noqa: BLE001  a fault of the grader itself costs this job a reason, never the run
        return job.number, None, _why(problem)


@contextmanager
def _away() -> Iterator[None]:
    """In a folder where nobody else can put files: Python's helper processes are started with ``python -c``, which
    looks for modules in the current folder first, and that may be a submission."""
    here = Path.cwd()
    os.chdir(Path(sys.executable).anchor)
    try:
        yield
    finally:
        os.chdir(here)


def _submitted(
    executor: Executor, jobs: Sequence[Job[Result]], broken: list[Job[Result]]
) -> dict[Future[Result], Job[Result]]:
    futures: dict[Future[Result], Job[Result]] = {}
    for job in jobs:
        try:
            futures[executor.submit(_in_worker, job)] = job
        except BrokenProcessPool:
            broken.append(job)
    return futures


def _over(workers: int, jobs: Sequence[Job[Result]], broken: list[Job[Result]]) -> Iterator[Outcome[Result]]:
    with _away():
        executor = _pool(min(workers, len(jobs) or 1))
        futures = _submitted(executor, jobs, broken)
    try:
        for future in as_completed(futures):
            job = futures[future]
            try:
                yield job.number, future.result(), None
            except BrokenProcessPool:
                broken.append(job)
            except Exception as problem:  # noqa: BLE001  as in _here
                yield job.number, None, _why(problem)
    except (KeyboardInterrupt, GeneratorExit):
        _interrupt_workers()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _why(problem: Exception) -> str:
    return f"The grader failed on this file ({type(problem).__name__}: {problem})."


def _start_worker() -> None:
    """A worker leaves Ctrl-C to the main process, which passes it on once, and does not outlive that process."""
    signal.signal(signal.SIGINT, _stop)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    deadline = time.monotonic() + CLEANING_S
    if not _IDLE.is_set():
        os.kill(os.getpid(), signal.SIGINT)
    _IDLE.wait(deadline - time.monotonic())
    os._exit(1)


def _stop(*_: object) -> None:
    """An interrupt between two jobs."""
    _STOPPED.set()


def _go_on() -> None:
    if _STOPPED.is_set():
        raise KeyboardInterrupt


def _in_worker(job: Job[Result]) -> Result:
    """Run a job in a worker, where an interrupt ends it and all later ones: a pool hands out jobs before their turn."""
    _IDLE.clear()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _go_on()
        return job.function(job.argument)
    except KeyboardInterrupt:
        _STOPPED.set()
        raise
    finally:
        signal.signal(signal.SIGINT, _stop)
        _IDLE.set()


def _interrupt_workers() -> None:
    for child in multiprocessing.active_children():
        if os.name == "nt" or child.pid is None:
            child.terminate()
            continue
        try:
            os.kill(child.pid, signal.SIGINT)
        except ProcessLookupError:
            continue
