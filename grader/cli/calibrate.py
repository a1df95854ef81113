"""``grader calibrate``: measures the reference solutions anew; for maintainers, in a checkout."""

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.common import DataOption, IsolationOption, TaskOption, err_console, exits, out_console, say
from grader.types import Isolation

EXAMPLES = """\b
Examples:
  grader calibrate --task penguins-regression --seeds 5
  grader calibrate --data-dir ~/data
"""


@exits
def calibrate(
    task: TaskOption = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Runs of each reference solution.", min=1, max=100)] = 5,
    isolation: IsolationOption = Isolation.AUTO,
    data_dir: DataOption = None,
) -> None:
    """Run the reference solutions over several seeds; write what they reach.

    Full marks for held-out predictions are given at the level written to rubrics/calibration/.
    """
    from grader import calibrate as stage
    from grader import intake, pipeline, resources
    from grader.batch.forecast import Outlook
    from grader.cli.narrate import narrator
    from grader.sources import expected_seconds

    settings = pipeline.Settings(isolation=isolation, data_dir=data_dir)
    (references,) = intake.read_path(resources.reference_solutions_dir(), task=task)
    for file in references.files:
        say(err_console(), f"Running the reference solution of {file.task} {seeds} times.")
        outlook = Outlook(expected_seconds(file.task, stand_in=False))
        with narrator(err_console(), [outlook] * seeds) as progress:
            path: Path = stage.calibrate(stage.Plan(file, settings, seeds), progress)
        say(out_console(), str(path))
