"""``grader demo``: marks a small bundled class, so that one sees what the grader does."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from grader.batch.pool import warm_up
from grader.cli.common import DataOption, FullOption, IsolationOption, JsonOption, WorkersOption, exits
from grader.types import Isolation

EXAMPLES = """\b
Examples:
  grader demo
  grader demo --out reports
"""


@exits
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the pages.")] = Path("reports"),
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    isolation: IsolationOption = Isolation.AUTO,
    data_dir: DataOption = None,
    full: FullOption = False,
) -> None:
    """Mark eight bundled submissions: all four tasks, good, half finished and wrong. Takes a few minutes."""
    warm_up()
    from grader import intake, pipeline
    from grader.cli import classes

    submissions = [s for folder in demo_folders() for s in intake.read_path(folder)]
    settings = pipeline.Settings(isolation=isolation, data_dir=data_dir, full=full)
    reports, code = classes.mark_class(submissions, settings, out, crew=classes.Crew(workers), title="Demo class")
    classes.finish(reports, code, as_json=as_json)


def demo_folders() -> list[Path]:
    """The submissions that make up the demo class."""
    from grader import resources

    bundled = resources.submissions_dir()
    listed = yaml.safe_load((bundled / "demo.yaml").read_text(encoding="utf-8"))
    return [bundled / case for case in listed["cases"]]
