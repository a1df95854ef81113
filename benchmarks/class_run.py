"""(a) and (b): the class of twelve by plain nbclient one by one, by the grader, and by the grader with ``--full``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from benchmarks import ordinary
from benchmarks.bench import Bench, Section
from benchmarks.ordinary import Ordinary
from benchmarks.runs import Options, Run, batch
from benchmarks.table import seconds, times

ABOUT = (
    "nbclient: one notebook after the other, torch's own number of threads, nothing marked. The grader: one command "
    "with two workers, from its start until the pages are written, its two control runs included. The same "
    "penguins and digits for all, as many as a run gets (10,000); in the column MNIST, nbclient's notebooks have "
    "as many as they find without the grader: 60,000 to train on and 10,000 to test."
)


@dataclass(frozen=True)
class Arm:
    """The class once through the grader: the command's seconds, and points and seconds by member."""

    run: Run

    def points(self, member: str) -> float:
        """Points of 100."""
        return float(self.run.tasks()[member]["points"])

    def wall(self, member: str) -> float:
        """Seconds of the sandboxed run."""
        return float(self.run.tasks()[member]["timing"]["wall_s"])


def measure_a(bench: Bench) -> Section:
    """The grader as it comes against nbclient, and its marks against those of ``--full``."""
    return _section(bench, "a", full=False)


def measure_b(bench: Bench) -> Section:
    """The grader with ``--full`` against nbclient."""
    return _section(bench, "b", full=True)


@lru_cache(maxsize=2)
def _by_nbclient(bench: Bench, *, whole: bool = False) -> Mapping[str, Ordinary]:
    return ordinary.run_class(bench, whole=whole)


@lru_cache(maxsize=2)
def _by_grader(bench: Bench, *, full: bool) -> Arm:
    name = "full" if full else "as-it-comes"
    students = bench.students(f"class-{name}", bench.members())
    return Arm(batch(bench, students, Options(store=bench.folder(f"store-{name}"), full=full)))


def _section(bench: Bench, letter: str, *, full: bool) -> Section:
    plain, whole = _by_nbclient(bench), {} if full else _by_nbclient(bench, whole=True)
    compared = Compared(plain, {**plain, **whole}, _by_grader(bench, full=full), _by_grader(bench, full=True))
    rows = [_row(name, compared) for name in plain]
    summary = "", f"{max(abs(compared.differ(name)) for name in plain):.1f}"
    totals = seconds(compared.total), seconds(compared.total_whole) if whole else "", seconds(compared.arm.run.seconds)
    rows.append(("all", *totals, times(compared.ratio), "", *summary))
    how = "with --full" if full else "as it comes"
    title = f"The grader {how} against nbclient one by one: {times(compared.ratio)} as fast on the same digits"
    if whole:
        title += f", {times(compared.ratio_whole)} where nbclient has all of MNIST"
    header = ("notebook", "nbclient", "MNIST", "grader", "ratio", "points", "--full", "differ")
    tries = [*plain.items(), *whole.items()]
    failed = [f"{name}: {one.errors} cells failed under nbclient." for name, one in tries if one.errors]
    return Section(letter, title, header, rows, _figures(compared), [ABOUT, *failed])


@dataclass(frozen=True)
class Compared:
    """nbclient on the same digits, and where it has all of MNIST; the grader, and the grader with ``--full``."""

    plain: Mapping[str, Ordinary]
    whole: Mapping[str, Ordinary]
    arm: Arm
    full: Arm

    @property
    def total(self) -> float:
        """Seconds that nbclient took for the class."""
        return sum(one.seconds for one in self.plain.values())

    @property
    def total_whole(self) -> float:
        """The same with all of MNIST."""
        return sum(one.seconds for one in self.whole.values())

    @property
    def ratio(self) -> float:
        """nbclient's seconds by the grader's."""
        return self.total / self.arm.run.seconds

    @property
    def ratio_whole(self) -> float:
        """The same with all of MNIST."""
        return self.total_whole / self.arm.run.seconds

    def differ(self, name: str) -> float:
        """Points more than with ``--full``."""
        return self.arm.points(name) - self.full.points(name)


def _row(name: str, compared: Compared) -> tuple[str, ...]:
    one, whole, wall = compared.plain[name], compared.whole[name], compared.arm.wall(name)
    return (
        name,
        seconds(one.seconds),
        "" if whole is one else seconds(whole.seconds),
        seconds(wall),
        times(one.seconds / wall),
        f"{compared.arm.points(name):.1f}",
        f"{compared.full.points(name):.1f}",
        f"{compared.differ(name):+.1f}",
    )


def _figures(compared: Compared) -> dict[str, Any]:
    members = {
        name: {
            "nbclient_s": one.seconds,
            "errors": one.errors,
            "grader_s": compared.arm.wall(name),
            "points": compared.arm.points(name),
            "points_full": compared.full.points(name),
        }
        for name, one in compared.plain.items()
    }
    with_all = {name: one.seconds for name, one in compared.whole.items() if one is not compared.plain[name]}
    found = {
        "nbclient_s": compared.total,
        "grader_s": compared.arm.run.seconds,
        "ratio": compared.ratio,
        "largest_difference": max(abs(compared.differ(name)) for name in members),
        "members": members,
    }
    return found if not with_all else {**found, "all_of_mnist_s": with_all, "ratio_all_of_mnist": compared.ratio_whole}
