"""Jobs end in any order; a failing or dying one costs itself a reason and nothing else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # spawned workers inherit the search path

from job_functions import die_on_two, double, fail_on_two, interrupt_on_two, threads_of

from grader.batch import Job, run_jobs


def outcomes(function, workers, count=4):
    jobs = [Job(number, function, number) for number in range(count)]
    return {number: (result, why) for number, result, why in run_jobs(jobs, workers=workers)}


@pytest.mark.parametrize("workers", [0, 2])
def test_all_results(workers):
    assert outcomes(double, workers) == {n: (2 * n, None) for n in range(4)}


@pytest.mark.parametrize("workers", [0, 2])
def test_an_exception_is_a_reason(workers):
    """A fault of the grader on one file is told for that file, and the others are marked."""
    found = outcomes(fail_on_two, workers)
    assert {n: result for n, (result, _) in found.items()} == {0: 0, 1: 1, 2: None, 3: 3}
    assert "ValueError: two" in found[2][1]


def test_a_dying_worker_loses_nothing_else():
    """Jobs that a dead worker took along are run again, and only the one to blame fails."""
    found = outcomes(die_on_two, 2)
    assert {n: result for n, (result, _) in found.items()} == {0: 0, 1: 1, 2: None, 3: 3}
    assert "died twice" in found[2][1]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_interrupt_keeps_what_is_done(workers):
    """What was finished before the interrupt has been handed out."""
    done = []
    ran = run_jobs([Job(n, interrupt_on_two, n) for n in range(4)], workers=workers)
    with pytest.raises(KeyboardInterrupt):
        done.extend((number, result) for number, result, _ in ran)
    assert done == [(0, 0), (1, 1)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_the_jobs_that_wait_in_the_workers_too(tmp_path):
    """A pool hands out more jobs than it runs at once; after Ctrl-C none of them is begun."""
    program = Path(__file__).with_name("interrupted_batch.py")
    batch = subprocess.Popen([sys.executable, str(program), str(tmp_path)], start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(batch.pid, signal.SIGINT)
    assert batch.wait(timeout=60) == 130
    assert len(list(tmp_path.iterdir())) == 2


def test_no_jobs():
    assert outcomes(double, 2, count=0) == {}


def test_workers_take_one_thread_each(monkeypatch):
    """For sums and products; the variables of this process stay as they were."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert outcomes(threads_of, 2, count=2) == {0: ([1], None), 1: ([1], None)}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ
