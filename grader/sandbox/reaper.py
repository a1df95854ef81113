"""Cleans up after a grader that was killed: a small process that outlives it, ends its jobs and deletes their folders.

Run as ``python -m grader.sandbox.reaper``. It reads one JSON object a line: ``{"number": n, ...}`` is something to
clean up, ``{"number": n}`` alone says that this was done. When the grader is gone its end of the pipe closes; what is
still noted then is cleaned up.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from grader.sandbox.cgroups import Group
from grader.sandbox.removal import remove_tree

ROUNDS = 20  # a process that forks while it is being killed is met again in the next round


class Reaper:
    """The grader's side: notes what must not outlive this process. Without a reaper everything else still works."""

    def __init__(self) -> None:
        self._numbers = count()
        self._lock = threading.Lock()
        try:
            self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
                [sys.executable, "-m", "grader.sandbox.reaper"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(sys.executable).anchor,  # python -m looks for modules here first
                env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
                start_new_session=True,
            )
        except OSError:
            self._process = None

    def note(
        self,
        *,
        folder: Path | None = None,
        processes: Sequence[tuple[int, float]] = (),
        mark: Sequence[str] = (),
        group: Group | None = None,
    ) -> int:
        """Clean this up if this process dies: a folder, processes (id and creation time), processes with a variable
        (its name and value) in their environment, a control group. The number is for :meth:`done`."""
        number = next(self._numbers)
        self._say(
            number=number,
            folder=None if folder is None else str(folder),
            processes=[list(pair) for pair in processes],
            mark=list(mark),
            group=None if group is None else [group.version, *map(str, group.folders)],
        )
        return number

    def done(self, number: int) -> None:
        """It was cleaned up."""
        self._say(number=number)

    def _say(self, **words: object) -> None:
        pipe = self._process.stdin if self._process is not None else None
        if pipe is None:
            return
        with self._lock:
            try:
                pipe.write(json.dumps(words).encode() + b"\n")
                pipe.flush()
            except (OSError, ValueError):
                return

    def close(self) -> None:
        """Let it end, and wait for it."""
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.close()
                self._process.wait(timeout=ROUNDS)
            except (OSError, subprocess.TimeoutExpired):
                return


@lru_cache(maxsize=1)
def reaper() -> Reaper:
    """That of this process, started when it is first needed."""
    import atexit

    made = Reaper()
    atexit.register(made.close)
    return made


def main() -> None:
    """The reaper's own work."""
    noted: dict[int, Mapping[str, Any]] = {}
    for line in sys.stdin.buffer:
        try:
            words = json.loads(line)
            number = words.pop("number")
        except (ValueError, KeyError):  # cut off with its writer
            continue
        if words:
            noted[number] = words
        else:
            noted.pop(number, None)
    for words in noted.values():
        end_processes(words)
    for words in noted.values():
        if words["folder"]:
            remove_tree(Path(words["folder"]))


def end_processes(words: Mapping[str, Any]) -> None:
    """Kill what a note names."""
    import psutil

    group = Group(words["group"][0], tuple(map(Path, words["group"][1:]))) if words["group"] else None
    known = {tuple(pair) for pair in words["processes"]}
    for _ in range(ROUNDS):
        found = [
            process
            for process in psutil.process_iter()
            if (process.pid, _created(process)) in known or _marked(process, words["mark"])
        ]
        for process in found:
            try:
                process.kill()
            except psutil.Error:
                continue
        if not found:
            break
        psutil.wait_procs(found, timeout=0.2)
    if group is not None:
        group.remove()


def _created(process: Any) -> float | None:
    import psutil

    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def _marked(process: Any, mark: Sequence[str]) -> bool:
    import psutil

    if not mark:
        return False
    try:
        return bool(process.environ().get(mark[0]) == mark[1])
    except (psutil.Error, OSError):
        return False


if __name__ == "__main__":
    main()
