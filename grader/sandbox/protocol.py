"""The one protocol that every sandbox backend follows, and the data that describes a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from grader.limits import RunLimits
from grader.types import Exit


@dataclass(frozen=True)
class JobLayout:
    """Host folders of one job. ``base`` is short (Unix sockets) and private to the job.

    ``work``: the student's files, the working directory; ``out``: what the probe writes; ``run``: sockets and
    settings; ``world``:
    training world, read-only inside; ``heldout``: empty until the student's code has ended, read-only inside.
    """

    base: Path

    @property
    def work(self) -> Path:
        """The student's files."""
        return self.base / "work"

    @property
    def out(self) -> Path:
        """Where the probe writes evidence."""
        return self.base / "out"

    @property
    def run(self) -> Path:
        """Sockets and settings."""
        return self.base / "run"

    @property
    def world(self) -> Path:
        """The training world."""
        return self.base / "world"

    @property
    def heldout(self) -> Path:
        """The held-out world, filled by the host after the student's code."""
        return self.base / "heldout"


@dataclass(frozen=True)
class JobSpec:
    """A process to run in isolation.

    ``argv``: paths in it that lie below ``layout.base`` or in ``read_only`` must be given as host paths wrapped by
    :meth:`Sandbox.inside`. ``masks``: host files replaced by other files as seen from inside (e.g. an installed data
    set by the training world's copy); backends that cannot do so ignore them. ``hides``: host folders shown empty.
    """

    layout: JobLayout
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    read_only: Sequence[Path] = ()
    masks: Mapping[Path, Path] = field(default_factory=dict)
    hides: Sequence[Path] = ()
    limits: RunLimits = field(default_factory=RunLimits)
    device: str = "cpu"


@dataclass(frozen=True)
class RunFacts:
    """What the supervisor measured: how the job ended, times in seconds, memory in bytes."""

    exit: Exit
    sentence: str = ""
    exit_code: int | None = None
    signal: int | None = None
    wall_s: float = 0.0
    cpu_s: float | None = None
    peak_memory_bytes: int | None = None
    memory_bound_by: str = "none"


class RunningJob(Protocol):
    """A job that was started. All methods may be called after it has ended. ``warm``: its process was forked from one
    that had imported the heavy packages already."""

    warm: bool

    def alive(self) -> bool:
        """Whether the main process still runs."""

    def interrupt(self) -> None:
        """Send SIGINT (or its like) to the main process inside; no error if it has ended."""

    def limit_hit(self) -> RunFacts | None:
        """Facts if the supervisor has ended the job for a limit, else None."""

    def last_words(self) -> str:
        """The end of what the main process wrote to its own stdout and stderr, for finding out why it did not start."""

    def stop(self) -> RunFacts:
        """End the job and every process it started, and say how it went. Idempotent."""


class Sandbox(Protocol):
    """A way to run a process in isolation."""

    name: str

    def available(self) -> str | None:
        """None if it can be used here, else one sentence that says why not and what mends it."""

    def inside(self, layout: JobLayout, path: Path) -> PurePosixPath | Path:
        """How a host path below ``layout.base``, or a read-only path, is called inside the sandbox."""

    def start(self, spec: JobSpec) -> RunningJob:
        """Start the job.

        Raises ``SandboxUnavailable`` if the sandbox itself cannot be set up. A command that fails inside is not an
        error: its facts say so.
        """
