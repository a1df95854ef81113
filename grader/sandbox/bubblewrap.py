"""The isolating backend for Linux: namespaces, no network, a file system of the job's own, by bubblewrap."""

import json
import os
import shutil
import subprocess
import threading
import uuid
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

import psutil

from grader.errors import SandboxUnavailable
from grader.sandbox import cgroups
from grader.sandbox.job import MARK, Control, SupervisedJob, wait_gone
from grader.sandbox.policy import (
    IDENTITY,
    ISOLATING,
    OPTIONAL,
    Interpreter,
    bubblewrap_argv,
    identity_folder,
    inside,
    without,
)
from grader.sandbox.protocol import JobLayout, JobSpec, RunFacts
from grader.sandbox.reaper import reaper
from grader.sandbox.seccomp import program
from grader.types import Exit

UBUNTU_SWITCH = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
USERNS_SWITCH = Path("/proc/sys/kernel/unprivileged_userns_clone")
INSTALL = "Install it with `apt-get install bubblewrap` (or your distribution's like)"
SETUP_S = 15.0
OUTER_S = 5.0


class Bubblewrap:
    """Runs jobs in bubblewrap; implements :class:`grader.sandbox.protocol.Sandbox`."""

    name = "bubblewrap"

    def __init__(self, program: str = "bwrap", interpreter: Interpreter | None = None) -> None:
        self._program = program
        self._interpreter = interpreter or Interpreter.current()

    def available(self) -> str | None:
        """None if a trial run works here, else why not and what mends it."""
        path = shutil.which(self._program)
        if path is None:
            return f"bubblewrap is not installed. {INSTALL}, or use --isolation process on your own files."
        return _trial(path)

    def inside(self, layout: JobLayout, path: Path) -> PurePosixPath:
        """``/job/...`` or ``/probe/...``; other paths keep their name."""
        return inside(layout, path)

    def start(self, spec: JobSpec) -> "BubblewrapJob":
        """Start the job. Raises ``SandboxUnavailable`` if bubblewrap itself cannot be run."""
        path = shutil.which(self._program)
        if path is None:
            raise SandboxUnavailable(f"bubblewrap is not installed. {INSTALL}.")
        _write_identity(spec.layout)
        argv = bubblewrap_argv(spec, self._interpreter, program=path, lacks=lacking(path))
        read_end, write_end = os.pipe()
        filter_end = _filter_pipe()
        passed = (write_end,) if filter_end is None else (write_end, filter_end)
        argv[1:1] = ["--json-status-fd", str(write_end)]
        argv[1:1] = [] if filter_end is None else ["--seccomp", str(filter_end)]
        group = cgroups.make(spec.limits)
        mark = (MARK, uuid.uuid4().hex)
        early = reaper().note(group=group, mark=mark)  # until the job's processes are known and noted with it
        argv = [*(group.enter() if group is not None else []), *argv]
        try:
            popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={"PATH": "/usr/bin:/bin", mark[0]: mark[1]},
                cwd="/",
                pass_fds=passed,
                start_new_session=True,
            )
        except OSError as problem:
            os.close(read_end)
            if group is not None:
                group.remove()
            reaper().done(early)
            raise SandboxUnavailable(f"bubblewrap could not be started: {problem}.") from problem
        finally:
            for descriptor in passed:
                os.close(descriptor)
        job = BubblewrapJob(popen, spec, status=Status(read_end), group=group)
        reaper().done(early)
        return job


def _filter_pipe() -> int | None:
    """A pipe to read the filter of system calls from; None where there is none for this processor."""
    content = program()
    if content is None:
        return None
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as stream:
        stream.write(content)  # far less than a pipe holds
    return read_end


def _write_identity(layout: JobLayout) -> None:
    folder = identity_folder(layout)
    try:
        folder.mkdir(exist_ok=True)
        for name, content in IDENTITY.items():
            (folder / name).write_text(content, encoding="ascii")
    except OSError as problem:
        raise SandboxUnavailable(f"The job's folder cannot be written: {problem}.") from problem


