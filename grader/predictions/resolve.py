"""Turns what the sandbox answered into held-out predictions: the first way that holds, in the task's own terms."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from grader.evidence.bundle import Evidence
from grader.predictions import answers, recorded, table_map, targets
from grader.predictions.model import UNKNOWN, HeldOutPredictions, Labels, NotProven, Numbers
from grader.predictions.pipeline_map import PipelineMap, held_out_inputs, known_truth, read, sendable
from grader.predictions.targets import ClassMap, TargetMap
from grader.tasks.model import Truth, World
from grader.types import Method

COVERED = 0.95  # share of the held-out items that a way must predict
DISAGREE = 0.02
NAMES = {
    Method.PREDICT: "predict(inputs)",
    Method.REPLAY: "the rebuilt data set",
    Method.INPUT_MAP: "the input map",
    Method.RECORDED_VALIDATION: "recorded validation outputs",
}
Way = Callable[[World, Evidence, PipelineMap], HeldOutPredictions]


def resolve(world: World, evidence: Evidence) -> HeldOutPredictions:
    """Predictions in the order of ``world.heldout`` by the first way that holds; reasons for those that do not.

    The held-out truth plays no part in it. Never raises for what the evidence holds.
    """
    with np.errstate(all="ignore"):  # forged numbers may overflow
        return _first_way(world, evidence)


def _first_way(world: World, evidence: Evidence) -> HeldOutPredictions:
    found = read(world, evidence)
    refused: list[str] = []
    good: list[HeldOutPredictions] = []
    ways: list[tuple[Method, Way]] = [
        (Method.PREDICT, _by_predict),
        (Method.REPLAY, _by_replay),
        (Method.INPUT_MAP, _by_map),
    ]
    for method, way in ways:
        try:
            good.append(way(world, evidence, found))
        except NotProven as reason:
            refused.append(f"By {NAMES[method]}: {reason}")
    if not good:
        try:
            good.append(_recorded(world, evidence, found))
        except NotProven as reason:
            refused.append(f"By {NAMES[Method.RECORDED_VALIDATION]}: {reason}")
    if not good:
        return HeldOutPredictions(refused=tuple(refused))
    chosen, notes = good[0], list(good[0].notes)
    gap = _disagreement(good[0], good[1], world) if len(good) > 1 else 0.0
    if gap > DISAGREE:
        notes.append(
            f"{NAMES[_method(good[0])]} and {NAMES[_method(good[1])]} disagree on held-out items.".capitalize()
        )
    return replace(chosen, refused=tuple(refused), notes=tuple(notes), disagreement=gap)


def _method(found: HeldOutPredictions) -> Method:
    assert found.method is not None
    return found.method


def _by_predict(world: World, evidence: Evidence, found: PipelineMap) -> HeldOutPredictions:
    claims = evidence.document.heldout
    count = len(world.heldout)
    if claims is not None and claims.predict_labels is not None:
        labels = answers.labels_from_names(claims.predict_labels, found.spec)
        return _labelled(Method.PREDICT, answers.of_length(labels, count))
    outputs = recorded.numbers(evidence, "predict_outputs")
    if outputs is None:
        raise NotProven(_reason(evidence, "predict"))
    if found.spec.family == "classification":
        labels = answers.of_length(answers.labels(outputs, found.spec, found.classes), count)
        if not (labels >= 0).any():
            raise NotProven("none of its answers is a class.")
        return _labelled(Method.PREDICT, labels)
    values, notes = answers.values(outputs, found.spec, known=found.scale, training=world.training_truth)
    return _valued(Method.PREDICT, answers.of_length(values, count), notes)


def _by_replay(world: World, evidence: Evidence, found: PipelineMap) -> HeldOutPredictions:
    outputs = recorded.numbers(evidence, "replay_outputs")
    if outputs is None:
        raise NotProven(_reason(evidence, "replay"))
    decoys = recorded.numbers(evidence, "replay_targets")
    if found.spec.inputs == "table":
        rows = _aligned(world, recorded.as_seen(evidence, "replay_inputs"), len(outputs), found)
    else:
        rows = np.where(np.arange(len(outputs)) < len(world.heldout), np.arange(len(outputs)), UNKNOWN)
    classes, scale = _targets_by_decoys(world, decoys, rows, found)
    used = PipelineMap(found.spec, found.inputs, found.link, classes, scale)
    return _finished(Method.REPLAY, world, used, outputs=outputs, rows=rows)


def _aligned(world: World, seen: recorded.Recorded | None, count: int, found: PipelineMap) -> Labels:
    """The held-out row of each rebuilt row, or -1. A data set that scales by statistics of its own, so that the map of
    the training rows does not fit, is read by itself where that map cannot be used instead."""
    table = held_out_inputs(world).table
    if table is None or seen is None or len(seen) != count or not recorded.finite(seen):
        raise NotProven("its rows could not be matched with the data.")
    table_map.check_width(seen)
    inputs = seen.astype(np.float64)
    rows = np.full(count, UNKNOWN)
    if isinstance(found.inputs, table_map.TableMap):
        rows = table_map.align(inputs, table, found.inputs)
        if found.inputs.complete or np.count_nonzero(rows >= 0) >= COVERED * len(table):
            return rows
    try:
        return table_map.align(inputs, table, table_map.infer(inputs[: recorded.SAMPLE_ROWS], table, partial=True))
    except NotProven as reason:
        raise NotProven("its rows could not be matched with the data.") from reason


def _targets_by_decoys(
    world: World, decoys: Numbers | None, rows: Labels, found: PipelineMap
) -> tuple[ClassMap | None, TargetMap | None]:
    """The student's encoding of targets: read off training rows if it was, else off the decoys; these also prove the
    order."""
    if decoys is None or len(decoys) != len(rows) or not (rows >= 0).any():
        if found.spec.inputs == "image":
            raise NotProven("the order of its items could not be checked.")
        return found.classes, found.scale
    used = rows >= 0
    try:
        if found.spec.family == "classification":
            assert world.decoys.labels is not None
            seen = targets.class_map(
                targets.indices(decoys)[used], world.decoys.labels[rows[used]], len(found.spec.classes)
            )
            return found.classes or seen, None
        assert world.decoys.values is not None
        fitted = targets.target_map(decoys[used], world.decoys.values[rows[used]])
        return None, found.scale or fitted
    except NotProven as reason:
        if found.spec.inputs == "image":
            raise NotProven("its items are not in the order of the held-out data.") from reason
        return found.classes, found.scale


def _by_map(world: World, evidence: Evidence, found: PipelineMap) -> HeldOutPredictions:
    outputs = recorded.numbers(evidence, "mapped_outputs")
    if outputs is None:
        raise NotProven(found.reasons.get("inputs") or _reason(evidence, "input-map"))
    raw = held_out_inputs(world)
    count = sendable(found, raw)
    if not count:
        raise NotProven(found.reasons.get("inputs", "the inputs could not be mapped."))
    rows = np.arange(len(answers.of_length(outputs, count)))
    mapped = found.mapped(raw) if found.spec.inputs == "table" else None
    if mapped is not None:
        rows = np.where(np.isfinite(recorded.rows(mapped)).all(axis=1), rows, UNKNOWN)
    return _finished(Method.INPUT_MAP, world, found, outputs=outputs, rows=rows)


def _finished(
    method: Method, world: World, found: PipelineMap, *, outputs: Numbers, rows: Labels
) -> HeldOutPredictions:
    """Outputs (m, ...) put into the order of the held-out items and into the task's terms."""
    used = rows >= 0
    count = len(world.heldout)
    truth = None
    if method is Method.INPUT_MAP and len(outputs) < count:  # large images: as many as fit were sent, the first ones
        count, truth = len(outputs), _first(world.heldout_truth, len(outputs))
    if np.count_nonzero(used) < COVERED * count:
        raise NotProven(f"it covers only {np.count_nonzero(used)} of {count} held-out items.")
    notes = _assumptions(found)
    if found.spec.family == "classification":
        labels = np.full(count, UNKNOWN, dtype=np.int64)
        labels[rows[used]] = class_labels(outputs, found)[used]
        return HeldOutPredictions(method, labels=labels, truth=truth, notes=notes)
    values = np.full((count, found.spec.outputs), np.nan)
    values[rows[used]] = target_values(outputs, found)[used]
    if not np.isfinite(values).any():
        raise NotProven("none of the predictions is a finite number.")
    return HeldOutPredictions(method, values=values, truth=truth, notes=notes)


