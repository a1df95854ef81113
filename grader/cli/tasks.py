"""``grader tasks``: the four tasks and how their files are recognised."""

import json

import typer
from rich.table import Table

from grader.cli.common import JsonOption, exits, out_console

EXAMPLES = """\b
Examples:
  grader tasks
"""


@exits
def tasks(as_json: JsonOption = False) -> None:
    """List the tasks: id, title, what is measured on held-out data, and the course's file name."""
    from grader.tasks import TASKS

    if as_json:
        rows = [
            {"task": spec.id, "title": spec.title, "metric": spec.metric, "unit": spec.unit, "file": spec.file_stem}
            for spec in TASKS.values()
        ]
        typer.echo(json.dumps({"tasks": rows}))
        return
    table = Table(box=None, pad_edge=False, width=80)
    table.add_column("task", no_wrap=True)
    table.add_column("measured by", no_wrap=True)
    table.add_column("file in the course", overflow="fold")
    for spec in TASKS.values():
        unit = f" ({spec.unit})" if spec.unit else ""
        table.add_row(spec.id.value, f"{spec.metric}{unit}", f"{spec.file_stem}.ipynb")
    out_console().print(table)
