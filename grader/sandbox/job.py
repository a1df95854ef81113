"""A started job, whatever the backend: its watchdog, its last words, its end."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import IO

import psutil

from grader.sandbox.cgroups import Group
from grader.sandbox.protocol import JobSpec, RunFacts
from grader.sandbox.reaper import reaper
from grader.sandbox.watchdog import Watchdog
from grader.types import Exit

MARK = "GRADER_JOB"  # an environment variable by which a job's processes are found again
TAIL_BYTES = 8_192  # of what the process wrote to its own stdout and stderr
GRACE_S = 5.0
STARVED = (
    "This machine ran out of memory while the file was run, and that was not the file's doing: it was below its limit."
    " Use fewer workers (-j), or give a --memory-limit that suits the machine."
)


class Tail(threading.Thread):
    """Reads a pipe to its end and keeps the last bytes, so that no flood fills memory or blocks the writer."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(name="grader-tail", daemon=True)
        self._stream = stream
        self._kept = b""
        self.total = 0
        self.start()

    def run(self) -> None:
        """The thread's work."""
        with self._stream as stream:
            while piece := stream.read1(65_536) if hasattr(stream, "read1") else stream.read(65_536):
                self.total += len(piece)
                self._kept = (self._kept + piece)[-TAIL_BYTES:]

    def text(self) -> str:
        """What was kept, decoded."""
        return self._kept.decode("utf-8", "replace")


@dataclass(frozen=True)
class Control:
    """How a backend finds and ends what belongs to a job.

    ``tree``: living processes of the job; ``main``: the process that runs the command; ``kill``: ends all of them;
    ``group``: the control group they are in; ``mark``: a variable and its value in the environment of all of them.
    """

    tree: Callable[[], list[psutil.Process]]
    main: Callable[[], psutil.Process | None]
    kill: Callable[[], None]
    group: Group | None = None
    mark: Sequence[str] = ()


class SupervisedJob:
    """One job under a watchdog; implements :class:`grader.sandbox.protocol.RunningJob`."""

    warm = False

    def __init__(self, popen: subprocess.Popen[bytes], spec: JobSpec, control: Control) -> None:
        self._popen, self._main, self._kill, self._group = popen, control.main, control.kill, control.group
        self._started = time.monotonic()
        self._facts: RunFacts | None = None
        self._lock = threading.Lock()
        assert popen.stdout is not None
        self.tail = Tail(popen.stdout)
        layout = spec.layout
        outer = [psutil.Process(popen.pid)] if popen.poll() is None else []
        self._note = reaper().note(
            processes=_identities([*outer, *control.tree()]), mark=control.mark, group=control.group
        )
        self.watchdog = Watchdog(
            control.tree,
            control.kill,
            limits=spec.limits,
            folders=(layout.work, layout.out, layout.run),
            **_asked(control.group),
        )
        self.watchdog.start()

    def alive(self) -> bool:
        """Whether the main process still runs."""
        return self._facts is None and self._popen.poll() is None

    def interrupt(self) -> None:
        """Send SIGINT to the main process inside."""
        process = self._main() if self.alive() else None
        if process is not None:
            try:
                process.send_signal(getattr(signal, "CTRL_C_EVENT", signal.SIGINT))
            except (psutil.Error, OSError, ValueError):
                return

    def limit_hit(self) -> RunFacts | None:
        """Facts if the watchdog has ended the job, else None."""
        self.watchdog.ask_kernel()
        return None if self.watchdog.excess is None else self.stop()

    def last_words(self) -> str:
        """The end of what the main process wrote itself."""
        return self.tail.text()

    def stop(self) -> RunFacts:
        """End everything and say how it went. Idempotent."""
        with self._lock:
            if self._facts is None:
                self._facts = self._end()
            return self._facts

    def _end(self) -> RunFacts:
        self.watchdog.ask_kernel()
        by_itself = self._popen.poll() is not None and self.watchdog.excess is None
        self.watchdog.finish()
        if not by_itself and self.watchdog.excess is None:
            self.watchdog.look()  # last figures
        wall = time.monotonic() - self._started
        self._kill()
        try:
            code = self._popen.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            code = -signal.SIGTERM
        starved = self._group is not None and self._group.starved()
        if self._group is not None:
            self._group.remove()
        reaper().done(self._note)
        self.tail.join(timeout=GRACE_S)
        exit_, sentence = (Exit.NOT_STARTED, STARVED) if starved else self._classify(code, by_itself=by_itself)
        number = -code if code < 0 else code - 128 if 128 < code < 160 else None
        return RunFacts(
            exit=exit_,
            sentence=sentence,
            exit_code=code if by_itself and number is None else None,
            signal=number if by_itself else None,
            wall_s=round(wall, 3),
            cpu_s=round(self.watchdog.cpu_s, 3),
            peak_memory_bytes=self.watchdog.peak_memory,
            memory_bound_by="watchdog" if self._group is None else "cgroup",
        )

    def _classify(self, code: int, *, by_itself: bool) -> tuple[Exit, str]:
        if self.watchdog.excess is not None:
            return self.watchdog.excess.exit, self.watchdog.excess.sentence
        if not by_itself or code == 0:
            return Exit.FINISHED, ""
        number = -code if code < 0 else code - 128
        if 0 < number < 65:
            return Exit.CRASHED, f"The Python process died of {_signal_name(number)}."
        return Exit.CRASHED, f"The Python process ended itself with exit code {code}."


def _asked(group: Group | None) -> dict[str, Callable[[], bool]]:
    """What the watchdog asks the kernel, where it can be asked."""
    if group is None:
        return {}
    return {"out_of_memory": group.out_of_memory, "out_of_processes": group.out_of_processes}


def _identities(processes: Iterable[psutil.Process]) -> list[tuple[int, float]]:
    """Ids and creation times, by which processes are known again when their ids may be others'."""
    found = []
    for process in processes:
        try:
            found.append((process.pid, process.create_time()))
        except psutil.Error:
            continue
    return found


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    meanings = {
        "SIGSEGV": "a memory error in compiled code",
        "SIGABRT": "an abort in compiled code",
        "SIGKILL": "a kill signal, most often because memory ran out",
    }
    return f"{name} ({meanings[name]})" if name in meanings else name


def runs(process: psutil.Process) -> bool:
    """Whether it exists and is no zombie that only waits for its parent."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_gone(processes: Iterable[psutil.Process], *, timeout: float) -> None:
    """Wait until none of them runs any more."""
    deadline = time.monotonic() + timeout
    left = [p for p in processes if runs(p)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [p for p in left if runs(p)]