class Status(threading.Thread):
    """What bubblewrap says on its status pipe: the process id of the sandbox's init, and the command's exit code.

    No exit code is ever written for a sandbox that could not be set up.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(name="grader-bwrap-status", daemon=True)
        self._descriptor = descriptor
        self.init: psutil.Process | None = None
        self.exit_code: int | None = None
        self.known = threading.Event()
        self.start()

    def run(self) -> None:
        """The thread's work."""
        with os.fdopen(self._descriptor, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                self._take(line)
        self.known.set()

    def _take(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        if "child-pid" in said:
            try:
                self.init = psutil.Process(int(said["child-pid"]))
            except psutil.Error:
                self.init = None
            self.known.set()
        if "exit-code" in said:
            self.exit_code = int(said["exit-code"])


class BubblewrapJob(SupervisedJob):
    """A job in its own process namespace: when the namespace's init dies, the kernel ends all that is in it."""

    def __init__(
        self, popen: subprocess.Popen[bytes], spec: JobSpec, *, status: Status, group: cgroups.Group | None = None
    ) -> None:
        self._outer, self._status = popen, status
        self._command: psutil.Process | None = None
        status.known.wait(SETUP_S)
        super().__init__(popen, spec, Control(self._inner, self._find_command, self._kill_all, group))

    def stop(self) -> RunFacts:
        """End everything; a sandbox that was never set up is ``NOT_STARTED``, not a crash of the command."""
        facts = super().stop()
        if facts.exit is Exit.CRASHED and facts.exit_code is not None and self._status.exit_code is None:
            said = " ".join(self.tail.text().split())[:300]
            sentence = f"The sandbox could not be set up: {said or 'no reason given'}."
            return replace(facts, exit=Exit.NOT_STARTED, sentence=sentence)
        return facts

    def _inner(self) -> list[psutil.Process]:
        init = self._status.init
        if init is None:
            return []
        try:
            return [init, *init.children(recursive=True)]
        except psutil.Error:
            return []

    def _find_command(self) -> psutil.Process | None:
        """The first child of the namespace's init: orphans that end up beside it were started later."""
        if self._command is None and self._status.init is not None:
            try:
                children = sorted(self._status.init.children(), key=lambda p: (p.create_time(), p.pid))
            except psutil.Error:
                return None
            self._command = children[0] if children else None
        return self._command

    def _kill_all(self) -> None:
        """Kill the namespace's init, and with it all that is inside; the outer process then ends by itself."""
        if self._status.init is None:
            self._outer.kill()
            return
        left = self._inner()
        try:
            self._status.init.kill()  # psutil checks that the id was not given to another process meanwhile
        except psutil.Error:
            pass
        try:
            self._outer.wait(timeout=OUTER_S)
        except subprocess.TimeoutExpired:
            self._outer.kill()
        wait_gone(left, timeout=OUTER_S)


@lru_cache(maxsize=4)
def lacking(path: str) -> tuple[str, ...]:
    """Options of :data:`OPTIONAL` that this bubblewrap does not know."""
    done = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=30, check=False)
    words = (done.stdout + done.stderr).split()
    return tuple(option for option in OPTIONAL if option not in words)


@lru_cache(maxsize=4)
def _trial(path: str) -> str | None:
    """Run nothing in all the namespaces a job gets; the reason if that fails."""
    argv = [
        path,
        *without(ISOLATING, lacking(path)),
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--",
        "/bin/sh",
        "-c",
        ":",
    ]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"bubblewrap could not be started: {problem}."
    if done.returncode == 0:
        return None
    said = " ".join(done.stderr.split())[:200] or f"exit code {done.returncode}"
    return f"bubblewrap is installed but cannot make a sandbox here ({said}). {_advice()}"


def _advice() -> str:
    if _reads(UBUNTU_SWITCH, "1"):
        return (
            "This system restricts user namespaces through AppArmor (Ubuntu 23.10 and later): allow bwrap by a profile"
            " in /etc/apparmor.d (package apparmor-profiles has bwrap-userns-restrict), or set"
            " `sysctl kernel.apparmor_restrict_unprivileged_userns=0`."
        )
    if _reads(USERNS_SWITCH, "0"):
        return "Allow user namespaces with `sysctl kernel.unprivileged_userns_clone=1`."
    return "Inside a container, user namespaces must be allowed to it; else use --isolation process on your own files."


def _reads(path: Path, value: str) -> bool:
    try:
        return path.read_text(encoding="ascii").strip() == value
    except OSError:
        return False
