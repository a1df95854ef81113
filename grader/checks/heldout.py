"""How good the predictions are on data that the code never saw."""

import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from grader.checks.classes import Classes, by_class
from grader.checks.clock import from_scratch, on_time
from grader.checks.context import Context
from grader.checks.result import CheckResult, by_scale, count, failed, harness_error, number, percent, quoted, review
from grader.checks.scoring import Measured
from grader.checks.stuck import stuck
from grader.checks.training import weights_never_changed
from grader.checks.unreached import unreached
from grader.evidence.model import NO_PREDICT
from grader.limits import FEW_ITEMS
from grader.types import Exit, Method

WORDS = {"accuracy": "accuracy", "mae": "mean absolute error", "rmse": "root mean squared error"}
MOST_NAMED = 4
STILL = (
    "Print the smallest and the largest number that each output takes over one batch, before and after what it passes "
    "on its way to the loss. Where does one of them stop changing, and which gradient gets through there?"
)
CLOSE = 1.0  # standard deviations of the reference solution's own figures that count as noise


def held_out(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """The task's metric, from 0 at the naive baseline to full marks at the calibrated level."""
    aim = _aim(ctx)
    measured = ctx.measured
    if measured is None:
        return _without_predictions(ctx, aim)
    found = f"{_level(ctx, measured.value).capitalize()} on {count(measured.n, 'item')}; {_guess(ctx, measured)}."
    if measured.n < FEW_ITEMS:
        low, high = (_value(ctx, end) for end in measured.interval)
        found += f" So few items leave room: on all others like them most likely from {low} to {high}."
    if measured.unusable:
        found += f" {count(measured.unusable, 'prediction')} could not be used."
    if _predict_was_of_no_use(ctx, measured):
        found += " Your predict(inputs) could not be used, so the net itself was run."
    gap, classes = _gap(ctx, measured), by_class(ctx) if measured.share < 1 else Classes()
    still = stuck(ctx) if measured.share < 1 else ()
    found = f"{found} {classes.told}{_still(still)}".rstrip()
    if measured.method is Method.RECORDED_VALIDATION:
        told = f"{found} These are outputs on your own validation data: the net could not be run on new data."
        most = percent(params["recorded_share"])
        missing = (
            f"All points stay open until a person has looked; at most {most} of them can be given for such outputs."
        )
        return review(aim=aim, found=told, gap=missing)
    if weights_never_changed(ctx):
        return _untrained(aim, found, measured)
    step = STILL if 0 < len(still) < ctx.spec.outputs else _next(ctx, measured, classes.bad)
    result = by_scale(measured.share, aim=aim, found=found, gap=gap, next=step)
    return from_scratch(ctx, on_time(ctx, result))


def _still(names: Sequence[str]) -> str:
    return f"The same answer for every item: {', '.join(names)}." if names else ""


def _untrained(aim: str, found: str, measured: Measured) -> CheckResult:
    """A net that no step has changed answers by the luck of its first weights, unless it answers too well for that."""
    told = f"{found} No step changed a weight, so the net answers as it did before its training."
    if measured.share >= 1:
        return review(
            aim=aim, found=told, gap="Luck does not reach that. The points stay open until someone has looked."
        )
    return failed(
        aim=aim,
        found=told,
        gap="What an untrained net gets right is chance.",
        next="Keep the outputs for one batch from before the training and compare them with those after it.",
    )


def _predict_was_of_no_use(ctx: Context, measured: Measured) -> bool:
    """Whether a ``predict`` was called or tried, and the answers come from another way."""
    told = ctx.document.heldout
    if told is None or measured.method not in (Method.REPLAY, Method.INPUT_MAP):
        return False
    return any(a.method == "predict" and (a.ok or a.reason != NO_PREDICT) for a in told.attempts)


def _aim(ctx: Context) -> str:
    direction = "at least" if ctx.spec.higher_is_better else "at most"
    return (
        f"On data that the code never saw: {WORDS.get(ctx.spec.metric, ctx.spec.metric)} of {direction} "
        f"{_value(ctx, ctx.calibration.reference)} for full marks."
    )


def _value(ctx: Context, value: float) -> str:
    if ctx.spec.metric == "accuracy":
        return f"{100 * value:.1f}%".replace(".0%", "%")  # so that it can be told from the level right above it
    units = {"g": "g", "px": "pixels"}
    return f"{number(value)} {units.get(ctx.spec.unit, ctx.spec.unit)}".strip()


def _level(ctx: Context, value: float) -> str:
    return f"{WORDS.get(ctx.spec.metric, ctx.spec.metric)} {_value(ctx, value)}"


def _guess(ctx: Context, measured: Measured) -> str:
    fixed = "always naming the same class" if ctx.classifies else "always answering with the mean"
    at_best = " at best" if ctx.classifies else ""
    return f"{fixed} gives {_value(ctx, measured.baseline)}{at_best}"


def _gap(ctx: Context, measured: Measured) -> str:
    if measured.share <= 0:
        return "No better than that guess."
    text = f"{percent(measured.share)} of the way from that guess to full marks."
    noise = undecided(ctx, measured)
    return f"{text} {noise}" if noise else text


def undecided(ctx: Context, measured: Measured) -> str:
    """What to say where one run cannot tell whether the level for full marks is reached; empty where it can."""
    away = abs(measured.reference - measured.value)
    values = ctx.calibration.values
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    low, high = measured.interval
    causes = [
        "another random seed" if 0 < away <= CLOSE * spread else "",
        "other held-out items" if measured.share < 1 and low <= measured.reference <= high else "",
    ]
    named = " or ".join(cause for cause in causes if cause)
    return f"That is within what {named} would change: one run cannot tell." if named else ""


def _next(ctx: Context, measured: Measured, bad: Sequence[str]) -> str:
    if measured.share <= 0.02:
        return (
            "Compare a few predictions with their targets, side by side. Are they all alike, or in another order or "
            "unit than they should be?"
        )
    if bad:
        return (
            f"Count how often {_listed(bad)} comes among the targets that the net is trained on, and among its answers "
            "to them. What is it taken for?"
        )
    if ctx.classifies:
        return (
            "Look at the items it gets wrong: do they have something in common? Then compare training and validation "
            "loss over the epochs."
        )
    return (
        "Plot predictions against targets and look at the worst ones. Does the error still shrink when you train for "
        "longer?"
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else "each of " + ", ".join(names[:MOST_NAMED])


def _without_predictions(ctx: Context, aim: str) -> CheckResult:
    if (gate := ctx.without_claims(aim)) is not None:
        return gate
    if not ctx.attempted and "predict" not in (ctx.claims.names if ctx.claims else []):
        found = failed(
            aim=aim,
            found="Nothing was trained, so there are no predictions to look at.",
            next="First get the loss of the training data to fall; this comes by itself then.",
        )
        return unreached(ctx, found)
    if not ctx.trained and not ctx.predictions.refused:
        found = failed(
            aim=aim,
            found="No net was trained, so there are no predictions to look at.",
            next="First get the loss of the training data to fall.",
        )
        return unreached(ctx, found)
    if _answers_nothing(ctx):
        return failed(
            aim=aim,
            found="To the data that it was judged by last, the net answers with nan only, which is no number.",
            gap="So it would to new data.",
            next="Find the first step at which the inputs, the loss or a weight hold a nan. What was different before?",
        )
    host = ctx.document.host
    if ctx.document.heldout is None and host.exit is Exit.FINISHED and not ctx.document.problems:
        return harness_error(aim, "The net was trained, but the grader did not get to run it on held-out data.")
    lost = ctx.document.problems[:1] if ctx.document.heldout is None else []  # why nothing came back
    reasons = (
        [quoted(r) for r in lost or ctx.predictions.refused]
        or ([host.sentence] if host.sentence else [])
        or list(ctx.document.problems[:1])
    )
    why = f" {' '.join(reasons[:3])}" if reasons else ""
    return review(aim=aim, found=f"The trained net could not be run on held-out data.{why}")


def _answers_nothing(ctx: Context) -> bool:
    """Whether the net, once it was trained, gave no number to any of the items that it was judged by."""
    outputs = ctx.array("eval_outputs")
    return ctx.trained and outputs is not None and not np.isfinite(outputs).any()
