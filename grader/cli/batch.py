"""``grader batch``: marks a folder of students into an overview, pages, a gradebook and a results file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.batch.pool import warm_up
from grader.cli.common import (
    DEFAULT_KEY,
    BorderlineOption,
    DataOption,
    DeviceJobsOption,
    DeviceOption,
    FullOption,
    IsolationOption,
    JsonOption,
    KeyOption,
    MemoryOption,
    RepeatOption,
    SeedOption,
    TaskOption,
    TimeOption,
    WorkersOption,
    exits,
    run_limits,
    runs_of_each,
)
from grader.errors import UsageError
from grader.limits import DEVICE_JOBS
from grader.types import Device, Isolation, TaskId

if TYPE_CHECKING:
    from grader.intake import Submission

EXAMPLES = """\b
Examples:
  grader batch submissions/ --out reports
  grader batch downloads.zip --out reports -j 4 --time-limit 600
  GRADER_HELDOUT_KEY=... grader batch submissions/ --out reports
"""


@exits
def batch(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A folder, zip or tar with a folder (or a file) per student.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for overview, pages, gradebook.", show_default=False)],
    workers: WorkersOption = None,
    device_jobs: DeviceJobsOption = DEVICE_JOBS,
    task: TaskOption = None,
    as_json: JsonOption = False,
    isolation: IsolationOption = Isolation.REQUIRED,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    repeat: RepeatOption = 1,
    borderline: BorderlineOption = False,
    key: KeyOption = DEFAULT_KEY,
    data_dir: DataOption = None,
    time_limit: TimeOption = None,
    memory_limit: MemoryOption = None,
    full: FullOption = False,
    store: Annotated[
        Path | None, typer.Option("--store", help="Folder where runs are kept (else the cache).", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on where it was, or run every file again.")
    ] = True,
) -> None:
    """Mark the work of many students, each file in isolation.

    Every run is kept: the same command again goes on where it was interrupted, and runs only what is new or changed.
    A submission that cannot be read or run costs itself a status, never the run. Exit codes as for check.
    """
    warm_up()
    from grader import pipeline
    from grader.cli import classes
    from grader.tasks.data import cache_dir

    settings = pipeline.Settings(
        isolation=isolation,
        device=device,
        seed=seed,
        repeat=runs_of_each(repeat, borderline=borderline),
        borderline=borderline,
        key=key,
        data_dir=data_dir,
        limits=run_limits(time_limit, memory_limit),
        full=full,
        store=store or cache_dir() / "runs",
        fresh=not resume,
        private=(path.absolute(), out.absolute()),
    )
    title = f"Marks: {path.resolve().name}"
    crew = classes.Crew(workers, device_jobs)
    with _submissions(path, task) as submissions:
        reports, code = classes.mark_class(submissions, settings, out, crew=crew, title=title)
    classes.finish(reports, code, as_json=as_json)


@contextmanager
def _submissions(path: Path, task: TaskId | None) -> Iterator[list["Submission"]]:
    """Those of a folder, or of an archive as long as it is unpacked."""
    from grader import intake
    from grader.intake import archive
    from grader.sandbox.reaper import reaper

    if not path.is_file():
        yield intake.read_path(path, task=task, many=True)
    elif not archive.is_archive(path):
        raise UsageError(
            f"{path} is a file; batch takes a folder, zip or tar of submissions (for one file: grader check)."
        )
    else:
        notes: list[int] = []
        try:
            with archive.unpacked(path, made=lambda base: notes.append(reaper().note(folder=base))) as found:
                yield archive.read_unpacked(found, path, task=task)
        finally:
            for number in notes:
                reaper().done(number)
