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
    "penguins and digits for all."
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


@lru_cache(maxsize=1)
def _by_nbclient(bench: Bench) -> Mapping[str, Ordinary]:
    return ordinary.run_class(bench)


@lru_cache(maxsize=2)
def _by_grader(bench: Bench, *, full: bool) -> Arm:
    name = "full" if full else "as-it-comes"
    students = bench.students(f"class-{name}", bench.members())
    return Arm(batch(bench, students, Options(store=bench.folder(f"store-{name}"), full=full)))


def _section(bench: Bench, letter: str, *, full: bool) -> Section:
    plain = _by_nbclient(bench)
    arm, whole = _by_grader(bench, full=full), _by_grader(bench, full=True)
    rows = [_row(name, plain[name], arm, whole) for name in plain]
    total = sum(one.seconds for one in plain.values())
    ratio = total / arm.run.seconds
    rows.append(("all", seconds(total), seconds(arm.run.seconds), times(ratio), *_worst(plain, arm, whole)))
    how = "with --full" if full else "as it comes"
    title = f"The grader {how} against nbclient one by one: {times(ratio)} as fast"
    header = ("notebook", "nbclient", "grader", "ratio", "points", "--full", "differ")
    failed = [f"{name}: {one.errors} cells failed under nbclient." for name, one in plain.items() if one.errors]
    return Section(letter, title, header, rows, _figures(plain, arm, whole), [ABOUT, *failed])


def _row(name: str, plain: Ordinary, arm: Arm, whole: Arm) -> tuple[str, ...]:
    points, full = arm.points(name), whole.points(name)
    wall = arm.wall(name)
    return (
        name,
        seconds(plain.seconds),
        seconds(wall),
        times(plain.seconds / wall),
        f"{points:.1f}",
        f"{full:.1f}",
        f"{points - full:+.1f}",
    )


def _worst(plain: Mapping[str, Ordinary], arm: Arm, whole: Arm) -> tuple[str, str, str]:
    return "", "", f"{max(abs(arm.points(name) - whole.points(name)) for name in plain):.1f}"


def _figures(plain: Mapping[str, Ordinary], arm: Arm, whole: Arm) -> dict[str, Any]:
    total = sum(one.seconds for one in plain.values())
    members = {
        name: {
            "nbclient_s": one.seconds,
            "errors": one.errors,
            "grader_s": arm.wall(name),
            "points": arm.points(name),
            "points_full": whole.points(name),
        }
        for name, one in plain.items()
    }
    return {
        "nbclient_s": total,
        "grader_s": arm.run.seconds,
        "ratio": total / arm.run.seconds,
        "largest_difference": max(abs(one["points"] - one["points_full"]) for one in members.values()),
        "members": members,
    }
