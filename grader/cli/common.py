"""What all commands share: options, consoles, and exit codes for what went wrong."""

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from grader.errors import EnvironmentProblem, EvidenceError, GraderError, UsageError
from grader.grade.model import StudentReport
from grader.limits import GIB, RunLimits
from grader.report.text import terminal_text
from grader.tasks import DEFAULT_KEY
from grader.tasks.data import VARIABLE
from grader.types import Device, Isolation, TaskId, TaskStatus

MOST_SECONDS, LEAST_GIB, MOST_GIB = 86_400, 1.0, 1_024  # importing torch alone takes half a GiB
LEAST_FINISH_S = 30.0  # for each of the observer's steps after the cells
OK, BELOW, USAGE, HARNESS, INTERRUPTED = 0, 1, 2, 3, 130
ABOUT_SELF_CHECK = "A self-check: the final mark may use other held-out data."
ABOUT_KEY = "Marked on held-out data that was chosen by a key."

TaskOption = Annotated[
    TaskId | None,
    typer.Option(
        "--task", metavar="TASK", help="The task where it is not clear; see grader tasks.", show_default=False
    ),
]
IsolationOption = Annotated[
    Isolation, typer.Option("--isolation", help="auto: bubblewrap if it can be had; required: nothing less.")
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where nets are trained.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seeds the random generators before the first cell.", min=0)]
KeyOption = Annotated[
    str,
    typer.Option(
        "--heldout-key",
        help="Chooses the held-out data; keep it secret.",
        envvar="GRADER_HELDOUT_KEY",
        show_default=False,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help=f"Folder with MNIST and weights (else {VARIABLE}).", show_default=False),
]
TimeOption = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        help=f"For all cells of one file (else {RunLimits().wall_s:g}).",
        show_default=False,
    ),
]
MemoryOption = Annotated[
    float | None,
    typer.Option(
        "--memory-limit", metavar="GIB", help="For one file with all its processes (else 6).", show_default=False
    ),
]
FullOption = Annotated[bool, typer.Option("--full", help="Train to the end and draw every plot; marks stay the same.")]
RepeatOption = Annotated[
    int, typer.Option("--repeat", help="Run each file with so many seeds; mark the median.", min=1, max=25)
]
BorderlineOption = Annotated[
    bool, typer.Option("--borderline", help="Repeat (3 times) only where one run cannot tell.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--workers",
        help="Files at once (else one per processor that memory suffices for).",
        min=1,
        show_default=False,
    ),
]
DeviceJobsOption = Annotated[int, typer.Option("--device-jobs", help="Files at once on a GPU, at most.", min=1)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

BORDERLINE_RUNS = 3
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

__all__ = [
    "DEFAULT_KEY",
    "DataOption",
    "DeviceJobsOption",
    "DeviceOption",
    "FullOption",
    "IsolationOption",
    "JsonOption",
    "KeyOption",
    "SeedOption",
    "WorkersOption",
]


def out_console() -> Console:
    """Results go here."""
    return Console(file=sys.stdout, highlight=False)


def err_console() -> Console:
    """Narration goes here."""
    return Console(file=sys.stderr, highlight=False)


def say(console: Console, sentence: str, *, style: str = "") -> None:
    """Print text of any origin on one line: no markup, control sequence or command; ``?`` for what cannot be shown."""
    console.print(Text(terminal_text(sentence, console.encoding), style=style), soft_wrap=not console.is_terminal)


def exits(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Turn errors raised on purpose into one sentence on stderr and the exit code that belongs to them."""

    @functools.wraps(command)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except GraderError as problem:
            say(err_console(), f"Error: {problem}", style="red")
            raise typer.Exit(exit_code(problem)) from problem
        except KeyboardInterrupt as interrupt:
            say(err_console(), "Interrupted.")
            raise typer.Exit(INTERRUPTED) from interrupt

    return wrapped


def exit_code(problem: GraderError) -> int:
    """3 where this machine or the grader is at fault, else 2."""
    return HARNESS if isinstance(problem, EnvironmentProblem | EvidenceError) else USAGE


def verdict(reports: Sequence[StudentReport], fail_under: float | None = None) -> int:
    """The exit code that finished reports ask for. Open points are not counted as lost."""
    results = [task.result for report in reports for task in report.tasks]
    if any(result.status is TaskStatus.HARNESS_ERROR for result in results):
        return HARNESS
    if fail_under is not None and any(_best_percent(result) < fail_under for result in results):
        return BELOW
    return OK


def run_limits(seconds: float | None, gib: float | None) -> RunLimits:
    """The limits of a run with those that the user gave. Raises ``UsageError`` for values that make no sense."""
    limits = RunLimits()
    if seconds is not None:
        if not 1 <= seconds <= MOST_SECONDS:
            raise UsageError(f"--time-limit takes seconds from 1 to {MOST_SECONDS}, not {seconds:g}.")
        limits = replace(
            limits,
            wall_s=seconds,
            cell_s=seconds,
            cpu_s=max(seconds, limits.cpu_s),
            finish_s=min(limits.finish_s, max(LEAST_FINISH_S, seconds)),
        )
    if gib is not None:
        if not LEAST_GIB <= gib <= MOST_GIB:
            raise UsageError(f"--memory-limit takes GiB from {LEAST_GIB:g} to {MOST_GIB}, not {gib:g}.")
        limits = replace(limits, memory_bytes=int(gib * GIB))
    return limits


def runs_of_each(repeat: int, *, borderline: bool) -> int:
    """How many runs a file gets that is repeated."""
    return BORDERLINE_RUNS if borderline and repeat == 1 else repeat


def held_out_note(key: str) -> str:
    """The sentence on every page that says what the marks are worth."""
    return ABOUT_SELF_CHECK if key == DEFAULT_KEY else ABOUT_KEY


def _best_percent(result: Any) -> float:
    from grader.report.priorities import open_points

    return 100.0 * (float(result.points) + float(open_points(result))) / float(result.max_points or 1.0)
