"""Bounds the memory and the processes of a whole job by control groups (Linux), where this user may make them."""

import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from grader.limits import RunLimits

OWN = Path("/proc/self/cgroup")
MOUNTS = Path("/proc/self/mountinfo")
PREFIX = "grader-"
ENTER = 'n="$1"; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1/cgroup.procs" || exit 125; shift; n=$((n-1)); done; '
GONE_S = 5.0
NEARLY = 0.95  # of its limit: memory is taken in pieces, the last of which did not fit


@dataclass(frozen=True)
class Hierarchy:
    """Folders in which groups for jobs can be made: ``version`` 2 has one, version 1 one for memory and perhaps one
    for processes."""

    version: int
    parents: tuple[Path, ...]


@dataclass(frozen=True)
class Group:
    """The control group of one job, one folder for each of its hierarchy's."""

    version: int
    folders: tuple[Path, ...]

    def enter(self) -> list[str]:
        """Words before a command line that put the command and all its descendants into the group."""
        return ["/bin/sh", "-c", ENTER + 'exec "$@"', "sh", str(len(self.folders)), *map(str, self.folders)]

    def add(self, process: int) -> None:
        """Put a process into it that was started elsewhere. Raises ``OSError``."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(process), encoding="ascii")

    def members(self) -> list[int]:
        """Ids of the processes in it."""
        found: set[int] = set()
        for folder in self.folders:
            found |= {int(word) for word in _read(folder / "cgroup.procs").split() if word.isdigit()}
        return sorted(found - {0})  # 0: a process that cannot be seen from here; as an argument of kill it means us

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of the job because its own memory was used up."""
        return self._killed() and self._reached()

    def starved(self) -> bool:
        """Whether the kernel has ended a process of the job because the machine, or the container that the grader is
        in, ran out of memory before the job reached its own limit."""
        return self._killed() and not self._reached()

    def out_of_processes(self) -> bool:
        """Whether the kernel has refused the job a process or thread since it had as many as it may; False where the
        kernel does not tell whether that was the job's own limit."""
        folder = self.folders[-1]
        if not self._count("pids.events", "max ", folder):
            return False
        return self._count("pids.peak", "", folder) >= self._count("pids.max", "", folder) > 0

    def _killed(self) -> bool:
        return self._count("memory.events" if self.version == 2 else "memory.oom_control", "oom_kill ") > 0

    def _reached(self) -> bool:
        if self.version == 2:
            return self._count("memory.events", "oom ") > 0
        most = self._count("memory.max_usage_in_bytes")  # newer kernels do not count failures any more
        return most >= NEARLY * self._count("memory.limit_in_bytes")

    def _count(self, name: str, word: str = "", folder: Path | None = None) -> int:
        match = re.search(rf"^{word}(\d+)$", _read((folder or self.folders[0]) / name), re.MULTILINE)
        return int(match.group(1)) if match is not None else 0

    def kill(self) -> None:
        """End every process in it."""
        if self.version == 2 and _write(self.folders[0] / "cgroup.kill", "1"):
            return
        for pid in self.members():
            try:
                os.kill(pid, 9)
            except OSError:
                continue

    def remove(self) -> None:
        """End what is left in it and delete it."""
        deadline = time.monotonic() + GONE_S
        for folder in self.folders:
            while not _remove(folder) and time.monotonic() < deadline:
                self.kill()
                time.sleep(0.02)


def make(limits: RunLimits) -> Group | None:
    """A new group with the limits of a run; None where no groups can be made."""
    found = hierarchy()
    return None if found is None else _make(found, limits)


@lru_cache(maxsize=1)
def hierarchy() -> Hierarchy | None:
    """Where groups can be made, found out by a trial; groups that dead graders left behind are removed."""
    for found in _candidates():
        group = _make(found, RunLimits())
        if group is None:
            continue
        try:
            done = subprocess.run([*group.enter(), "/bin/sh", "-c", ":"], capture_output=True, timeout=30, check=False)
            works = done.returncode == 0
        except (OSError, subprocess.SubprocessError):
            works = False
        group.remove()
        if works:
            _sweep(found)
            return found
    return None


def _candidates() -> Iterator[Hierarchy]:
    """Version 2 in the own group or beside it (which a session manager may have handed to the user), then version 1."""
    mounts, own = _mounts(), _own_groups()
    for kind, root, point, _ in mounts:
        if kind == "cgroup2" and "" in own:
            here = _inside(point, root, own[""])
            for parent in (here, here.parent):
                if parent.is_relative_to(point) and "memory" in _read(parent / "cgroup.controllers").split():
                    yield Hierarchy(2, (parent,))
    found: dict[str, Path] = {}
    for kind, root, point, options in mounts:
        for controller in ("memory", "pids"):
            if kind == "cgroup" and controller in options.split(",") and controller in own:
                found[controller] = _inside(point, root, own[controller])
    if "memory" in found:
        yield Hierarchy(1, tuple(found[name] for name in ("memory", "pids") if name in found))
        yield Hierarchy(1, (found["memory"],))


def _mounts() -> list[tuple[str, str, Path, str]]:
    """Type, root, place and options of every mounted hierarchy."""
    found = []
    for line in _read(MOUNTS).splitlines():
        left, _, right = line.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if len(before) > 4 and len(after) > 2 and after[0] in ("cgroup", "cgroup2"):
            found.append((after[0], before[3], Path(before[4]), after[2]))
    return found


def _own_groups() -> dict[str, str]:
    """The group of this process by controller; that of version 2 under the empty name."""
    found: dict[str, str] = {}
    for line in _read(OWN).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _inside(point: Path, root: str, path: str) -> Path:
    """Where a group lies below its mount, which may show only the part of the hierarchy below ``root``."""
    below = path[len(root) :] if root != "/" and path.startswith(root) else path
    return point / below.lstrip("/")


def _make(found: Hierarchy, limits: RunLimits) -> Group | None:
    name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    group = Group(found.version, tuple(parent / name for parent in found.parents))
    if found.version == 2 and "memory" not in _read(found.parents[0] / "cgroup.subtree_control").split():
        _write(found.parents[0] / "cgroup.subtree_control", "+memory +pids")
    try:
        for folder in group.folders:
            folder.mkdir()
        if _bound(group, limits):
            return group
    except OSError:
        pass
    for folder in group.folders:
        _remove(folder)
    return None


def _bound(group: Group, limits: RunLimits) -> bool:
    memory, tasks = group.folders[0], str(limits.tasks)
    size = str(limits.memory_bytes)
    if group.version == 2:
        _write(memory / "memory.swap.max", "0")
        _write(memory / "memory.oom.group", "1")
        _write(memory / "pids.max", tasks)
        return _write(memory / "memory.max", size)
    for folder in group.folders[1:]:
        _write(folder / "pids.max", tasks)
    bounded = _write(memory / "memory.limit_in_bytes", size)
    _write(memory / "memory.memsw.limit_in_bytes", size)  # memory and swap together, where the kernel counts swap
    return bounded


def _sweep(found: Hierarchy) -> None:
    """Delete empty groups whose grader does not run any more; the kernel refuses to delete one in use."""
    for parent in found.parents:
        for folder in parent.glob(f"{PREFIX}*"):
            owner = folder.name.removeprefix(PREFIX).partition("-")[0]
            if owner.isdigit() and not Path("/proc", owner).exists():
                _remove(folder)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _write(path: Path, text: str) -> bool:
    try:
        path.write_text(text, encoding="ascii")
    except OSError:
        return False
    return True


def _remove(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
