"""View models: everything a page prints, worked out, worded and bounded, so that templates only print."""

from collections.abc import Sequence
from dataclasses import dataclass

from grader.grade.model import (
    CriterionResult,
    HeldOutResult,
    TaskReport,
    TaskResult,
)
from grader.limits import FEW_ITEMS, MAX_SHOWN_ERRORS, MAX_SHOWN_LAYERS
from grader.report.figures import Chart, ReferenceCurve, curve_chart, scatter_chart
from grader.report.pictures import Tile, digit_tiles, ellipse_tiles
from grader.report.priorities import fix_first, open_points
from grader.report.text import clean_text, measured, number, points, seconds, task_title
from grader.types import CellStatus, Method, Status, TaskId, TaskStatus

SELF_CHECK = "A self-check: the final mark may use other held-out data."
MAX_CLASSES = 20
FEW_CLASSES = 5
HEAT_STEPS = 8
_GAUGE_BASELINE, _GAUGE_REFERENCE = 12.0, 84.0  # where the anchors stand on a scale from 0 to 100


@dataclass(frozen=True)
class Badge:
    """A status: ``kind`` names its style, ``symbol`` repeats its colour in a form that needs none."""

    kind: str
    symbol: str
    word: str


@dataclass(frozen=True)
class CriterionView:
    """One criterion, worded."""

    title: str
    badge: Badge
    points: str
    max_points: str
    aim: str
    found: str
    gap: str
    next: str


@dataclass(frozen=True)
class GaugeView:
    """The held-out metric between its anchors; positions in per cent of the scale's width."""

    heading: str
    metric: str
    value: str
    baseline: str
    reference: str
    value_at: float
    range_at: float
    range_width: float
    baseline_at: float
    reference_at: float
    verdict: str
    source: str
    others: list[tuple[str, str]]


@dataclass(frozen=True)
class HeatCell:
    """A count of a confusion matrix; ``heat`` from 0 to 8 is its share of the row."""

    count: int
    heat: int
    right: bool


@dataclass(frozen=True)
class MatrixView:
    """A confusion matrix: one row per true class."""

    classes: list[str]
    rows: list[tuple[str, list[HeatCell]]]
    few: bool


@dataclass(frozen=True)
class ErrorView:
    """A cell that did not end well."""

    cell: int
    headline: str
    traceback: str


@dataclass(frozen=True)
class TaskView:
    """One task's part of a student's page."""

    anchor: str
    title: str
    file: str
    badge: Badge
    points: str
    max_points: str
    open_points: str
    first: list[CriterionView]
    diagnoses: list[tuple[str, str, str]]
    contradictions: list[str]
    criteria: list[CriterionView]
    gauge: GaugeView | None
    curve: Chart | None
    curve_caption: str
    matrices: list[MatrixView]
    scatters: list[Chart]
    digits: list[Tile]
    ellipses: list[Tile]
    errors: list[ErrorView]
    errors_left_out: int
    parameters: str
    layers: list[str]
    layers_left_out: int
    timing: list[tuple[str, str]]
    notes: list[str]

    @property
    def trio(self) -> bool:
        """Whether there are exactly three cards to arrange beside each other."""
        return self.gauge is not None and self.curve is not None and len(self.matrices) + len(self.scatters) == 1

    @property
    def small_picture(self) -> bool:
        """Whether the picture is the lowest of the three, so that the curve takes the tall place."""
        return any(matrix.few for matrix in self.matrices)


def share(part: float, whole: float) -> float:
    """``part`` of ``whole`` in per cent, from 0 to 100; 0 of nothing is 0."""
    return round(min(100.0, max(0.0, 100.0 * part / whole)), 1) if whole > 0 else 0.0


def task_badge(result: TaskResult) -> Badge:
    """The task's status as a reader sees it."""
    return _TASK_BADGES[result.status]


def anchor(place: int) -> str:
    """Where on the page the task at this place is."""
    return f"task-{place + 1}"


def task_points(result: TaskResult) -> str:
    """The points, or that there are none to speak of."""
    return "–" if result.status is TaskStatus.HARNESS_ERROR else points(result.points)


def outlook(result: TaskResult) -> str:
    """What to say of a task with nothing to fix."""
    return "no criterion missed" if result.status is TaskStatus.MARKED else task_badge(result).word