def _first(truth: Truth, count: int) -> Truth:
    return Truth(
        labels=None if truth.labels is None else truth.labels[:count],
        values=None if truth.values is None else truth.values[:count],
    )


def class_labels(outputs: Numbers, found: PipelineMap) -> Labels:
    """Classes (n,) from a net's outputs (n, k). Raises ``NotProven`` if the class order is not known."""
    if found.classes is None:
        raise NotProven(found.reasons.get("targets", "which output means which class is not known."))
    table = recorded.rows(outputs)
    if table.shape[1] < 2:
        raise NotProven("the model gives one number per item, not one per class.")
    link = found.link
    return found.classes.labels(table if link is None else link.apply(table) if link.name == "abs" else table)


def target_values(outputs: Numbers, found: PipelineMap) -> Numbers:
    """Values (n, k) in the task's unit from a net's outputs. Raises ``NotProven`` if link or scale are not known."""
    if found.scale is None:
        raise NotProven(found.reasons.get("targets", "how the targets are scaled is not known."))
    if found.link is None:
        raise NotProven(found.reasons.get("link", "what is applied to the output is not known."))
    table = recorded.rows(outputs)
    if table.shape[1] != found.spec.outputs:
        raise NotProven(f"the model gives {table.shape[1]} numbers per item, not {found.spec.outputs}.")
    return found.scale.values(found.link.apply(table))


