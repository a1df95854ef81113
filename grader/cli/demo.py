"""``grader demo``: marks a small bundled class, so that one sees what the grader does."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from grader.cli.common import DataOption, FullOption, IsolationOption, JsonOption, exits
from grader.types import Isolation

EXAMPLES = """\b
Examples:
  grader demo
  grader demo --out reports
"""


@exits
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the pages.")] = Path("reports"),
    workers: Annotated[
        int | None,
        typer.Option("-j", "--workers", help="Processes (else one per processor).", min=1, show_default=False),
    ] = None,
    as_json: JsonOption = False,
    isolation: IsolationOption = Isolation.AUTO,
    data_dir: DataOption = None,
    full: FullOption = False,
) -> None:
    """Mark eight bundled submissions: all four tasks, good, half finished and wrong. Takes a few minutes."""
    from grader import intake, pipeline
    from grader.cli import classes

    submissions = [s for folder in demo_folders() for s in intake.read_path(folder)]
    settings = pipeline.Settings(isolation=isolation, data_dir=data_dir, full=full)
    count = workers or classes.default_workers()
    reports, code = classes.mark_class(submissions, settings, out, workers=count, title="Demo class")
    classes.finish(reports, code, as_json=as_json)


def demo_folders() -> list[Path]:
    """The submissions that make up the demo class."""
    from grader import resources

    bundled = resources.submissions_dir()
    listed = yaml.safe_load((bundled / "demo.yaml").read_text(encoding="utf-8"))
    return [bundled / case for case in listed["cases"]]
