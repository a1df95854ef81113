"""Watches one job from outside: memory, processor time, processes, disk and wall time; ends it at the first excess."""

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from grader.limits import GIB, MIB, RunLimits
from grader.types import Exit

POLL_S = 0.2
DISK_POLL_S = 1.0
MAX_FILES = 50_000  # entries a job may create

Tree = Callable[[], list[psutil.Process]]


@dataclass(frozen=True)
class Excess:
    """A limit that was passed, and the sentence the student reads."""

    exit: Exit
    sentence: str


class Watchdog(threading.Thread):
    """Polls a process tree until :meth:`finish`; calls ``kill`` once when a limit is passed.

    ``tree`` lists the living processes of the job; ``folders`` are the folders whose size on disk counts;
    ``out_of_memory`` says whether the kernel has ended a process of the job for want of memory, ``out_of_processes``
    whether it has refused it another one.
    """

    def __init__(
        self,
        tree: Tree,
        kill: Callable[[], None],
        *,
        limits: RunLimits,
        folders: Iterable[Path],
        out_of_memory: Callable[[], bool] = lambda: False,
        out_of_processes: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(name="grader-watchdog", daemon=True)
        self._out_of_memory, self._out_of_processes = out_of_memory, out_of_processes
        self._tree, self._kill, self._limits, self._folders = tree, kill, limits, tuple(folders)
        self._done = threading.Event()
        self._begun = time.monotonic()
        self._cpu: dict[tuple[int, float], float] = {}
        self._next_disk = 0.0
        self._shares = _Shares()
        self.excess: Excess | None = None
        self.peak_memory = 0

    @property
    def cpu_s(self) -> float:
        """Processor seconds seen so far, of processes that have ended as well."""
        return sum(self._cpu.values())

    def finish(self) -> None:
        """Stop watching; the figures stay."""
        self._done.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout=10)

    def run(self) -> None:
        """The thread's work."""
        while not self._done.is_set():
            excess = self.look()
            if excess is not None:
                self.excess = excess
                self._kill()
                return
            self._done.wait(POLL_S)

    def look(self) -> Excess | None:
        """One look at everything; the excess found, if any."""
        processes, limits = self._tree(), self._limits
        if len(processes) > limits.processes:
            return Excess(
                Exit.PROCESSES, f"The run was ended because it started more than {limits.processes} processes."
            )
        if self._out_of_processes():
            return self._too_many_tasks()
        memory = self._memory(processes)
        self.peak_memory = max(self.peak_memory, memory)
        if memory > limits.memory_bytes or self._out_of_memory():
            return self._too_much_memory()
        if self.cpu_s > limits.cpu_s:
            return Excess(
                Exit.CPU_TIME, f"The run was ended because it used more than {limits.cpu_s:.0f} s of processor time."
            )
        if time.monotonic() - self._begun > limits.wall_s:
            return Excess(Exit.WALL_TIME, f"The run was ended because it took longer than {limits.wall_s:.0f} s.")
        return self._disk(processes)

    def ask_kernel(self) -> None:
        """Take note at once if the kernel has ended a process of the job for want of memory, or refused it one."""
        if self.excess is None and self._out_of_memory():
            self.excess = self._too_much_memory()
        if self.excess is None and self._out_of_processes():
            self.excess = self._too_many_tasks()

    def _too_many_tasks(self) -> Excess:
        most = self._limits.tasks
        return Excess(
            Exit.PROCESSES, f"The run was ended because it started more than {most} processes and threads together."
        )

    def _too_much_memory(self) -> Excess:
        most = self._limits.memory_bytes
        size = f"{most / GIB:.1f} GiB" if most >= GIB else f"{most / MIB:.0f} MiB"
        return Excess(Exit.MEMORY, f"The run was ended because it needed more than {size} of memory.")

    def _memory(self, processes: list[psutil.Process]) -> int:
        """Resident bytes of the tree; pages shared after a fork are counted once where the sum looks too large."""
        total = 0
        for process in processes:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    self._cpu[(process.pid, process.create_time())] = times.user + times.system
                    total += process.memory_info().rss
            except psutil.Error:
                continue
        if total > self._limits.memory_bytes and len(processes) > 1:
            return min(total, self._shares.measure(processes))
        return total

    def _disk(self, processes: list[psutil.Process]) -> Excess | None:
        now = time.monotonic()
        if now < self._next_disk:
            return None
        self._next_disk = now + DISK_POLL_S
        uses = [disk_use(folder, MAX_FILES) for folder in self._folders]
        size = sum(use.size for use in uses) + deleted_but_open(processes, self._folders)
        if size > self._limits.disk_bytes:
            limit = self._limits.disk_bytes / MIB
            return Excess(Exit.DISK, f"The run was ended because it wrote more than {limit:.0f} MiB of files.")
        if sum(use.entries for use in uses) > MAX_FILES:
            return Excess(Exit.DISK, f"The run was ended because it created more than {MAX_FILES} files.")
        if any(use.sealed for use in uses):
            return Excess(
                Exit.DISK,
                "The run was ended because its files could not be measured: it made folders that are nested too deep or"
                " closed to reading.",
            )
        return None


class _Shares:
    """Memory with shared pages counted once, measured beside the watchdog: while a job forks in a loop the kernel may
    hold up this measurement for half a minute, and the limit on processes must be looked at meanwhile."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._latest = 0

    def measure(self, processes: list[psutil.Process]) -> int:
        """The latest figure in bytes, 0 before there is one; starts a new measurement unless one is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._sum, args=(processes,), daemon=True)
            self._thread.start()
            self._thread.join(POLL_S)
        return self._latest

    def _sum(self, processes: list[psutil.Process]) -> None:
        self._latest = sum(_proportional(p) for p in processes)


def _proportional(process: psutil.Process) -> int:
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(info, "pss", 0) or info.uss)


@dataclass(frozen=True)
class DiskUse:
    """``size`` in bytes on disk, number of ``entries``; ``sealed``: a folder cannot be looked into."""

    size: int = 0
    entries: int = 0
    sealed: bool = False


def disk_use(folder: Path, most: int) -> DiskUse:
    """What lies below ``folder``; links are not followed; stops after ``most`` entries."""
    size = count = 0
    sealed = False
    pending = [str(folder)]
    while pending and count <= most:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    count += 1
                    if count > most:
                        break
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        status = entry.stat(follow_symlinks=False)
                        size += int(getattr(status, "st_blocks", 0)) * 512 or status.st_size
        except OSError as problem:  # gone meanwhile, or put out of reach
            sealed = sealed or problem.errno in (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM)
    return DiskUse(size, count, sealed)


def deleted_but_open(processes: Iterable[psutil.Process], folders: Iterable[Path]) -> int:
    """Bytes on the folders' disks of files that have no name any more but that a process holds open (Linux)."""
    disks = {folder.stat().st_dev for folder in folders if folder.exists()}
    found: dict[tuple[int, int], int] = {}
    for process in processes:
        for path in _open_files(process.pid):
            try:
                status = Path(path).stat()  # leads to the open file itself, named or not
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0 and status.st_dev in disks:
                found[(status.st_dev, status.st_ino)] = status.st_blocks * 512
    return sum(found.values())


def _open_files(pid: int) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(f"/proc/{pid}/fd")]
    except OSError:
        return []
