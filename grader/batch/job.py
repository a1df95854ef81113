"""What a job is, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
Outcome = tuple[int, Result | None, str | None]  # number of the job, its result, why there is none


@dataclass(frozen=True)
class Job(Generic[Result]):
    """``function(argument)``, both picklable; ``number`` tells the jobs apart."""

    number: int
    function: Callable[[Any], Result]
    argument: Any

    def __call__(self) -> Result:
        """Do it."""
        return self.function(self.argument)
