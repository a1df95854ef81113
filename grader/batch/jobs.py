"""Runs independent jobs in worker processes; a worker that dies costs its own job a reason and nothing else."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Job(Generic[Result]):
    """``function(argument)``, both picklable; ``number`` tells the jobs apart."""

    number: int
    function: Callable[[Any], Result]
    argument: Any


def run_jobs(jobs: Sequence[Job[Result]], *, workers: int = 1) -> Iterator[tuple[int, Result | None, str | None]]:
    """Yield ``(number, result, None)`` or ``(number, None, why)`` for every job, in the order in which they end.

    When a worker process dies, the jobs that it took along are run again, one at a time, so that only the one to blame fails.
    """
    if workers <= 1 or len(jobs) <= 1:
        with ThreadPoolExecutor(max_workers=1) as executor:
            yield from _over(executor, jobs, [])
        return
    context = multiprocessing.get_context("spawn")
    broken: list[Job[Result]] = []
    with ProcessPoolExecutor(max_workers=min(workers, len(jobs)), mp_context=context) as executor:
        yield from _over(executor, jobs, broken)
    for job in broken:
        lost: list[Job[Result]] = []
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
            yield from _over(executor, [job], lost)
        for again in lost:
            yield again.number, None, "The process that graded this file died twice; the other files are not affected."


def _over(
    executor: Executor, jobs: Sequence[Job[Result]], broken: list[Job[Result]]
) -> Iterator[tuple[int, Result | None, str | None]]:
    futures: dict[Future[Result], Job[Result]] = {}
    for job in jobs:
        try:
            futures[executor.submit(job.function, job.argument)] = job
        except BrokenProcessPool:
            broken.append(job)
    try:
        for future in as_completed(futures):
            job = futures[future]
            try:
                yield job.number, future.result(), None
            except BrokenProcessPool:
                broken.append(job)
            except Exception as problem:  # a fault of the grader itself costs this job a reason, never the run
                yield job.number, None, f"The grader failed on this file ({type(problem).__name__}: {problem})."
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