def _recorded(world: World, evidence: Evidence, found: PipelineMap) -> HeldOutPredictions:
    """The outputs seen in validation, against the true targets of those rows where the grader knows them."""
    outputs = recorded.required(evidence, "eval_outputs", "validation outputs")
    if found.inputs is None:
        raise NotProven("what the validation rows are is not known.")
    truth = known_truth(world, evidence, found.inputs, prefix="eval")
    if truth is None or len(truth) != len(outputs) or not len(truth):
        raise NotProven("the validation rows are not rows of the data.")
    method = Method.RECORDED_VALIDATION
    if found.spec.family == "classification":
        rows = np.flatnonzero(truth >= 0)
        labels = class_labels(outputs, found)[rows]
        made = HeldOutPredictions(method, labels=labels, truth=Truth(labels=truth[rows].astype(np.int64)))
    else:
        rows = np.flatnonzero(np.isfinite(truth).all(axis=1))
        values = target_values(outputs, found)[rows]
        made = HeldOutPredictions(method, values=values, truth=Truth(values=truth[rows].astype(np.float64)))
    if not len(rows):
        raise NotProven("the validation rows are not rows of the data.")
    return made


def _labelled(method: Method, labels: Labels, notes: tuple[str, ...] = ()) -> HeldOutPredictions:
    return HeldOutPredictions(method, labels=labels.astype(np.int64), notes=notes)


def _valued(method: Method, values: Numbers, notes: tuple[str, ...] = ()) -> HeldOutPredictions:
    if not np.isfinite(values).any():
        raise NotProven("none of the predictions is a finite number.")
    return HeldOutPredictions(method, values=values, notes=notes)


def _assumptions(found: PipelineMap) -> tuple[str, ...]:
    if found.classes is not None and found.classes.assumed:
        return ("The class order was told from the net's outputs on known rows, as no targets were seen at the loss.",)
    if found.scale is not None and found.scale.assumed:
        return ("The scale of the targets was told from the net's outputs on known rows.",)
    if found.link is not None and found.link.assumed:
        return ("The net answers in other units than its targets; which was told from its outputs on known rows.",)
    return ()


def _reason(evidence: Evidence, method: str) -> str:
    claims = evidence.document.heldout
    if claims is None:
        return "nothing came back from the sandbox."
    attempt = next((a for a in claims.attempts if a.method == method), None)
    return attempt.reason if attempt is not None and attempt.reason else "nothing usable came back from the sandbox."


def _disagreement(first: HeldOutPredictions, second: HeldOutPredictions, world: World) -> float:
    """The share of items that both label, and differently; of values the median gap in standard deviations."""
    if first.labels is not None and second.labels is not None:
        count = min(len(first.labels), len(second.labels))  # of large images only the first may have been mapped
        one, other = first.labels[:count], second.labels[:count]
        both = (one >= 0) & (other >= 0)
        return float(np.mean(one[both] != other[both])) if both.any() else 0.0
    if first.values is not None and second.values is not None and world.training_truth.values is not None:
        spread = np.nanstd(world.training_truth.values, axis=0)
        with np.errstate(invalid="ignore"):
            count = min(len(first.values), len(second.values))
            gap = np.abs(first.values[:count] - second.values[:count]) / spread
            return float(np.nanmedian(gap)) if np.isfinite(gap).any() else 0.0
    return 0.0
