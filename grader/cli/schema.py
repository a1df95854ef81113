"""``grader schema``: the JSON Schema of what ``--json`` prints."""

import json

import typer

from grader.cli.common import exits

EXAMPLES = """\b
Examples:
  grader schema > results.schema.json
"""


@exits
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of the results document."""
    from grader.report import document

    typer.echo(json.dumps(document.schema(), indent=2))
