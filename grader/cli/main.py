"""The command ``grader``: puts the commands together and prints the version."""

from typing import Annotated

import typer

from grader import __version__
from grader.cli import batch, calibrate, check, data, demo, doctor, explain, schema, tasks

app = typer.Typer(
    name="grader",
    help="Grades the coursework of a neural-network workshop: runs it in isolation, watches it train, marks it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 80, "help_option_names": ["-h", "--help"]},
)
app.command("check", epilog=check.EXAMPLES)(check.check)
app.command("batch", epilog=batch.EXAMPLES)(batch.batch)
app.command("demo", epilog=demo.EXAMPLES)(demo.demo)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
app.add_typer(data.app)
app.command("tasks", epilog=tasks.EXAMPLES)(tasks.tasks)
app.command("explain", epilog=explain.EXAMPLES)(explain.explain)
app.command("calibrate", epilog=calibrate.EXAMPLES)(calibrate.calibrate)
app.command("schema", epilog=schema.EXAMPLES)(schema.schema)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"workshop-grader {__version__}")
        raise typer.Exit


@app.callback()
def grader(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Grades the coursework of a neural-network workshop: runs it in isolation, watches it train, marks it."""


def main() -> None:
    """Entry point of the command ``grader``."""
    app()
