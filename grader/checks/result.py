"""What one check says, and the words and numbers it says it with."""

import math
from dataclasses import dataclass, replace

from grader.types import Status

MAX_QUOTED = 160
HALF = 0.5  # of a measured way, short of which the goal was not met


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check. ``share`` in [0, 1] of the criterion's points is given now, less than half with ``FAIL``;
    with ``NEEDS_REVIEW`` and ``HARNESS_ERROR`` the rest stays open. ``aim, found, gap, next``: the goal, what the work
    shows, the distance between them, the next experiment."""

    status: Status
    share: float
    aim: str
    found: str
    gap: str = ""
    next: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be marked: a share that is not a number in [0, 1], or one that its status does not
        allow."""
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"a share lies in [0, 1], not at {self.share}")
        whole = {Status.PASS: 1.0, Status.BLOCKED: 0.0}.get(self.status, self.share)
        if self.share != whole or (self.status is Status.FAIL and self.share >= HALF):
            raise ValueError(f"{self.status} does not go with a share of {self.share}")

    def but(self, **changes: str) -> "CheckResult":
        """The same with other words."""
        return replace(self, **changes)  # type: ignore[arg-type]


def passed(aim: str, found: str) -> CheckResult:
    """Everything this check looks at is in order, or nothing speaks against it."""
    return CheckResult(Status.PASS, 1.0, aim, found)


def graded(share: float, *, aim: str, found: str, gap: str = "", next: str = "") -> CheckResult:
    """Pass at a share of 1, fail at 0, partial in between; a share that is not a number counts as 0."""
    share = min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0
    if share >= 1.0 - 1e-9:
        return CheckResult(Status.PASS, 1.0, aim, found)
    if share <= 1e-9:
        return CheckResult(Status.FAIL, 0.0, aim, found, gap, next)
    return CheckResult(Status.PARTIAL, share, aim, found, gap, next)


def by_scale(share: float, *, aim: str, found: str, gap: str = "", next: str = "") -> CheckResult:
    """Like :func:`graded`, on a scale where bad luck ends near 0: less than half of the way is a fail that keeps its
    points, so that chance among nets that guess does not decide the status."""
    result = graded(share, aim=aim, found=found, gap=gap, next=next)
    missed = result.status is Status.PARTIAL and result.share < HALF
    return replace(result, status=Status.FAIL) if missed else result


def failed(*, aim: str, found: str, gap: str = "", next: str = "") -> CheckResult:
    """The goal was not met, or not attempted yet."""
    return CheckResult(Status.FAIL, 0.0, aim, found, gap, next)


def review(*, aim: str, found: str, gap: str = "", share: float = 0.0) -> CheckResult:
    """The evidence does not tell; a person has to look, and the rest of the points stays open."""
    return CheckResult(
        Status.NEEDS_REVIEW,
        min(1.0, max(0.0, share)),
        aim,
        found,
        gap or "The points stay open until a person has looked.",
    )


def harness_error(aim: str, found: str) -> CheckResult:
    """The grader or its environment failed; the points stay open."""
    return CheckResult(
        Status.HARNESS_ERROR,
        0.0,
        aim,
        found,
        "This is no fault of the work. The points stay open.",
        "Run the grader again.",
    )


def number(value: float, digits: int = 3) -> str:
    """``value`` with about ``digits`` significant digits and no exponent for everyday sizes: 0.0123, 4.56, 382,
    12,300."""
    if not math.isfinite(value):
        return "not a number"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size >= 7 or size < -5:
        return f"{value:.2g}"
    places = max(0, digits - 1 - size)
    return f"{round(value, digits - 1 - size):,.{places}f}"


def percent(share: float) -> str:
    """``0.9667`` -> ``97%``; one decimal close to either end."""
    if not math.isfinite(share):
        return "an unknown share"
    places = 1 if 0.985 < share < 1 or 0 < share < 0.01 else 0
    return f"{share * 100:.{places}f}%"


def count(n: int, noun: str, plural: str = "") -> str:
    """``1 cell``, ``2 cells``, ``0 batches``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def quoted(text: str) -> str:
    """One short line of a student's or torch's text."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_QUOTED else line[: MAX_QUOTED - 1] + "…"
