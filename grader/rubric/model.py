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
    """What a run may use. ``work``: training, in seconds of a nominal processor, counted by the operations of the net
    and so the same everywhere, after which it is cut short and marked on what it reached. ``seconds``: the same by the
    clock. ``training_items``: how many digits there are to train on, if there are more. None: no such bound."""

    work: Annotated[StrictFloat, Field(ge=1, le=86_400, allow_inf_nan=False)] | None = None
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


Point = tuple[Number, Number, Number, Number]


class Band(_Part):
    """Losses over the seeds in multiples of the best constant answer's: (optimiser steps, 10th percentile, median, 90th
    percentile)."""

    train: list[Point] = []
    valid: list[Point] = []


class Made(_Part):
    """What figures depend on: versions, device, and SHA-256 digests of ``data`` and ``solution``."""

    python: Words
    torch: Words
    torchvision: Words
    device: Words
    data: Words
    solution: Words


class Manner(_Part):
    """One way of solving a task, run over several seeds. ``level``: the lower end of what it reaches by seed alone;
    ``values``: the metric of each run; ``loss``: functional name of the loss in ``band``; ``times``: wall seconds;
    ``source``: how the figures came about; ``made``: None for figures that were not measured here."""

    name: Identifier
    solution: Words
    level: Number
    values: list[Number] = []
    band: Band = Band()
    loss: Annotated[StrictStr, Field(max_length=60)] = ""
    times: list[Number] = []
    source: Words
    made: Made | None = None


class Calibration(_Part):
    """What solutions that are known to be right reach on held-out data. ``reference``: where full marks start, in the
    task's unit: the level of the manner that is easiest to reach. ``manners``: the reference solution first."""

    metric: Words
    reference: Number
    manners: list[Manner] = []

    @property
    def first(self) -> Manner | None:
        """The reference solution's figures, if there are any."""
        return self.manners[0] if self.manners else None

    @property
    def deciding(self) -> Manner | None:
        """The manner whose level is nearest to where full marks start."""
        return min(self.manners, key=lambda manner: abs(manner.level - self.reference), default=None)

    @property
    def values(self) -> list[float]:
        """The metric over the seeds of the manner that decides where full marks start."""
        return list(self.deciding.values) if self.deciding is not None else []

    @property
    def times(self) -> list[float]:
        """Wall seconds of the reference solution's runs."""
        return list(self.first.times) if self.first is not None else []
