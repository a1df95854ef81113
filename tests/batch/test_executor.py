"""Jobs over an executor from outside: nothing is asked of it but what ``concurrent.futures`` promises."""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from grader.batch import Job, run_jobs


def double(number: int) -> int:
    """A job that fails for 3."""
    if number == 3:
        raise ValueError("three")
    return 2 * number


class Broken(Executor):
    """One whose workers die."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_exception(BrokenProcessPool("died"))
        return future


def test_an_executor_from_outside_does_the_work() -> None:
    """Every job has a result or a reason."""
    jobs = [Job(number, double, number) for number in range(5)]
    with ThreadPoolExecutor(2) as executor:
        found = {number: (result, why) for number, result, why in run_jobs(jobs, workers=executor)}
    assert {number: result for number, (result, _) in found.items()} == {0: 0, 1: 2, 2: 4, 3: None, 4: 8}
    assert "ValueError" in str(found[3][1])


def test_a_worker_that_dies_outside_costs_its_job_a_reason() -> None:
    """It is not run again: nobody here knows what that would cost there."""
    ((number, result, why),) = run_jobs([Job(7, double, 1)], workers=Broken())
    assert (number, result) == (7, None)
    assert "died" in str(why)


def test_who_wants_to_know_is_told_what_starts() -> None:
    """In this process, in order."""
    begun: list[int] = []
    list(run_jobs([Job(number, double, number) for number in (2, 1)], started=begun.append))
    assert begun == [2, 1]
