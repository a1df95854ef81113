"""``grader explain``: what a criterion aims at, how it is measured, why it matters, where the course teaches it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.cli.common import JsonOption, TaskOption, exits, out_console
from grader.errors import UsageError
from grader.types import TaskId

if TYPE_CHECKING:
    from grader.rubric import Criterion
    from grader.rubric.explanations import Explanation

WIDTH = 80
PARTS = {"aim": "Aim", "measured": "Measured", "why": "Why it matters", "course": "In the course"}
EXAMPLES = """\b
Examples:
  grader explain
  grader explain convergence
  grader explain held-out --task penguins-regression
"""


@dataclass(frozen=True)
class Use:
    """A criterion of one task's rubric."""

    task: TaskId
    criterion: "Criterion"


@exits
def explain(
    criterion: Annotated[
        str | None, typer.Argument(metavar="CRITERION", help="Its id; none: list them all.", show_default=False)
    ] = None,
    task: TaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a criterion: its aim, how it is measured, why it matters, where the course teaches it."""
    from grader import resources
    from grader.rubric.explanations import load_explanations

    uses = _uses(task)
    if criterion is None:
        _listed(uses, as_json=as_json)
        return
    asked = criterion.strip().lower()
    found = [use for use in uses if asked in (use.criterion.id, use.criterion.check)]
    if not found:
        known = ", ".join(dict.fromkeys(use.criterion.id for use in uses))
        raise UsageError(f"There is no criterion {criterion[:60]!r}; there are: {known}.")
    texts = load_explanations(resources.rubrics_dir())
    by_check: dict[str, list[Use]] = {}
    for use in found:
        by_check.setdefault(use.criterion.check, []).append(use)
    if as_json:
        typer.echo(json.dumps({"explanations": [_document(used, texts) for used in by_check.values()]}))
        return
    for used in by_check.values():
        _print(used, texts[used[0].criterion.check])


def _uses(task: TaskId | None) -> list[Use]:
    from grader import resources, rubric

    folder = resources.rubrics_dir()
    wanted = [task] if task is not None else list(TaskId)
    return [Use(each, line) for each in wanted for line in rubric.load_rubric(each, folder).criteria]


def _document(used: list[Use], texts: Mapping[str, "Explanation"]) -> dict[str, object]:
    check = used[0].criterion.check
    criteria = [
        {"task": use.task, "id": use.criterion.id, "title": use.criterion.title, "points": use.criterion.points}
        for use in used
    ]
    return {"check": check, "criteria": criteria, **asdict(texts[check])}


def _listed(uses: list[Use], *, as_json: bool) -> None:
    rows = {(use.criterion.id, use.criterion.title): use for use in uses}
    if as_json:
        listed = [{"id": name, "title": title, "check": use.criterion.check} for (name, title), use in rows.items()]
        typer.echo(json.dumps({"criteria": listed}))
        return
    table = Table(box=None, pad_edge=False, width=WIDTH)
    table.add_column("criterion", no_wrap=True)
    table.add_column("title", overflow="fold")
    for name, title in sorted(rows, key=lambda row: [use.criterion.id for use in uses].index(row[0])):
        table.add_row(name, title)
    console = out_console()
    console.print(table)
    console.print(Text("\ngrader explain CRITERION says more of one of them."))


def _print(used: list[Use], texts: "Explanation") -> None:
    console = out_console()
    width = min(WIDTH, console.width)
    for title, lines in _by_title(used).items():
        console.print(Text(title, style="bold"), width=width)
        worth = ", ".join(f"{use.task} {use.criterion.points:g}" for use in lines)
        console.print(Text(f"Points of 100: {worth}", style="dim"), width=width)
    for part, heading in PARTS.items():
        console.print(Text(f"\n{heading}", style="bold"))
        console.print(Padding(Text(getattr(texts, part)), (0, 0, 0, 2)), width=width)
    console.print()


def _by_title(used: list[Use]) -> dict[str, list[Use]]:
    found: dict[str, list[Use]] = {}
    for use in used:
        found.setdefault(use.criterion.title, []).append(use)
    return found
