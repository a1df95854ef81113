"""``grader calibrate``: measures solutions that are known to be right anew; for maintainers, in a checkout."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.batch.pool import warm_up
from grader.cli.common import (
    DataOption,
    DeviceJobsOption,
    DeviceOption,
    IsolationOption,
    TaskOption,
    WorkersOption,
    err_console,
    exits,
    out_console,
    say,
)
from grader.errors import UsageError
from grader.limits import DEVICE_JOBS
from grader.types import Device, Isolation, TaskId

if TYPE_CHECKING:
    from grader.intake.submission import TaskFile

EXAMPLES = """\b
Examples:
  grader calibrate --task penguins-regression --seeds 20
  grader calibrate --data-dir ~/data
  grader calibrate --manner course --solution my_solution.ipynb
"""


@exits
def calibrate(
    task: TaskOption = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Runs of each solution.", min=1, max=100)] = 20,
    manner: Annotated[
        str, typer.Option("--manner", help="Name of this way of solving it.", show_default=False)
    ] = "reference",
    solution: Annotated[
        Path | None, typer.Option("--solution", help="Measure this file instead of the reference solutions.")
    ] = None,
    workers: WorkersOption = None,
    device_jobs: DeviceJobsOption = DEVICE_JOBS,
    device: DeviceOption = Device.AUTO,
    isolation: IsolationOption = Isolation.AUTO,
    data_dir: DataOption = None,
) -> None:
    """Run solutions that are known to be right over several seeds; write what they reach.

    Full marks for held-out predictions start at the level written to rubrics/calibration/: what the easiest of the
    calibrated manners reaches whatever its seed. Runs are kept, so that the same command again goes on where it was.
    """
    warm_up()
    from grader import calibrate as stage
    from grader import pipeline, resources, tasks
    from grader.batch.forecast import Outlook
    from grader.cli import classes
    from grader.cli.narrate import narrator
    from grader.sources import expected_seconds
    from grader.tasks.data import cache_dir

    if (solution is None) != (manner == stage.REFERENCE):
        raise UsageError("--manner NAME and --solution FILE go together: a further way of solving a task has a name.")
    settings = pipeline.Settings(isolation=isolation, device=device, data_dir=data_dir, store=cache_dir() / "runs")
    crew = classes.Crew(workers, device_jobs).choice(device)
    references = [
        resources.reference_solutions_dir() / f"{spec.file_stem}.ipynb"
        for spec in tasks.TASKS.values()
        if task in (None, spec.id)
    ]
    for path in [solution] if solution is not None else references:
        file = _only_file(path, task)
        say(err_console(), f"Running {file.path.name} ({file.task}) {seeds} times with {crew.workers} workers.")
        outlook = Outlook(expected_seconds(file.task, stand_in=False))
        with narrator(err_console(), [outlook] * seeds, crew.workers) as progress:
            written: Path = stage.calibrate(stage.Plan(file, settings, seeds, crew.workers, manner), progress)
        say(out_console(), str(written))


def _only_file(path: Path, task: TaskId | None) -> "TaskFile":
    from grader import intake

    files = [file for submission in intake.read_path(path, task=task) for file in submission.files]
    if len(files) != 1:
        raise UsageError(f"{path} holds {len(files)} files that can be measured; name the one notebook or module.")
    return files[0]
