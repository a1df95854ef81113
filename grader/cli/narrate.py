"""Says on stderr how a run goes: a line for each finished file, and on a terminal what runs now and the time left."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from grader.batch.forecast import Forecast, Outlook
from grader.cli.common import say
from grader.pipeline import Progress, Started, Step
from grader.report.text import clean_text, terminal_text

NAME, SHORT_NAME = 60, 24  # characters of a student's name: in a line of its own, beside others
MINUTE_S, HOUR_S = 60, 3600
REFRESHES = 4  # of the bar, each second


class Narrator:
    """Called with every step of a run, from any thread."""

    def __init__(self, console: Console, forecast: Forecast) -> None:
        self._console = console
        self._forecast = forecast
        self._names: dict[int, str] = {}
        self.done = 0

    def __call__(self, step: Step) -> None:
        """A file is begun or finished."""
        if isinstance(step, Started):
            self._names[step.number] = f"{_cut(step.student, SHORT_NAME)} ({step.task})"
            self._forecast.started(step.number)
            return
        self._forecast.finished(step.number)
        self._names.pop(step.number, None)
        self.done = step.done
        say(self._console, self._line(step))

    def _line(self, step: Progress) -> str:
        name = clean_text(step.student, lines=False, limit=NAME)
        line = f"[{step.done}/{step.total}] {name}, {step.task}: {step.sentence}"
        left = "" if self._console.is_terminal else time_left(self._forecast.left())
        return f"{line}; {left}" if left else line

    def now(self) -> str:
        """What runs at present, longest first."""
        names = (self._names.get(number) for number in self._forecast.running())
        return ", ".join(name for name in names if name is not None)

    def left(self) -> str:
        """How long it will still take."""
        return time_left(self._forecast.left())


class _Rows(Bar):
    """The bar, and below it what runs."""

    def __init__(self, narrator: Narrator, console: Console) -> None:
        self._narrator = narrator  # asked for what to draw before the bar is complete
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Left(narrator))
        super().__init__(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            refresh_per_second=REFRESHES,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """What is drawn at each refresh."""
        for row in self.tasks:
            self.update(row.id, completed=self._narrator.done)
        yield from super().get_renderables()
        if now := self._narrator.now():
            words = terminal_text(f"now: {now}", self.console.encoding)
            yield Text(words, style="dim", no_wrap=True, overflow="ellipsis")


class _Left(ProgressColumn):
    """The time left, in words."""

    def __init__(self, narrator: Narrator) -> None:
        super().__init__()
        self._narrator = narrator

    def render(self, task: Task) -> Text:  # noqa: ARG002  rich's
        """As of now."""
        return Text(self._narrator.left(), no_wrap=True)


@contextmanager
def narrator(console: Console, outlooks: Sequence[Outlook], workers: int = 1) -> Iterator[Narrator]:
    """A narrator for a run of the files of which this is known, over so many workers."""
    found = Narrator(console, Forecast(outlooks, workers))
    with _Rows(found, console) as bar:
        bar.add_task("marking", total=len(outlooks))
        yield found


def time_left(seconds: float) -> str:
    """In words, no finer than such a forecast can be; empty when it is done."""
    if seconds < 1:
        return ""
    if seconds < MINUTE_S:
        return "less than a minute left"
    if seconds < 2 * HOUR_S:
        return f"about {seconds / MINUTE_S:.0f} min left"
    return f"about {seconds / HOUR_S:.1f} h left"


def _cut(name: str, most: int) -> str:
    clean = clean_text(name, lines=False)
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"
