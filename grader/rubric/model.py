"""What a rubric and a calibration are once loaded: checked, immutable, free of files."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from grader.types import TaskId

Words = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Identifier = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Points = Annotated[StrictFloat, Field(ge=0, le=100, allow_inf_nan=False)]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Criterion(_Part):
    """One line of a rubric. ``params``: every parameter of the check, defaults filled in."""

    id: Identifier
    title: Words
    points: Points
    check: Words
    params: dict[StrictStr, Number] = {}
    depends_on: list[Identifier] = []


class Budget(_Part):
    """What a run may use. ``seconds``: of training, by the clock, after which it is cut short and marked on what it
    reached. ``training_items``: how many digits there are to train on, if there are more. None: no such bound."""

    seconds: Annotated[StrictFloat, Field(ge=1, le=86_400, allow_inf_nan=False)] | None = None
    training_items: Annotated[StrictInt, Field(ge=100, le=60_000)] | None = None


class Rubric(_Part):
    """The criteria of one task in the order they are shown; their points sum to 100."""

    task: TaskId
    budget: Budget = Budget()
    criteria: Annotated[list[Criterion], Field(min_length=1, max_length=60)]

    @property
    def max_points(self) -> float:
        """The sum of all points."""
        return sum(c.points for c in self.criteria)

    def criterion(self, name: str) -> Criterion:
        """The criterion of this id. KeyError: there is none."""
        found = next((c for c in self.criteria if c.id == name), None)
        if found is None:
            raise KeyError(name)
        return found


class ReferenceCurve(_Part):
    """Loss of the reference solution, as (optimiser steps, loss)."""

    train: list[tuple[Number, Number]] = []
    valid: list[tuple[Number, Number]] = []


class Calibration(_Part):
    """What the reference solution reaches on held-out data. ``reference``: the level at which full marks start, in
    the task's unit.

    ``values``: the metric over several seeds; ``loss``: functional name of the loss in ``curve``; ``times``: wall
    seconds of the same runs; ``source``: how the figures came about.
    """

    metric: Words
    reference: Number
    values: list[Number] = []
    curve: ReferenceCurve = ReferenceCurve()
    loss: Annotated[StrictStr, Field(max_length=60)] = ""
    times: list[Number] = []
    source: Words
