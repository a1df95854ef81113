"""The fallback backend: an ordinary process with a clean environment and a watchdog. It isolates nothing."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

import psutil

from grader.errors import SandboxUnavailable
from grader.sandbox import cgroups
from grader.sandbox.job import MARK, Control, SupervisedJob, runs, wait_gone
from grader.sandbox.policy import limited, user_base
from grader.sandbox.protocol import JobLayout, JobSpec
from grader.sandbox.reaper import reaper

KEPT = (
    *("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
    *("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS"),
)


class LocalProcess:
    """Runs jobs as plain processes; implements :class:`grader.sandbox.protocol.Sandbox`."""

    name = "process"

    def available(self) -> str | None:
        """Always available."""
        return None

    def inside(self, layout: JobLayout, path: Path) -> Path:
        """Paths are what they are."""
        return path

    def start(self, spec: JobSpec) -> "LocalJob":
        """Start the job. Raises ``SandboxUnavailable`` if the process cannot be started."""
        mark = uuid.uuid4().hex
        home = spec.layout.base / "home"
        home.mkdir(exist_ok=True)
        argv = list(spec.argv)
        if os.name == "posix":
            argv = limited(spec.limits, argv, count_processes=False)
        group = cgroups.make(spec.limits)
        number = reaper().note(mark=(MARK, mark), group=group)  # until the job has a note of its own
        argv = [*(group.enter() if group is not None else []), *argv]
        flags = 0 if os.name == "posix" else getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        try:
            popen = subprocess.Popen(
                argv,
                cwd=spec.cwd,
                env=environment(spec.env, home) | {MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                creationflags=flags,
            )
        except OSError as problem:
            if group is not None:
                group.remove()
            raise SandboxUnavailable(f"The Python process could not be started: {problem}.") from problem
        job = LocalJob(popen, spec, mark=mark, group=group)
        reaper().done(number)
        return job


def environment(extra: Mapping[str, str], home: Path) -> dict[str, str]:
    """The few variables a process needs on this system, a home and temporary folder of the job's own, and ``extra``."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    own = {name: str(home) for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "APPDATA", "LOCALAPPDATA")}
    return {
        **kept,
        **own,
        "USER": "student",
        "LOGNAME": "student",
        "USERNAME": "student",
        **user_base(),
        **extra,
        **own,
    }


class LocalJob(SupervisedJob):
    """A job in its own session; what leaves the session is found in its control group, or else by the mark in its
    environment."""

    def __init__(
        self, popen: subprocess.Popen[bytes], spec: JobSpec, *, mark: str, group: cgroups.Group | None = None
    ) -> None:
        self._leader, self._mark, self._members = popen, mark, group
        self._seen: dict[int, psutil.Process] = {}
        super().__init__(popen, spec, Control(self._known, self._first, self._kill_all, group, (MARK, mark)))

    def _first(self) -> psutil.Process | None:
        try:
            return psutil.Process(self._leader.pid)
        except psutil.Error:
            return None

    def _known(self) -> list[psutil.Process]:
        """Descendants now, earlier descendants that still run although their parent is gone, and all in the group."""
        first = self._first()
        for pid in set(self._members.members() if self._members is not None else []) - set(self._seen):
            try:
                self._seen[pid] = psutil.Process(pid)
            except psutil.Error:
                continue
        if first is not None and self._leader.poll() is None:
            try:
                self._seen.update({p.pid: p for p in [first, *first.children(recursive=True)]})
            except psutil.Error:
                pass
        self._seen = {pid: p for pid, p in self._seen.items() if runs(p)}
        return list(self._seen.values())

    def _marked(self) -> list[psutil.Process]:
        """Processes that carry the job's mark (one who clears its environment escapes: nothing is promised here)."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def _kill_all(self) -> None:
        for _ in range(10):
            _kill_group(self._leader)
            left = [p for p in {p.pid: p for p in [*self._known(), *self._marked()]}.values() if runs(p)]
            if not left:
                return
            for process in left:
                try:
                    process.kill()
                except psutil.Error:
                    continue
            if self._leader.poll() is None:
                try:
                    self._leader.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    continue
            wait_gone([p for p in left if p.pid != self._leader.pid], timeout=2)


def _kill_group(leader: subprocess.Popen[bytes]) -> None:
    """Kill the session's process group while its leader still exists, so that the number cannot be another's."""
    if sys.platform == "win32":
        if leader.poll() is None:
            leader.kill()
    elif leader.poll() is None:
        try:
            os.killpg(leader.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
