"""A grader that dies of SIGKILL in the middle of a job takes everything of the job with it."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from grader.sandbox import cgroups
from grader.sandbox.bubblewrap import Bubblewrap

PROGRAM = Path(__file__).with_name("killed_grader.py")
PATIENCE_S = 30.0


def with_mark(mark: str) -> list[psutil.Process]:
    """Processes whose command line holds the mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if mark in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def becomes_true(condition: Callable[[], bool]) -> bool:
    """Whether the condition holds within the patience."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["bubblewrap", "warm", "process"])
def test_nothing_survives_a_killed_grader(backend: str) -> None:
    """No process, also of other sessions and with an empty environment; no folder; no control group."""
    if backend != "process" and (reason := Bubblewrap().available()) is not None:
        pytest.skip(reason)
    found = cgroups.hierarchy()
    mark = f"killed-{uuid.uuid4().hex}"
    grader = subprocess.Popen([sys.executable, str(PROGRAM), backend, mark], stdout=subprocess.PIPE, text=True)
    assert grader.stdout is not None
    with grader.stdout as stream:
        folder = Path(stream.readline().strip())
    servers = [p for p in psutil.Process(grader.pid).children() if "fork_program.py" in " ".join(p.cmdline())]
    assert len(servers) == (backend == "warm")
    assert len(with_mark(mark)) >= (
        3 if backend == "warm" else 4
    )  # three sleepers and the program (and bubblewrap's own processes)
    assert folder.is_dir()
    os.kill(grader.pid, signal.SIGKILL)
    grader.wait()
    left = f"{cgroups.PREFIX}{grader.pid}-*"
    if backend != "process" or found is not None:
        assert becomes_true(lambda: not with_mark(mark))
    else:  # a process that emptied its environment and left its session is not found without control groups
        assert becomes_true(lambda: len(with_mark(mark)) <= 1)
        for process in with_mark(mark):
            process.kill()
    assert becomes_true(lambda: not folder.exists())
    assert becomes_true(lambda: not any(server.is_running() for server in servers))
    if found is not None:
        assert becomes_true(lambda: not any(list(parent.glob(left)) for parent in found.parents))
