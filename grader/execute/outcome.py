"""How one piece of code went in a kernel; apart from what drives it, as that takes a second to import."""

from dataclasses import dataclass

from grader.evidence.model import CellError
from grader.types import CellStatus


@dataclass(frozen=True)
class Outcome:
    """How one piece of code went. ``dead``: the kernel cannot be used any more."""

    status: CellStatus
    error: CellError | None = None
    wall_s: float = 0.0
    has_output: bool = False
    dead: bool = False
