"""The grader's side of the fork server: one process that has imported the heavy packages, forked for each job.

The address of a server is the path of its socket, a plain text that any worker of this grader can be given.
"""

import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from grader.sandbox.cgroups import Group
from grader.sandbox.reaper import reaper
from grader.sandbox.removal import remove_tree

PROGRAM = Path(__file__).with_name("fork_program.py")
MODULES = (  # what notebooks of the course import, and what a kernel needs
    *("torch", "torch._dynamo", "torch.utils.data", "torchvision", "torchvision.transforms.v2", "torchvision.models"),
    *("numpy", "pandas", "matplotlib.pyplot", "matplotlib_inline.backend_inline", "seaborn", "skimage.draw"),
    *("ipykernel.kernelapp", "ipykernel.zmqshell", "IPython.core.completer", "IPython.core.magics", "jedi"),
    *("pkg_resources", "sklearn.model_selection", "sklearn.preprocessing", "tqdm.auto"),
)
START_S = 240.0  # a cold disk and a busy machine
ANSWER_S = 60.0
GO = b"!"  # to the new process, once it is in its control group
MAX_FOLDER = 90  # bytes of the path of the folder for temporary files
POSSIBLE = sys.platform == "linux" and hasattr(os, "pidfd_open")


class ForkFailed(Exception):
    """No process could be forked into the sandbox; the text says why. A job is then started cold."""


@dataclass(frozen=True)
class Request:
    """A Python program to be run in a sandbox. ``argv``: the script as it is called inside, and its arguments;
    ``limits``: names of resource limits and their values; ``filter``: of system calls, empty for none."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    limits: Mapping[str, int] | None = None
    filter: bytes = b""

    def document(self, process: int) -> bytes:
        """As JSON for the server; ``process``: the first one of the sandbox."""
        return json.dumps(
            {
                "process": process,
                "argv": list(self.argv),
                "cwd": self.cwd,
                "env": dict(self.env),
                "limits": dict(self.limits or {}),
                "filter": self.filter.hex(),
            }
        ).encode()


@contextmanager
def fork_server(environment: Mapping[str, str], modules: Sequence[str] = MODULES) -> Iterator[str | None]:
    """A server for as long as the context lasts: its address, or None where there can be none.

    ``environment``: all variables of the server and, until a job sets its own, of what is imported in it.
    """
    if not POSSIBLE:
        yield None
        return
    home = Path(tempfile.mkdtemp(prefix="gf", dir=_short()))
    noted = reaper().note(folder=home)
    process: subprocess.Popen[bytes] | None = None
    try:
        address = home / "s"
        process = _started(address, home, environment, modules)
        yield str(address) if process is not None else None
    finally:
        if process is not None:
            _end(process)
        remove_tree(home)
        reaper().done(noted)


def _short() -> str | None:
    """Where to put a socket, whose whole path may have 107 bytes."""
    return None if len(os.fsencode(tempfile.gettempdir())) <= MAX_FOLDER else "/tmp"


def _started(
    address: Path, home: Path, environment: Mapping[str, str], modules: Sequence[str]
) -> "subprocess.Popen[bytes] | None":
    own = {**environment, "HOME": str(home), "TMPDIR": str(home), "MPLCONFIGDIR": str(home)}
    try:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(address), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=own,
            cwd=home,
            start_new_session=True,
        )
    except OSError:
        return None
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_S)
    if ready and process.stdout.readline() == b"ready\n":
        return process
    _end(process)
    return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let it end by closing its stdin, or kill it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Place:
    """Where to fork to: the id of a sandbox's first process; a descriptor that is told, as a line, the exit code (128
    and the signal's number for a signal); one that becomes stdout and stderr; the job's control group."""

    sandbox: int
    ending: int
    output: int
    group: Group | None = None


def fork(address: str, request: Request, place: Place) -> psutil.Process:
    """Fork the server into a sandbox; the new process of it. Raises ``ForkFailed``."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(address)
            _ask(connection, request, place)
            with connection.makefile("rb") as stream:
                answer = json.loads(stream.readline(65_536) or b"{}")
            if "pid" not in answer:
                raise ForkFailed(str(answer.get("error", "the fork server gave no answer")))
            process = psutil.Process(int(answer["pid"]))
            if place.group is not None:
                place.group.add(process.pid)
            connection.sendall(GO)
            return process
    except (OSError, ValueError, psutil.Error) as problem:
        raise ForkFailed(f"{type(problem).__name__}: {problem}") from problem


def _ask(connection: socket.socket, request: Request, place: Place) -> None:
    descriptor = os.pidfd_open(place.sandbox)
    try:
        content = request.document(place.sandbox)
        passed = [descriptor, place.ending, place.output]
        socket.send_fds(connection, [struct.pack("<I", len(content))], passed)
        connection.sendall(content)
    finally:
        os.close(descriptor)
