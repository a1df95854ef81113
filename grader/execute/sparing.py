"""What a run may leave out or do more cheaply without changing a mark, as the probe is told it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from grader.execute.level import converged
from grader.limits import MIB, RunLimits
from grader.rubric import Budget, Calibration
from grader.rubric.stand_ins import without_package
from grader.tasks.model import World

PART_OF_LIMIT = 0.9  # of a hard limit that training may take, so that what it reached can still be marked
REMEMBER_BYTES = 256 * MIB  # of data set items that are built once and remembered


@dataclass(frozen=True)
class Sparing:
    """``remember_bytes``: memory for data set items that come out alike each time; 0 remembers none. ``stand_ins``:
    full names of calls, and the kind of cheap answer each gets instead. ``absent``: the same for calls of packages that
    are not installed; nothing is spared by them. ``converged``: when a training has certainly reached full marks, None
    to train on regardless. ``work``: seconds of training on a nominal processor after which it is cut short, and
    ``budget_s`` by the clock."""

    remember_bytes: int = REMEMBER_BYTES
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    converged: Mapping[str, Any] | None = None
    work: float | None = None
    budget_s: float | None = None

    def document(self) -> dict[str, Any]:
        """As JSON for the probe, and for the key under which the run is kept."""
        return {
            "remember_bytes": self.remember_bytes,
            "stand_ins": dict(self.stand_ins),
            "absent": dict(self.absent),
            "converged": None if self.converged is None else dict(self.converged),
            "work": self.work,
            "budget_s": self.budget_s,
        }


def spared(
    world: World,
    calibration: Calibration,
    budget: Budget,
    *,
    limits: RunLimits,
    stand_ins: Mapping[str, str] = MappingProxyType({}),
) -> Sparing:
    """What a run may leave out by what is known of its task. Of a rubric only the budget counts here: no other change
    of one asks for a new run."""
    return Sparing(
        stand_ins=stand_ins,
        absent=without_package(stand_ins),
        converged=converged(world, calibration),
        work=budget.work,
        budget_s=_seconds(budget, limits),
    )


def _seconds(budget: Budget, limits: RunLimits) -> float | None:
    """The budget, ended early enough before a hard limit would end the cell."""
    if budget.seconds is None:
        return None
    return min(budget.seconds, PART_OF_LIMIT * min(limits.cell_s, limits.wall_s))


FULL = Sparing()
"""Nothing is cut short and nothing stood in for."""
