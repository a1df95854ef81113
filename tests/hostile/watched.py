"""Runs a command and says afterwards what it left behind and how much memory it took.

Usage: python watched.py REPORT COMMAND... Writes a JSON document to REPORT: ``code``, ``peak_mib`` (memory of the
command's own processes together, those in a sandbox and the server that they are forked from not counted), ``largest``
(what it was made of, MiB and command of each process), ``forks_mib`` (the fork server's peak: what every job would
otherwise import for itself), ``processes`` (that outlived it), ``mounts`` (new
ones below the report's folder, where the command has all its files; others on this machine may mount elsewhere),
``seen`` (ids of its own processes).
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

FORK_SERVER = "fork_program.py"
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: orphans of the command become children of this process
PATIENCE_S = 30.0
STEP_S = 0.5


def main(report: str, *command: str) -> None:
    """Run the command and write the report."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    before = mounts(Path(report).parent)
    process = subprocess.Popen(command)
    peak: list[tuple[float, str]] = []
    forks = 0.0
    seen = {process.pid}
    while not ended(process):
        outside = outside_sandboxes()
        parts = memory(outside)
        own = [part for part in parts if FORK_SERVER not in part[1]]
        peak = max(peak, own, key=total)
        forks = max(forks, total(parts) - total(own))
        seen |= {p.pid for p in outside}
    deadline = time.monotonic() + PATIENCE_S
    while (left := others()) and time.monotonic() < deadline:
        time.sleep(0.1)
    document = {
        "code": process.returncode,
        "peak_mib": round(total(peak)),
        "forks_mib": round(forks),
        "largest": [[round(mib), what] for mib, what in sorted(peak, reverse=True)[:20]],
        "seen": sorted(seen),
        "processes": [describe(p) for p in left],
        "mounts": sorted(mounts(Path(report).parent) - before),
    }
    Path(report).write_text(json.dumps(document))


def ended(process: "subprocess.Popen[bytes]") -> bool:
    """Wait for the next look, or until the command has ended, so that its time is not rounded up to a step."""
    try:
        process.wait(timeout=STEP_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def mounts(folder: Path) -> set[str]:
    """Mounts of this namespace that have to do with the folder."""
    return {line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line}


def others() -> list[psutil.Process]:
    """Descendants that live."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def outside_sandboxes() -> list[psutil.Process]:
    """Descendants in this process namespace."""
    here = Path("/proc/self/ns/pid").readlink()
    found = []
    for process in others():
        try:
            if Path(f"/proc/{process.pid}/ns/pid").readlink() == here:
                found.append(process)
        except OSError:
            continue
    return found


def memory(processes: list[psutil.Process]) -> list[tuple[float, str]]:
    """MiB of each with its command, shared pages counted once."""
    found = []
    for process in processes:
        try:
            found.append((process.memory_full_info().pss / 2**20, describe(process)))
        except (psutil.Error, OSError):
            continue
    return found


def total(parts: list[tuple[float, str]]) -> float:
    """MiB of all together."""
    return sum(mib for mib, _ in parts)


def describe(process: psutil.Process) -> str:
    """What it is."""
    try:
        facts = f"{process.name()} ({process.pid}, {process.status()}, of {process.ppid()})"
        return " ".join(process.cmdline())[:200] or facts
    except psutil.Error:
        return f"process {process.pid}"


if __name__ == "__main__":
    os.umask(0o022)
    main(*sys.argv[1:])
