"""The isolating backend for Linux: namespaces, no network, a file system of the job's own, by bubblewrap."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import psutil

from grader.errors import SandboxUnavailable
from grader.sandbox import cgroups
from grader.sandbox.forks import ForkFailed, Place, Request, fork
from grader.sandbox.job import MARK, Control, SupervisedJob, wait_gone
from grader.sandbox.policy import (
    IDENTITY,
    Interpreter,
    bubblewrap_argv,
    environment,
    identity_folder,
    inside,
    rlimits,
)
from grader.sandbox.protocol import JobLayout, JobSpec, RunFacts
from grader.sandbox.reaper import reaper
from grader.sandbox.seccomp import program
from grader.sandbox.trial import INSTALL, lacking, trial
from grader.types import Exit

SETUP_S = 15.0
OUTER_S = 5.0


HOLDER = ("/bin/sh", "-c", "echo >&0; read code; exit ${code:-1}")  # says that the sandbox stands; ends as it is told


class Bubblewrap:
    """Runs jobs in bubblewrap; implements :class:`grader.sandbox.protocol.Sandbox`.

    ``forks``: the address of a fork server, to start Python programs warm. The sandbox is the same one either way, and
    a job that cannot be started warm is started cold.
    """

    name = "bubblewrap"

    def __init__(
        self, program: str = "bwrap", interpreter: Interpreter | None = None, *, forks: str | None = None
    ) -> None:
        self._program = program
        self._interpreter = interpreter or Interpreter.current()
        self._forks = forks

    def available(self) -> str | None:
        """None if a trial run works here, else why not and what mends it."""
        path = shutil.which(self._program)
        if path is None:
            return f"bubblewrap is not installed. {INSTALL}, or use --isolation process on your own files."
        return trial(path)

    def inside(self, layout: JobLayout, path: Path) -> PurePosixPath:
        """``/job/...`` or ``/probe/...``; other paths keep their name."""
        return inside(layout, path)

    def start(self, spec: JobSpec) -> "BubblewrapJob":
        """Start the job. Raises ``SandboxUnavailable`` if bubblewrap itself cannot be run."""
        if self._forks is not None and tuple(spec.argv[:1]) == (sys.executable,):
            try:
                return self._start_warm(self._forks, spec)
            except ForkFailed:
                pass  # a cold start has the same results
        launch = self._launch(spec, subprocess.DEVNULL)
        os.close(launch.output)
        job = BubblewrapJob(launch, spec)
        reaper().done(launch.noted)
        return job

    def _start_warm(self, address: str, spec: JobSpec) -> "BubblewrapJob":
        """Let a process that only waits stand in the sandbox, and fork the fork server into it."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            launch = self._launch(replace(spec, argv=HOLDER), theirs.fileno())
            theirs.close()
            try:
                command = _forked(address, spec, launch, ours)
            except ForkFailed:
                _abandon(launch)
                raise
            finally:
                os.close(launch.output)
        job = BubblewrapJob(launch, spec, command=command)
        reaper().done(launch.noted)
        return job

    def _launch(self, spec: JobSpec, stdin: int) -> "Launch":
        """Start bubblewrap with the command of ``spec``. Raises ``SandboxUnavailable``."""
        path = shutil.which(self._program)
        if path is None:
            raise SandboxUnavailable(f"bubblewrap is not installed. {INSTALL}.")
        _write_identity(spec.layout)
        argv = bubblewrap_argv(spec, self._interpreter, program=path, lacks=lacking(path))
        read_end, write_end = os.pipe()
        output_end, output = os.pipe()
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
                stdin=stdin,
                stdout=output,
                stderr=output,
                env={"PATH": "/usr/bin:/bin", mark[0]: mark[1]},
                cwd="/",
                pass_fds=passed,
                start_new_session=True,
            )
        except OSError as problem:
            for descriptor in (read_end, output_end, output):
                os.close(descriptor)
            if group is not None:
                group.remove()
            reaper().done(early)
            raise SandboxUnavailable(f"bubblewrap could not be started: {problem}.") from problem
        finally:
            for descriptor in passed:
                os.close(descriptor)
        popen.stdout = os.fdopen(output_end, "rb")
        return Launch(popen, Status(read_end), group, noted=early, output=output)


def _forked(address: str, spec: JobSpec, launch: "Launch", ours: socket.socket) -> psutil.Process:
    """Fork the job's Python into a sandbox once it stands. Raises ``ForkFailed``."""
    try:
        ours.settimeout(SETUP_S)
        init = launch.status.init if launch.status.known.wait(SETUP_S) else None
        if ours.recv(1) != b"\n" or init is None:
            raise ForkFailed("the sandbox did not come up")
        ours.settimeout(None)
        request = Request(
            argv=spec.argv[1:],
            cwd=str(inside(spec.layout, spec.cwd)),
            env=environment(spec.env),
            limits=rlimits(spec.limits, bound_data=spec.device == "cpu"),
            filter=program() or b"",
        )
        place = Place(sandbox=init.pid, ending=ours.fileno(), output=launch.output, group=launch.group)
        return fork(address, request, place)
    except OSError as problem:
        raise ForkFailed(f"the sandbox did not come up ({problem})") from problem


def _abandon(launch: "Launch") -> None:
    """End a sandbox in which nothing was started."""
    launch.popen.kill()
    launch.popen.wait()
    if launch.popen.stdout is not None:
        launch.popen.stdout.close()
    if launch.group is not None:
        launch.group.remove()
    reaper().done(launch.noted)


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


@dataclass(frozen=True)
class Launch:
    """A bubblewrap that was started. ``noted``: its number with the reaper; ``output``: a descriptor of its stdout."""

    popen: "subprocess.Popen[bytes]"
    status: Status
    group: cgroups.Group | None
    noted: int
    output: int


class BubblewrapJob(SupervisedJob):
    """A job in its own process namespace: when the namespace's init dies, the kernel ends all that is in it.

    ``command``: the process that runs the job, where it was forked into the sandbox from outside.
    """

    def __init__(self, launch: Launch, spec: JobSpec, *, command: psutil.Process | None = None) -> None:
        self._outer, self._status = launch.popen, launch.status
        self._forked = self._command = command
        self.warm = command is not None
        self._status.known.wait(SETUP_S)
        super().__init__(launch.popen, spec, Control(self._inner, self._find_command, self._kill_all, launch.group))

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
        found = []
        for root in (init, self._forked):  # a process that was forked into the sandbox is no child of its init
            try:
                found += [root, *root.children(recursive=True)] if root is not None and root.is_running() else []
            except psutil.Error:
                continue
        return found

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
