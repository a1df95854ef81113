"""Results of marking, as every report renders them; the public JSON document is built from these."""

from typing import Annotated, Literal

from pydantic import Field

from grader.evidence.model import CellRecord, Finite, Record
from grader.types import Method, Status, TaskId, TaskStatus

RESULT_SCHEMA_VERSION = 1


class CriterionResult(Record):
    """One criterion: what was aimed at, what was found, the gap, and what to try next (never the fix itself)."""

    id: str
    title: str
    status: Status
    points: Finite
    max_points: Finite
    aim: str
    found: str
    gap: str = ""
    next: str = ""


class Diagnosis(Record):
    """A named training mistake. Empty lists for now; the field is part of the published schema."""

    id: str
    severity: Literal["error", "warning", "advice"]
    confidence: Annotated[Finite, Field(ge=0, le=1)]
    where: str
    message: str
    next: str


class ContradictionResult(Record):
    """Two facts of a run that do not go together, for a person to look at. ``id``: which pair; ``sentence``: both."""

    id: str
    sentence: str


class ShortenedResult(Record):
    """A training that the grader cut short. ``cell``: index of its cell, if known; ``epochs`` and ``steps`` before it;
    ``value``: of ``metric``, the submission's own figure past the level of full marks (``reason`` converged)."""

    reason: Literal["converged", "budget", "time"]
    cell: int | None
    epochs: int
    steps: int
    metric: str
    value: Finite | None


class RepeatResult(Record):
    """One of several runs of a file. ``value``: of the held-out metric, if there was one."""

    seed: int
    points: Finite
    status: TaskStatus
    value: Finite | None


class HeldOutResult(Record):
    """The held-out metric beside its anchors. ``low`` and ``high``: what so many items tell of the metric on all others
    like them (95% interval). ``certain``: whether one run can tell if ``reference`` is reached, by seed and by items.
    ``others``: further metrics, by name, in their own units. ``stuck``: numbers that are the same in all answers."""

    metric: str
    value: Finite
    unit: str
    baseline: Finite
    reference: Finite
    method: Method
    n: int
    low: Finite
    high: Finite
    certain: bool = True
    others: dict[str, Finite] = {}
    stuck: list[str] = []


class ModelResult(Record):
    """Size of the marked model; ``layers`` as short texts in order."""

    parameters: int
    layers: list[str]


class Timing(Record):
    """Seconds."""

    wall_s: Finite
    cpu_s: Finite | None = None
    training_s: Finite | None = None


class TaskResult(Record):
    """One task of one student, marked. ``contradictions`` take no points away: they ask for a person. ``repeats``: all
    runs, if there were several; this is the median one."""

    task: TaskId
    file: str
    points: Finite
    max_points: Finite
    status: TaskStatus
    criteria: list[CriterionResult]
    diagnoses: list[Diagnosis] = []
    contradictions: list[ContradictionResult] = []
    shortened: list[ShortenedResult] = []
    repeats: list[RepeatResult] = []
    held_out: HeldOutResult | None = None
    model: ModelResult | None = None
    timing: Timing
    cells: list[CellRecord] = []
    notes: list[str] = []


class CurveData(Record):
    """Loss curves for the page: lists of (optimiser steps, loss). ``baseline``: the loss of the best constant
    prediction, if it is known for this loss."""

    train: list[tuple[float, float]] = []
    valid: list[tuple[float, float]] = []
    loss: str = ""
    baseline: Finite | None = None


class Picture(Record):
    """What a page draws of the held-out predictions; which fields are set depends on ``kind``.

    ``confusion``: ``classes`` and ``matrix`` (row: truth, column: prediction). ``scatter``: ``truth`` and
    ``predicted`` in ``unit``.
    ``digits``: up to 24 misread ``images`` (28, 28) with labels. ``ellipses``: up to 12 ``images`` (128, 128, 3)
    with parameters (row, column, row radius, column radius) in pixels.
    """

    kind: Literal["confusion", "scatter", "digits", "ellipses"]
    classes: list[str] = []
    matrix: list[list[int]] = []
    unit: str = ""
    truth: list[list[float]] = []
    predicted: list[list[float]] = []
    images: list[bytes] = []  # raw uint8, C order
    image_shape: list[int] = []


class TaskReport(Record):
    """A marked task with what its page draws."""

    result: TaskResult
    curve: CurveData = CurveData()
    pictures: list[Picture] = []


class StudentReport(Record):
    """All tasks of one student; ``problems``: sentences about files that could not be marked."""

    student: str
    tasks: list[TaskReport]
    problems: list[str] = []
