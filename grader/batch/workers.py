"""Decides how many jobs run at once: by processors, by memory, and by how many may share a device."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from grader.limits import DEVICE_JOBS, GIB
from grader.types import Device

# What a run is expected to take (measured: 0.6 to 1.25 GiB): PyTorch and its companions take half a GiB, and the
# course's largest net on images of 128 by 128 pixels as much again. A run may take more, up to its limit; not all do.
NEED = {Device.CPU: int(1.2 * GIB), Device.MPS: int(1.2 * GIB), Device.CUDA: 3 * GIB}  # CUDA's libraries come on top
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
MEMORY_MOST, MEMORY_NOW = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


@dataclass(frozen=True)
class Machine:
    """What there is to share: ``processors`` that this process may use, ``memory`` (bytes) that is free, ``device``."""

    processors: int
    memory: int
    device: Device = Device.CPU


@dataclass(frozen=True)
class Choice:
    """How many jobs run at once; ``reason``: a sentence where something else than the processors decides."""

    workers: int
    reason: str = ""


def choose_workers(machine: Machine, *, asked: int | None = None, device_jobs: int = DEVICE_JOBS) -> Choice:
    """One job for each processor, unless fewer fit into memory; on a GPU no more than are declared to share it.

    ``asked``: that many instead, whatever the processors and the memory; a GPU is still shared by no more.
    """
    most = max(1, machine.processors) if asked is None else asked
    choice = Choice(most)
    fit = max(1, machine.memory // NEED[machine.device])
    if asked is None and fit < most:
        choice = Choice(
            fit,
            f"Memory limits how many files run at once: {machine.memory / GIB:.1f} GiB are free, and a run is expected"
            f" to need {NEED[machine.device] / GIB:.1f}.",
        )
    if machine.device is Device.CUDA and device_jobs < choice.workers:
        choice = Choice(
            device_jobs, f"The GPU limits how many files run at once: {device_jobs} may share it (--device-jobs)."
        )
    return choice


def this_machine(device: Device) -> Machine:
    """What this process may use, whatever the machine around it has."""
    return Machine(_processors(), _memory(), device)


def _processors() -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _words(CPU_QUOTA)  # a container's share: microseconds of processor time in a period
    if len(quota) == 2 and all(word.isdigit() for word in quota):
        return max(1, min(count, math.ceil(int(quota[0]) / int(quota[1]))))
    return count


def _memory() -> int:
    free = int(psutil.virtual_memory().available)
    most, now = _words(MEMORY_MOST), _words(MEMORY_NOW)
    if len(most) == len(now) == 1 and most[0].isdigit() and now[0].isdigit():
        return max(0, min(free, int(most[0]) - int(now[0])))
    return free


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []
