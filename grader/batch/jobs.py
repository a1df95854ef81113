"""Runs independent jobs over an executor; a worker that dies costs its own job a reason and nothing else."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import ExitStack
from typing import Any, TypeVar

from grader.batch import worker
from grader.batch.job import Job, Outcome
from grader.batch.pool import Started, away, interrupt_workers, pool

Result = TypeVar("Result")
Running = dict[Future[Result], Job[Result]]
DIED = "The process that graded this file died; the other files are not affected."
DIED_TWICE = "The process that graded this file died twice; the other files are not affected."


def run_jobs(
    jobs: Sequence[Job[Result]],
    *,
    workers: int | Executor = 0,
    started: Started | None = None,
) -> Generator[Outcome[Result], None, None]:
    """Yield ``(number, result, None)`` or ``(number, None, why)`` for every job, in the order in which they end.

    ``workers``: so many processes; 0 for none but this one. When a worker dies, the jobs that it took along are run
    again, one at a time, so that only the one to blame fails. After a ``KeyboardInterrupt`` running jobs are
    interrupted as well, and clean up. ``started`` is told the number of each job that starts.

    An executor from outside may stand in place of a number of processes. Nothing is asked of it but what
    ``concurrent.futures`` promises, so ``started`` is told nothing, and a job whose worker died there has failed.
    """
    if isinstance(workers, Executor):
        yield from _outside(workers, jobs)
    elif workers <= 0:
        for job in jobs:
            outcome = _here(job, started)
            yield outcome
    else:
        yield from _locally(workers, jobs, started)


def _here(job: Job[Result], started: Started | None) -> Outcome[Result]:
    if started is not None:
        started(job.number)
    try:
        return job.number, job(), None
    except Exception as problem:  # noqa: BLE001  a fault of the grader itself costs this job a reason, never the run
        return job.number, None, _why(problem)


def _outside(executor: Executor, jobs: Sequence[Job[Result]]) -> Iterator[Outcome[Result]]:
    lost: list[Job[Result]] = []
    yield from _in_order_of_ending(_submitted(executor, jobs, Job.__call__, lost), lost)
    yield from ((job.number, None, DIED) for job in lost)


def _locally(workers: int, jobs: Sequence[Job[Result]], started: Started | None) -> Iterator[Outcome[Result]]:
    broken: list[Job[Result]] = []
    yield from _over(min(workers, len(jobs) or 1), jobs, started, broken)
    for job in broken:
        lost: list[Job[Result]] = []
        yield from _over(1, [job], started, lost)
        for again in lost:
            yield again.number, None, DIED_TWICE


def _over(
    workers: int, jobs: Sequence[Job[Result]], started: Started | None, broken: list[Job[Result]]
) -> Iterator[Outcome[Result]]:
    with ExitStack() as stack:
        with away():
            executor = stack.enter_context(pool(workers, started))
            futures = _submitted(executor, jobs, worker.run, broken)
        try:
            yield from _in_order_of_ending(futures, broken)
        except (KeyboardInterrupt, GeneratorExit):
            interrupt_workers()
            raise


def _submitted(
    executor: Executor,
    jobs: Sequence[Job[Result]],
    run: Callable[[Job[Result]], Any],
    broken: list[Job[Result]],
) -> Running[Result]:
    futures: Running[Result] = {}
    for job in jobs:
        try:
            futures[executor.submit(run, job)] = job
        except BrokenExecutor:
            broken.append(job)
    return futures


def _in_order_of_ending(futures: Running[Result], broken: list[Job[Result]]) -> Iterator[Outcome[Result]]:
    """The outcomes; jobs whose process died are put into ``broken`` instead. What was handed out is not kept here, and
    however it ends, nothing waits any more."""
    try:
        for future in as_completed(futures):
            job = futures.pop(future)
            try:
                yield job.number, future.result(), None
            except BrokenExecutor:
                broken.append(job)
            except Exception as problem:  # noqa: BLE001  as in _here
                yield job.number, None, _why(problem)
    finally:
        for future in futures:
            future.cancel()


def _why(problem: Exception) -> str:
    return f"The grader failed on this file ({type(problem).__name__}: {problem})."
