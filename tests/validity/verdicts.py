"""Compares the marks of a class with what its cases must get, and says whether the grader is right often enough."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.validity.model import Case

HELD_OUT = "held-out"
WITHIN_NOISE = "one run cannot tell"  # how a page says that a gap is one of chance
ENOUGH = 0.95  # of the correct cases reach the held-out level; of the mistakes are found
OPEN = frozenset({"needs-review", "harness-error"})


@dataclass(frozen=True)
class Outcome:
    """What one case got. ``lost``: criteria with less than all points, ``open``: those left to a person, each with its
    status; ``near``: what is missing on held-out data is said to be chance; ``held_out``: share of those points;
    ``trouble``: why it has no marks."""

    case: Case
    points: float = 0.0
    seconds: float = 0.0
    lost: Mapping[str, str] = field(default_factory=dict)
    open: Mapping[str, str] = field(default_factory=dict)
    near: bool = False
    held_out: float = 0.0
    contradictions: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def found(self) -> bool:
        """Whether the criterion that is about the mistake shows it."""
        return self.case.fault in self.lost

    @property
    def reached(self) -> bool:
        """Whether nothing is missing on held-out data."""
        return not self.trouble and HELD_OUT not in self.lost and HELD_OUT not in self.open

    def unexpected(self) -> list[str]:
        """Criteria that lost points though they must not. A gap of chance on held-out data is none."""
        return [name for name in self.lost if name not in self.case.may_lose and not (name == HELD_OUT and self.near)]

    def deviations(self) -> list[str]:
        """One sentence for each way in which this is not what it must be."""
        if self.trouble:
            return [self.trouble]
        said = [f"{name} is {self.lost[name]}" for name in self.unexpected()]
        if self.case.correct:
            said += [f"{name} is {status}" for name, status in self.open.items() if name not in self.case.may_lose]
            said += [f"contradiction {name}" for name in self.contradictions]
        if self.held_out > self.case.at_most:
            said.append(f"{HELD_OUT} has {self.held_out:.0%} of its points, more than it can do")
        if not self.case.correct and not self.found:
            said.append(f"{self.case.fault} does not show the mistake")
        return said


@dataclass(frozen=True)
class Verdict:
    """All outcomes of a class, counted."""

    outcomes: Sequence[Outcome]

    @property
    def correct(self) -> list[Outcome]:
        """Those of correct work."""
        return [one for one in self.outcomes if one.case.correct]

    @property
    def wrong(self) -> list[Outcome]:
        """Those of work with a mistake."""
        return [one for one in self.outcomes if not one.case.correct]

    @property
    def reached(self) -> int:
        """Correct cases with full marks on held-out data, or which may miss them."""
        return sum(one.reached or HELD_OUT in one.case.may_lose for one in self.correct)

    @property
    def found(self) -> int:
        """Mistakes that the criterion about them shows."""
        return sum(one.found for one in self.wrong)

    @property
    def holds(self) -> bool:
        """Whether correct work loses nothing, nearly all of it reaches the held-out level and misses it by chance
        otherwise, nearly all mistakes are found, and nothing else suffers from them."""
        fair = not any(one.deviations() for one in self.correct)
        apart = not any(one.unexpected() or one.trouble or one.held_out > one.case.at_most for one in self.wrong)
        enough = self.reached >= ENOUGH * len(self.correct) and self.found >= ENOUGH * len(self.wrong)
        return fair and apart and enough

    def summary(self) -> str:
        """The counts, in three lines."""
        lost = sum(bool(one.unexpected()) for one in self.correct)
        open_ = sum(bool(set(one.open) - one.case.may_lose) for one in self.correct)
        apart = sum(bool(one.unexpected()) for one in self.wrong)
        return (
            f"correct: {len(self.correct)}; {lost} lost something that was right, {open_} left open; "
            f"{self.reached} at the held-out level\n"
            f"wrong: {len(self.wrong)}; {self.found} mistakes found, {apart} lost something else\n"
            f"the thresholds {'hold' if self.holds else 'do NOT hold'}"
        )


def judge(cases: Iterable[Case], document: Mapping[str, Any]) -> Verdict:
    """Every case beside its marks in ``document``, a ``results.json`` of ``grader batch``."""
    marked = {entry["student"]: entry for entry in document["submissions"]}
    return Verdict([_outcome(case, marked.get(case.name)) for case in cases])


def _outcome(case: Case, entry: Mapping[str, Any] | None) -> Outcome:
    if entry is None:
        return Outcome(case, trouble="not among the results")
    if len(entry["tasks"]) != 1:
        return Outcome(case, trouble=" ".join(["not marked.", *entry["problems"]]))
    [task] = entry["tasks"]
    if task["task"] != case.task:
        return Outcome(case, trouble=f"taken for {task['task']}")
    missing = {one["id"]: one for one in task["criteria"] if one["points"] < one["max_points"]}
    near = WITHIN_NOISE in missing.get(HELD_OUT, {}).get("gap", "")
    return Outcome(
        case,
        points=float(task["points"]),
        seconds=float(task["timing"]["wall_s"]),
        lost={name: one["status"] for name, one in missing.items() if one["status"] not in OPEN},
        open={name: one["status"] for name, one in missing.items() if one["status"] in OPEN},
        near=near,
        held_out=max(
            (one["points"] / one["max_points"] for one in task["criteria"] if one["id"] == HELD_OUT), default=0.0
        ),
        contradictions=tuple(one["id"] for one in task["contradictions"]),
    )
