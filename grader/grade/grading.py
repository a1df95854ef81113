"""One marked task from stored evidence and check results: points, held-out figures, curves, pictures, notes."""

from collections.abc import Iterable, Sequence

from grader.checks import CheckResult, Context, run_checks
from grader.checks.constants import constant_loss
from grader.checks.contradictions import contradictions
from grader.checks.heldout import undecided
from grader.checks.result import number
from grader.checks.stuck import stuck
from grader.evidence.model import ArchitectureClaim, CurvePoint, LayerClaim
from grader.grade.model import (
    ContradictionResult,
    CriterionResult,
    CurveData,
    HeldOutResult,
    ModelResult,
    ShortenedResult,
    TaskReport,
    TaskResult,
    Timing,
)
from grader.grade.pictures import pictures
from grader.grade.scoring import criteria, open_points, task_status
from grader.grade.shortened import answered, sentences, shortened
from grader.limits import MAX_SHOWN_LAYERS
from grader.rubric import Rubric
from grader.types import Method

METHOD_NOTES = {
    Method.PREDICT: "Held-out predictions come from the submission's own predict function.",
    Method.REPLAY: "The trained net was run over held-out data, prepared by the submission's own data set.",
    Method.INPUT_MAP: "How held-out inputs are prepared was worked out from the data that the net was seen to use.",
    Method.RECORDED_VALIDATION: (
        "The net could not be run on held-out data; the figures are those of its own validation data."
    ),
}
MAX_NOTES = 40
STAND_IN = (
    "Marked with stand-in digits (made from 1,797 small handwritten digits of scikit-learn), "
    "since the MNIST files are not at hand here."
)


def mark(ctx: Context, rubric: Rubric) -> TaskReport:
    """Run the checks of ``rubric`` over ``ctx`` and grade them: the same evidence always gives the same report."""
    return grade(ctx, rubric, run_checks(ctx, rubric))


def grade(ctx: Context, rubric: Rubric, results: Sequence[CheckResult]) -> TaskReport:
    """The report of one task. ``results``: one per criterion of ``rubric``, in its order. Open points are neither
    given nor lost: the task then needs review, and a note says how many they are. So it does when facts of the run
    contradict each other; the points stay what they are."""
    document = ctx.document
    graded = criteria(rubric, results)
    odd = [ContradictionResult(id=found.id, sentence=found.sentence) for found in contradictions(ctx)]
    cuts = shortened(ctx)
    net = ctx.architecture
    result = TaskResult(
        task=document.task,
        file=document.file,
        points=round(sum(c.points for c in graded), 2),
        max_points=rubric.max_points,
        status=task_status(graded, contradicted=bool(odd)),
        criteria=graded,
        contradictions=odd,
        shortened=cuts,
        held_out=_held_out(ctx),
        model=_model(net) if net is not None else None,
        timing=Timing(wall_s=max(0.0, document.host.wall_s), cpu_s=document.host.cpu_s),
        cells=document.cells,
        notes=_notes(ctx, graded, cuts),
    )
    return TaskReport(result=result, curve=_curve(ctx), pictures=pictures(ctx))


def _held_out(ctx: Context) -> HeldOutResult | None:
    measured = ctx.measured
    if measured is None:
        return None
    return HeldOutResult(
        metric=ctx.spec.metric,
        value=measured.value,
        unit=ctx.spec.unit,
        baseline=measured.baseline,
        reference=measured.reference,
        method=measured.method,
        n=measured.n,
        low=measured.interval[0],
        high=measured.interval[1],
        certain=not undecided(ctx, measured),
        others=dict(measured.others),
        stuck=list(stuck(ctx)),
    )


def _model(net: ArchitectureClaim) -> ModelResult:
    layers = [_layer(layer) for layer in net.layers[:MAX_SHOWN_LAYERS]]
    more = len(net.layers) - len(layers)
    return ModelResult(parameters=net.parameters, layers=[*layers, f"and {more} more"] if more else layers)


def _layer(layer: LayerClaim) -> str:
    size = (
        " x ".join(str(n) for n in layer.output_shape[1:]) if layer.output_shape and len(layer.output_shape) > 1 else ""
    )
    parts = [layer.kind, f"to {size}" if size else "", f"({layer.parameters:,} parameters)" if layer.parameters else ""]
    return " ".join(part for part in parts if part)


def _curve(ctx: Context) -> CurveData:
    claims = ctx.claims
    if claims is None:
        return CurveData()
    losses = ctx.train_losses
    main = losses[0] if losses else None
    found = constant_loss(main, ctx.array("train_targets")) if main is not None and len(losses) == 1 else None
    return CurveData(
        train=_points(claims.train_curve),
        valid=_points(claims.eval_curve),
        loss=main.kind if main is not None else "",
        baseline=found[0] if found else None,
    )


def _points(curve: Iterable[CurvePoint]) -> list[tuple[float, float]]:
    return [(float(point.step), point.loss) for point in curve if point.loss is not None]


def _notes(ctx: Context, graded: Sequence[CriterionResult], cuts: list[ShortenedResult]) -> list[str]:
    document = ctx.document
    notes: list[str] = []
    stand_in = ctx.world.stand_in or document.host.stand_in
    if stand_in and not any("stand-in" in note for note in ctx.world.notes):
        notes.append(STAND_IN)
    if left := open_points(graded):
        notes.append(
            f"{number(left)} points are still open, not lost: a person has to look, or the grader has to run again."
        )
    if ctx.measured is not None:
        notes.append(METHOD_NOTES[ctx.measured.method])
    if document.host.sentence:
        notes.append(document.host.sentence)
    if document.claims is not None and not document.claims.complete:
        notes.append("The run did not come to its end; what was learnt until then is marked.")
    more = [
        *sentences(cuts),
        *answered(ctx),
        *document.notes,
        *ctx.world.notes,
        *_from_inside(ctx),
        *ctx.predictions.notes,
        *document.problems,
    ]
    return list(dict.fromkeys(note for note in [*notes, *more] if note))[:MAX_NOTES]


def _from_inside(ctx: Context) -> list[str]:
    heldout = ctx.document.heldout
    return [*(ctx.claims.notes if ctx.claims else ()), *(heldout.notes if heldout else ())]
