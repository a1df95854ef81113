"""``grader doctor``: what this machine has for grading, and the command that mends what is missing."""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from grader import __version__
from grader.cli.common import HARNESS, OK, DataOption, exits, out_console, say
from grader.errors import EnvironmentProblem, GraderError

COURSE = ("seaborn", "umap")
NEEDED = ("torch", "torchvision", "palmerpenguins", "ipykernel", "skimage", "sklearn")
EXAMPLES = """\b
Examples:
  grader doctor
  grader doctor --no-attack --data-dir ~/data
"""


@dataclass(frozen=True)
class Finding:
    """``state``: fine, worth knowing, or in the way of grading."""

    state: Literal["ok", "note", "missing"]
    sentence: str


@exits
def doctor(
    data_dir: DataOption = None,
    attack: Annotated[
        bool, typer.Option("--attack/--no-attack", help="Try to break out of the isolation; takes five seconds.")
    ] = True,
) -> None:
    """Say which isolation, device, data and weights are to be had, and what mends what is missing."""
    console = out_console()
    findings = [*_package(), *_isolation(attack=attack), *_device(), *_folders(), *_data(data_dir), *_levels(data_dir)]
    say(console, f"workshop-grader {__version__}")
    for finding in findings:
        say(console, f"{finding.state:7} {finding.sentence}")
    in_the_way = any(finding.state == "missing" for finding in findings)
    say(console, "Something is missing, see above." if in_the_way else "Ready to grade.")
    raise typer.Exit(HARNESS if in_the_way else OK)


def _package() -> Iterator[Finding]:
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        mend = "pip install --force-reinstall workshop-grader"
        yield Finding("missing", f"packages: {', '.join(lacking)} cannot be imported; run: {mend}")
    else:
        yield Finding("ok", "packages: all that the grader needs")
    plotting = [name for name in COURSE if importlib.util.find_spec(name) is None]
    if plotting:
        names = ", ".join(plotting)
        yield Finding("note", f"packages: notebooks may plot with {names}; run: pip install 'workshop-grader[course]'")


def _isolation(*, attack: bool) -> Iterator[Finding]:
    from grader.sandbox.choose import choose
    from grader.sandbox.forks import fork_server
    from grader.sandbox.policy import environment
    from grader.sandbox.self_check import run_self_check, starts_warm
    from grader.types import Isolation

    sandbox, reason = choose(Isolation.AUTO)
    if reason:
        yield Finding("note", f"isolation: none, so only check your own files. {reason}")
    else:
        yield Finding("ok", f"isolation: {sandbox.name}")
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            yield Finding("note", "isolation: run as root; as another user the code inside has still less to gain.")
    with fork_server(environment({}), ("json",)) as forks:
        sandbox, _ = choose(Isolation.AUTO, forks=forks)
        warm = not reason and starts_warm(sandbox)
        if warm:
            yield Finding("ok", "start: packages are imported once for all runs of a class")
        else:
            yield Finding("note", "start: every run imports its packages anew (five seconds each); marks are the same.")
        for outcome in run_self_check(sandbox) if attack else ():
            state: Literal["ok", "note", "missing"] = "missing" if outcome.ok == "no" else "ok"
            yield Finding("note" if outcome.ok == "not promised" else state, f"{outcome.name}: {outcome.sentence}")


def _device() -> Iterator[Finding]:
    from grader import devices
    from grader.types import Device

    yield Finding("ok", f"device: {devices.resolve(Device.AUTO)}")


def _folders() -> Iterator[Finding]:
    from grader.tasks.data import cache_dir

    for name, folder in (("cache", cache_dir()), ("temporary files", Path(tempfile.gettempdir()))):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                yield Finding("ok", f"{name}: {folder}")
        except OSError as error:
            yield Finding("missing", f"{name}: {folder} cannot be written ({error.strerror}); make it writable.")


def _data(data_dir: Path | None) -> Iterator[Finding]:
    from grader.tasks import data

    try:
        found = data.status(data_dir)
    except EnvironmentProblem as problem:
        yield Finding("missing", f"data: {problem}")
        return
    for sentence in found.sentences:
        yield Finding("note" if "not found" in sentence or ": none" in sentence else "ok", sentence)


def _levels(data_dir: Path | None) -> Iterator[Finding]:
    from grader import pipeline
    from grader.settings import Settings
    from grader.types import Isolation, TaskId

    try:
        misfits = pipeline.prepare(Settings(data_dir=data_dir, isolation=Isolation.AUTO), set(TaskId))
    except GraderError as problem:
        yield Finding("missing", f"levels: {problem}")
        return
    for sentence in misfits:
        yield Finding("note", f"levels: {sentence}")
    if not misfits:
        yield Finding("ok", "levels: measured with the data and versions in use")