def task_view(report: TaskReport, reference: ReferenceCurve | None, place: int) -> TaskView:
    """Everything that a task's section prints, its charts drawn; ``place``: which of the page's tasks it is."""
    result = report.result
    shown_open = open_points(result)
    errors = [cell for cell in result.cells if cell.status not in {CellStatus.OK, CellStatus.NOT_RUN}]
    layers = result.model.layers if result.model is not None else []
    by_kind = {
        kind: [p for p in report.pictures if p.kind == kind] for kind in ("confusion", "scatter", "digits", "ellipses")
    }
    return TaskView(
        anchor=anchor(place),
        title=task_title(result.task),
        file=clean_text(result.file, lines=False, limit=200),
        badge=task_badge(result),
        points=task_points(result),
        max_points=points(result.max_points),
        open_points=points(shown_open) if shown_open else "",
        first=[_criterion(c) for c in fix_first(result)],
        diagnoses=[(d.where, d.message, d.next) for d in result.diagnoses],
        contradictions=[found.sentence for found in result.contradictions],
        criteria=[_criterion(c) for c in result.criteria],
        gauge=None if result.held_out is None else _gauge(result.held_out, result.task),
        curve=curve_chart(report.curve, reference),
        curve_caption=_curve_caption(report, known_reference=reference is not None),
        matrices=[m for m in (_matrix(p.classes, p.matrix) for p in by_kind["confusion"]) if m is not None],
        scatters=[c for c in (scatter_chart(p) for p in by_kind["scatter"]) if c is not None],
        digits=[tile for p in by_kind["digits"] for tile in digit_tiles(p)],
        ellipses=[tile for p in by_kind["ellipses"] for tile in ellipse_tiles(p)],
        errors=[_error(cell.index, cell.status, cell.error) for cell in errors[:MAX_SHOWN_ERRORS]],
        errors_left_out=max(0, len(errors) - MAX_SHOWN_ERRORS),
        parameters=f"{result.model.parameters:,}" if result.model is not None else "",
        layers=[clean_text(layer, lines=False, limit=200) for layer in layers[:MAX_SHOWN_LAYERS]],
        layers_left_out=max(0, len(layers) - MAX_SHOWN_LAYERS),
        timing=_timing(result),
        notes=result.notes,
    )


def _criterion(criterion: CriterionResult) -> CriterionView:
    return CriterionView(
        title=criterion.title,
        badge=_BADGES[criterion.status],
        points="–" if criterion.status is Status.HARNESS_ERROR else points(criterion.points),
        max_points=points(criterion.max_points),
        aim=criterion.aim,
        found=criterion.found,
        gap=criterion.gap,
        next=criterion.next,
    )


def _gauge(held: HeldOutResult, task: TaskId) -> GaugeView:
    relative = _relative(held, held.value)
    ends = sorted(_place(held, end) for end in (held.low, held.high))
    noun = "rows" if task in {TaskId.PENGUINS_CLASSIFICATION, TaskId.PENGUINS_REGRESSION} else "images"
    recorded = held.method is Method.RECORDED_VALIDATION
    kept = "validation" if recorded else "held-out"
    return GaugeView(
        heading="On your own validation data" if recorded else "On data it never saw",
        metric=_metric(held.metric),
        value=measured(held.value, held.metric, held.unit),
        baseline=measured(held.baseline, held.metric, held.unit),
        reference=measured(held.reference, held.metric, held.unit),
        value_at=_place(held, held.value),
        range_at=ends[0],
        range_width=round(ends[1] - ends[0], 1),
        baseline_at=_GAUGE_BASELINE,
        reference_at=_GAUGE_REFERENCE,
        verdict=_verdict(held, relative),
        source=f"Measured on {held.n:,} {kept} {noun}, {_METHODS[held.method]}. {_certainty(held, noun)}",
        others=[(_metric(name), measured(v, name, _other_unit(name, held.unit))) for name, v in held.others.items()],
    )


def _relative(held: HeldOutResult, value: float) -> float:
    """Where a value of the metric lies on the way from the naive baseline (0) to the reference (1)."""
    span = held.reference - held.baseline
    return (value - held.baseline) / span if span else 0.0


def _place(held: HeldOutResult, value: float) -> float:
    """Where a value is drawn on the scale."""
    at = _GAUGE_BASELINE + _relative(held, value) * (_GAUGE_REFERENCE - _GAUGE_BASELINE)
    return round(min(100.0, max(0.0, at)), 1)


def _certainty(held: HeldOutResult, noun: str) -> str:
    low, high = (measured(end, held.metric, held.unit) for end in (held.low, held.high))
    begin = f"So few {noun} leave room: on" if held.n < FEW_ITEMS else "On"
    return f"{begin} all others like them it is most likely {low} to {high} (95 % interval, the thin line)."


def _metric(name: str) -> str:
    stem, _, part = name.replace("_", " ").partition(" ")
    if part and stem in {"mae", "rmse"}:
        return f"{stem.upper()} {part}"
    return _METRICS.get(name, name.replace("_", " "))


