"""What a case of the class is: its source, and which criteria it may lose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from grader.types import TaskId

Kind = Literal["notebook", "script", "module"]


@dataclass(frozen=True)
class Case:
    """One submission. ``cells``: its source, cell by cell. ``fault``: id of the criterion that its one mistake is
    about, empty for correct work. ``may_lose``: criteria that may have less than all points: the fault, what depends
    on it, and for correct work what it leaves out on purpose. ``axes``: how it was put together,
    as ``loss: Huber``. ``at_most``: share of the held-out points that what it can do is worth."""

    name: str
    task: TaskId
    kind: Kind
    cells: tuple[str, ...]
    fault: str = ""
    may_lose: frozenset[str] = frozenset()
    axes: Mapping[str, str] = field(default_factory=dict)
    at_most: float = 1.0

    @property
    def correct(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.fault

    @property
    def source(self) -> str:
        """All its code."""
        return "\n".join(self.cells)
