"""``grader data``: which data sets are at hand, and fetching real MNIST."""

import typer

from grader.cli.common import DataOption, err_console, exits, out_console, say

app = typer.Typer(name="data", help="Data sets and pretrained weights.", no_args_is_help=True, rich_markup_mode=None)
EXAMPLES = """\b
Examples:
  grader data status
  grader data fetch --data-dir ~/data
"""


@app.command(epilog=EXAMPLES)
@exits
def status(data_dir: DataOption = None) -> None:
    """Say which data are at hand and what mends it where they are not."""
    from grader.tasks import data

    for sentence in data.status(data_dir).sentences:
        say(out_console(), sentence)


@app.command(epilog=EXAMPLES)
@exits
def fetch(data_dir: DataOption = None) -> None:
    """Download MNIST (11 MB) once; files that are there and whole are kept."""
    from grader.tasks import data

    say(err_console(), "Fetching MNIST.")
    say(out_console(), f"MNIST is in {data.fetch(data_dir)}")