def _other_unit(name: str, unit: str) -> str:
    return unit if name in {"mae", "rmse"} or name.startswith(("mae_", "rmse_", "mae ", "rmse ")) else ""


def _verdict(held: HeldOutResult, relative: float) -> str:
    gap = measured(abs(held.reference - held.value), held.metric, held.unit)
    if held.metric == "accuracy":
        gap = f"{number(100 * abs(held.reference - held.value))} percentage points"
    if relative >= 1:
        return "At or beyond the level for full marks."
    if relative <= 0:
        return f"No better than the naive baseline; {gap} short of full marks."
    return f"{100 * relative:.0f} % of the way from the naive baseline to the level for full marks; {gap} short of it."


def _curve_caption(report: TaskReport, *, known_reference: bool) -> str:
    curve = report.curve
    name = _LOSSES.get(curve.loss, clean_text(curve.loss, lines=False, limit=60)) or "Loss"
    if curve.baseline is None or curve.baseline <= 0:
        return f"{name}. Its naive baseline is not known, so it cannot be put beside the reference solution's."
    beside = (
        " The dashed line is the reference solution's, the area around it what other seeds do to it."
        if known_reference
        else ""
    )
    relative = f"{name} divided by that of the best constant answer ({number(curve.baseline)})"
    return f"{relative}: below 1 the model has learnt from its inputs.{beside}"


def _matrix(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> MatrixView | None:
    if (
        not classes
        or len(matrix) != len(classes)
        or len(classes) > MAX_CLASSES
        or any(len(row) != len(classes) for row in matrix)
    ):
        return None
    rows = []
    for place, (name, counts) in enumerate(zip(classes, matrix, strict=True)):
        total = sum(counts)
        cells = [
            HeatCell(n, round(HEAT_STEPS * n / total) if total else 0, right=column == place)
            for column, n in enumerate(counts)
        ]
        rows.append((name, cells))
    return MatrixView(list(classes), rows, few=len(classes) <= FEW_CLASSES)


def _error(index: int, status: CellStatus, error: object) -> ErrorView:
    name, message = (
        clean_text(getattr(error, "name", ""), lines=False),
        clean_text(getattr(error, "message", ""), lines=False, limit=300),
    )
    headline = f"{name}: {message}" if message else name
    if status is CellStatus.TIMEOUT:
        headline = headline or "stopped at the time limit"
    return ErrorView(index, headline or "ended with an error", clean_text(getattr(error, "traceback", "")))


def _timing(result: TaskResult) -> list[tuple[str, str]]:
    timing = result.timing
    parts = [("whole run", timing.wall_s), ("training", timing.training_s), ("processor time", timing.cpu_s)]
    return [(name, seconds(value)) for name, value in parts if value is not None and value > 0]


_BADGES = {
    Status.PASS: Badge("good", "✓", "met"),
    Status.PARTIAL: Badge("part", "◐", "partly met"),
    Status.FAIL: Badge("bad", "✗", "not met"),
    Status.BLOCKED: Badge("wait", "…", "waits for another"),
    Status.NEEDS_REVIEW: Badge("look", "?", "a person decides"),
    Status.HARNESS_ERROR: Badge("look", "!", "grader failed"),
}

_TASK_BADGES = {
    TaskStatus.MARKED: Badge("good", "✓", "marked"),
    TaskStatus.NEEDS_REVIEW: Badge("look", "?", "needs review"),
    TaskStatus.UNREADABLE: Badge("bad", "✗", "unreadable"),
    TaskStatus.HARNESS_ERROR: Badge("look", "!", "grader failed"),
}

_METRICS = {
    "accuracy": "Accuracy",
    "mae": "Mean absolute error",
    "rmse": "Root-mean-square error",
    "iou": "Intersection over union",
    "r2": "R²",
    "balanced_accuracy": "Balanced accuracy",
}

_LOSSES = {
    "cross_entropy": "Cross-entropy",
    "nll_loss": "Negative log-likelihood",
    "binary_cross_entropy": "Binary cross-entropy",
    "binary_cross_entropy_with_logits": "Binary cross-entropy",
    "mse_loss": "Mean squared error",
    "l1_loss": "Mean absolute error",
    "smooth_l1_loss": "Smooth L1 loss",
    "huber_loss": "Huber loss",
}

_METHODS = {
    Method.PREDICT: "with your own predict function",
    Method.REPLAY: "through your own evaluation dataset and model",
    Method.INPUT_MAP: "with inputs prepared the way yours were",
    Method.RECORDED_VALIDATION: "taken from your own run since no new predictions could be made; a person looks at it",
}
