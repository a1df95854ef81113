"""Says on stderr how a run goes: a line for each finished file, and a bar on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from grader.cli.common import say
from grader.pipeline import Progress
from grader.report.text import clean_text


class Narrator:
    """Called with every :class:`grader.pipeline.Progress`."""

    def __init__(self, bar: Bar, console: Console, total: int) -> None:
        self._bar = bar
        self._console = console
        self._row = bar.add_task("marking", total=total)

    def __call__(self, step: Progress) -> None:
        """One file is finished."""
        name = clean_text(step.student, lines=False, limit=60)
        say(self._console, f"[{step.done}/{step.total}] {name}, {step.task}: {step.sentence}")
        self._bar.update(self._row, completed=step.done, total=step.total)


@contextmanager
def narrator(console: Console, total: int) -> Iterator[Narrator]:
    """A narrator for a run of ``total`` files."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield Narrator(bar, console, total)
