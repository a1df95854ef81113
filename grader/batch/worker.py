"""What happens in a worker process: one job after the other, each announced, interrupted cleanly, and tidied up."""

import multiprocessing
import os
import signal
import threading
import time
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import TypeVar

from grader.batch.job import Job
from grader.batch.memory import Memory

Result = TypeVar("Result")
CLEANING_S = 20.0  # for a job to clean up after its main process has gone
_IDLE = threading.Event()  # no job runs
_IDLE.set()
_STOPPED = threading.Event()  # this process was interrupted
_LINES: list["Connection[bytes, bytes]"] = []  # to the main process, where it wants to be told what has started


def start(line: "Connection[bytes, bytes] | None") -> None:
    """A worker leaves Ctrl-C to the main process, which passes it on once, and does not outlive that process.

    ``line``: where to say which job has started.
    """
    signal.signal(signal.SIGINT, _stop)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    if line is not None:
        _LINES.append(line)
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


def run(job: Job[Result]) -> Result:
    """Run a job in a worker, where an interrupt ends it and all later ones: a pool hands out jobs before their turn."""
    _IDLE.clear()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _go_on()
        _announce(job.number)
        return job.function(job.argument)
    except KeyboardInterrupt:
        _STOPPED.set()
        raise
    finally:
        signal.signal(signal.SIGINT, _stop)
        _memory().give_back()
        _IDLE.set()


def _announce(number: int) -> None:
    """Say that a job has started. Short messages of several writers do not mix, so no lock is needed, which a worker
    that dies would leave locked."""
    for line in _LINES:
        try:
            line.send_bytes(b"%d" % number)
        except OSError:  # nobody listens any more
            continue


@lru_cache(maxsize=1)
def _memory() -> Memory:
    return Memory()
