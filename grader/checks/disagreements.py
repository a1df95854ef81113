"""What was recorded of the data beside what the net does on held-out data: the contradictions that need both."""

import math

import numpy as np
from numpy.typing import NDArray

from grader import tasks
from grader.checks.context import Context
from grader.checks.result import count, percent
from grader.checks.sides import shared_share
from grader.predictions import pipeline_map, recorded, table_map
from grader.predictions.model import NotProven
from grader.predictions.resolve import class_labels, target_values
from grader.tasks.model import Truth
from grader.types import Method

Floats = NDArray[np.float64]

STRONGLY = {"classification": 0.25, "regression": 0.5}  # share of labels; standard deviations
RESEMBLING = 5  # held-out rows that may look like rows trained on by chance
FEWEST_ROWS = 30  # validation rows from which they are compared with held-out items
GUESSING = 0.1  # share of the way from the naive baseline to full marks up to which a result is guessing
NEARLY_PERFECT = 0.9
SURE = 1e-6  # probability of chance below which there is no doubt


def two_ways(ctx: Context) -> str | None:
    """Two ways of predicting the same items give clearly different answers."""
    gap = ctx.predictions.disagreement
    if not gap > STRONGLY[ctx.spec.family]:
        return None
    start = "Two ways of predicting should give the same answers"
    if ctx.classifies:
        return f"{start}, yet they differ on {percent(gap)} of the held-out items."
    return f"{start}, yet their middle difference on the held-out items is {percent(gap)} of what the targets vary by."


def trained_on_held_out(ctx: Context) -> str | None:
    """Rows of a table that the net was trained on, though they were never handed out."""
    world = ctx.world
    import pandas as pd

    if world.training.table is None or world.heldout.table is None:
        return None
    inputs = recorded.numbers(ctx.evidence, "train_inputs")
    if inputs is None or not np.isfinite(inputs).all():
        return None
    spec = tasks.get(world.task)
    shown = pipeline_map.with_targets(spec, world.training, world.training_truth)
    kept = pipeline_map.with_targets(spec, world.heldout, world.heldout_truth)
    whole = pd.concat([shown, kept], ignore_index=True)
    try:
        found = table_map.infer(inputs, whole, partial=True)
    except NotProven:
        return None
    if sum(isinstance(column, table_map.Affine) for column in found.columns) < 2:
        return None
    made_of = table_map.near(inputs, whole, found)
    seen = {int(rows[0]) for rows in made_of if len(rows) and int(rows.min()) >= len(shown)}
    if len(seen) <= RESEMBLING:
        return None
    return (
        f"The net was trained on {count(len(seen), 'row')} that are among the {len(kept):,} held-out ones, yet these "
        "were never handed out."
    )


def validation_against_held_out(ctx: Context) -> str | None:
    """Nearly perfect on rows that were kept for validation, and guessing on held-out items like them."""
    if not _comparable(ctx):
        return None
    try:
        errors = _validation_errors(ctx)
        held = _held_out_errors(ctx)
    except NotProven:
        return None
    if errors is None or held is None or min(len(errors), len(held)) < FEWEST_ROWS:
        return None
    if ctx.classifies:
        good, bad = 1 - float(errors.mean()), 1 - float(held.mean())
        said = f"{percent(good)} of the validation rows were right, yet of the held-out items {percent(bad)}"
        perfect = good >= NEARLY_PERFECT
    else:
        good, bad = float(errors.mean()), float(held.mean())
        said = f"the mean error was {good:,.0f} {ctx.spec.unit} on validation rows, yet {bad:,.0f} on held-out items"
        perfect = good <= (1 - NEARLY_PERFECT) * bad
    if not perfect or _by_chance(errors, held) >= SURE:
        return None
    return f"By the outputs that were recorded {said}."


def _comparable(ctx: Context) -> bool:
    """Whether the net was judged last, in evaluation mode, on data it was not trained on, and guesses on held-out
    data."""
    measured, claims = ctx.measured, ctx.claims
    if measured is None or claims is None or measured.share > GUESSING or ctx.spec.outputs == 4:
        return False
    shared = shared_share(ctx)
    if measured.method not in (Method.REPLAY, Method.INPUT_MAP) or shared is None or shared > 0:
        return False
    outputs, passes = ctx.array("eval_outputs"), [entry for entry in claims.passes if entry.step]
    if outputs is None or not passes or any(p.in_training_mode for p in passes if p.phase == "eval"):
        return False
    last = passes[-1]
    steps = max([*(p.step for p in passes), *(point.step for point in claims.train_curve)])
    return last.phase == "eval" and last.step >= steps and last.samples >= len(outputs)


def _validation_errors(ctx: Context) -> Floats | None:
    """Errors (n,) on the recorded validation rows whose truth the grader knows: 0 or 1, or distances.

    None where the target is among the inputs: then held-out items cannot be told.
    """
    found = pipeline_map.read(ctx.world, ctx.evidence)
    outputs = recorded.required(ctx.evidence, "eval_outputs", "validation outputs")
    if found.inputs is None or _tells_the_target(ctx, found.inputs):
        return None
    truth = pipeline_map.known_truth(ctx.world, ctx.evidence, found.inputs, prefix="eval")
    if truth is None or len(truth) != len(outputs):
        return None
    if ctx.classifies:
        rows = np.flatnonzero(truth >= 0)
        return _as_seen(ctx, truth[rows], class_labels(outputs, found)[rows] != truth[rows])
    rows = np.flatnonzero(np.isfinite(truth).all(axis=1))
    distances: Floats = np.abs(target_values(outputs, found) - truth)[rows].mean(axis=1)
    return distances if np.isfinite(distances).all() else None


def _as_seen(ctx: Context, truth: NDArray[np.generic], wrong: NDArray[np.bool_]) -> Floats | None:
    """The errors, if the rows are of all classes: whoever learnt some classes only guesses at the others."""
    return wrong.astype(np.float64) if len(np.unique(truth)) == len(ctx.spec.classes) else None


def _tells_the_target(ctx: Context, inputs: pipeline_map.InputMap) -> bool:
    if not isinstance(inputs, table_map.TableMap):
        return False
    columns = {getattr(column, "column", "") for column in inputs.columns}
    return not inputs.complete or bool(columns & set(tasks.get(ctx.world.task).target_names))


def _held_out_errors(ctx: Context) -> Floats | None:
    truth: Truth = ctx.predictions.truth or ctx.world.heldout_truth
    labels, values = ctx.predictions.labels, ctx.predictions.values
    if truth.labels is not None and labels is not None and labels.shape == truth.labels.shape:
        wrong: Floats = np.not_equal(labels, truth.labels).astype(np.float64)
        return wrong
    if truth.values is not None and values is not None and values.shape == truth.values.shape:
        distances: Floats = np.abs(values - truth.values).mean(axis=1)
        return distances if np.isfinite(distances).all() else None
    return None


def _by_chance(one: Floats, other: Floats) -> float:
    """At most how likely two samples of the same errors lie this far apart (Dvoretzky, Kiefer, Wolfowitz)."""
    places = np.unique(np.concatenate([one, other]))
    below = [np.searchsorted(np.sort(sample), places, side="right") / len(sample) for sample in (one, other)]
    apart = float(np.abs(below[0] - below[1]).max())
    return 4 * math.exp(-2 * apart**2 * len(one) * len(other) / (len(one) + len(other)))
