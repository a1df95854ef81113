"""What a task is and what a world is: the data that stages after this one may rely on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from grader.types import TaskId

if TYPE_CHECKING:  # pandas takes a second and 30 MiB, and most processes look at no table
    import pandas as pd

Floats = NDArray[np.float64]
Table: TypeAlias = "pd.DataFrame"
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class TaskSpec:
    """Facts of one task that do not depend on data. ``outputs``: width of the net's output. ``unit``: of the
    metric's value."""

    id: TaskId
    title: str
    family: Literal["classification", "regression"]
    inputs: Literal["table", "image"]
    outputs: int
    classes: tuple[str, ...]  # in the grader's own order; empty for regression
    target_names: tuple[str, ...]
    metric: str  # "accuracy", "mae", "rmse"
    unit: str  # "", "g", "px"
    higher_is_better: bool
    file_stem: str  # how the course names the notebook, e.g. "01_penguin_classification"


@dataclass(frozen=True)
class RawInputs:
    """Raw inputs as the grader knows them: ``table`` (rows with all columns but the true target) or ``images`` (n,
    28, 28) or (n, 128, 128, 3) uint8."""

    table: "Table | None" = None
    images: Bytes | None = None

    def __len__(self) -> int:
        """How many items."""
        if self.table is not None:
            return len(self.table)
        return 0 if self.images is None else len(self.images)


@dataclass(frozen=True)
class Truth:
    """True targets on the host. Classification: ``labels`` (n,) int64 into ``TaskSpec.classes``. Regression:
    ``values`` (n, k) in the task's unit
    (grams; pixels in the order row, column, row radius, column radius)."""

    labels: NDArray[np.int64] | None = None
    values: Floats | None = None


@dataclass(frozen=True)
class World:
    """One task's data, cut by a key into what the student's code may see and what it never sees.

    ``training_dir`` and ``heldout_dir`` are host folders copied into a job. ``decoys`` are the false targets that
    stand in ``heldout_dir``, same form as ``heldout_truth``. ``training``: the shown rows whose target is known; for
    digits those of the training file, then those of the test file; for ellipses none, and ``training_truth`` holds
    parameters typical of the task. ``masks``: installed files (host path) and what to show instead. ``digest``:
    SHA-256 over both folders. ``made``: which of the training rows are variants of others.
    """

    task: TaskId
    training_dir: Path
    heldout_dir: Path
    training: RawInputs
    training_truth: Truth
    heldout: RawInputs
    heldout_truth: Truth
    decoys: Truth
    masks: Mapping[Path, Path]
    origin: str
    stand_in: bool
    digest: str
    notes: tuple[str, ...] = ()
    made: range = range(0)


@dataclass(frozen=True)
class Score:
    """A metric on held-out data. ``value`` and ``others`` in the task's units; ``n`` items; ``interval``: where the
    metric on all items like these most likely lies (95%)."""

    metric: str
    value: float
    unit: str
    n: int
    others: Mapping[str, float]
    interval: tuple[float, float]
