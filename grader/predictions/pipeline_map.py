"""All that could be read off one student's pipeline: inputs, link, classes or scale, each proven or with a reason."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd

from grader.evidence.bundle import Evidence
from grader.predictions import ellipse_map, image_map, links, recorded, table_map, targets
from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.targets import ClassMap, TargetMap
from grader.tasks import get
from grader.tasks.model import RawInputs, TaskSpec, Truth, World
from grader.types import TaskId

InputMap = table_map.TableMap | image_map.ImageMap | ellipse_map.EllipseMap
T = TypeVar("T")


@dataclass(frozen=True)
class PipelineMap:
    """What was proven; a part that was not is None and its reason is in ``reasons``."""

    spec: TaskSpec
    inputs: InputMap | None = None
    link: links.Link | None = None
    classes: ClassMap | None = None
    scale: TargetMap | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    def mapped(self, raw: RawInputs) -> Numbers | None:
        """Inputs (n, ...) of raw items as the net would see them; None without a map, or if an item cannot be
        mapped."""
        if isinstance(self.inputs, table_map.TableMap) and raw.table is not None:
            return self.inputs.apply(raw.table)
        if isinstance(self.inputs, (image_map.ImageMap, ellipse_map.EllipseMap)) and raw.images is not None:
            return self.inputs.apply(raw.images)
        return None


def with_targets(spec: TaskSpec, raw: RawInputs, targets_: Truth) -> pd.DataFrame:
    """The table with its target column: a student may have put the answer among the inputs. For held-out items give
    the decoys."""
    assert raw.table is not None
    name = spec.target_names[0]
    if targets_.labels is not None:
        return raw.table.assign(**{name: [spec.classes[i] for i in targets_.labels]})
    assert targets_.values is not None
    return raw.table.assign(**{name: targets_.values[:, 0]})


def held_out_inputs(world: World) -> RawInputs:
    """The held-out items as the sandbox has them: with decoys where the answer would stand."""
    if world.heldout.table is None:
        return world.heldout
    return RawInputs(table=with_targets(get(world.task), world.heldout, world.decoys))


def read(world: World, evidence: Evidence) -> PipelineMap:
    """Work out a student's pipeline from the recorded rows; never raises for what the rows hold."""
    spec = get(world.task)
    reasons: dict[str, str] = {}
    side = _attempt(reasons, "inputs", lambda: _inputs(spec, world, evidence))
    truth = _truth(spec, world, evidence, side) if side is not None else {}
    link = _attempt(reasons, "link", lambda: _link(evidence))
    classes = scale = None
    if spec.family == "classification":
        classes = _attempt(reasons, "targets", lambda: _classes(spec, evidence, truth))
    else:
        scale = _attempt(reasons, "targets", lambda: _scale(spec, evidence, truth))
    return PipelineMap(spec, side, link, classes, scale, reasons)


def known_truth(world: World, evidence: Evidence, side: InputMap, *, prefix: str) -> Labels | Numbers | None:
    """True targets of the recorded rows with this prefix: labels (n,) with -1, or values (n, k) with NaN, where
    unknown."""
    return _truth(get(world.task), world, evidence, side).get(prefix)


def _attempt(reasons: dict[str, str], part: str, work: Callable[[], T]) -> T | None:
    try:
        return work()
    except NotProven as reason:
        reasons[part] = str(reason)
    except np.linalg.LinAlgError:
        reasons[part] = "The recorded numbers could not be fitted."
    return None


def _inputs(spec: TaskSpec, world: World, evidence: Evidence) -> InputMap:
    if spec.inputs == "table" and world.training.table is not None:
        return _table_inputs(evidence, with_targets(spec, world.training, world.training_truth))
    reason = NotProven("No inputs of the model were recorded.")
    for prefix in ("eval", "train"):  # validation images are not augmented
        found = recorded.numbers(evidence, f"{prefix}_inputs")
        if found is None or not np.isfinite(found).all():
            continue
        try:
            if spec.id is TaskId.ELLIPSE_REGRESSION:
                return ellipse_map.infer(found)
            if world.training.images is not None:
                return image_map.infer(found, world.training.images)[0]
        except NotProven as problem:
            reason = problem
    raise reason


def _table_inputs(evidence: Evidence, table: pd.DataFrame) -> InputMap:
    sides = [recorded.numbers(evidence, f"{prefix}_inputs") for prefix in ("eval", "train")]
    finite = [side for side in sides if side is not None and np.isfinite(side).all()]
    if not finite:
        raise NotProven("No inputs of the model were recorded.")
    together = [side for side in finite if side.shape[1:] == finite[0].shape[1:]]
    try:
        return table_map.infer(np.concatenate(together), table)
    except NotProven:
        return table_map.infer(finite[0], table)


def _truth(spec: TaskSpec, world: World, evidence: Evidence, side: InputMap) -> dict[str, Labels | Numbers]:
    result: dict[str, Labels | Numbers] = {}
    for prefix in ("eval", "train"):
        inputs = recorded.numbers(evidence, f"{prefix}_inputs")
        if inputs is None or not np.isfinite(inputs).all():
            continue
        if isinstance(side, ellipse_map.EllipseMap):
            result[prefix] = _shown(inputs)
            continue
        rows = _raw_rows(world, inputs, side)
        if spec.family == "classification" and world.training_truth.labels is not None:
            result[prefix] = np.where(rows >= 0, world.training_truth.labels[rows], UNKNOWN)
        elif world.training_truth.values is not None:
            result[prefix] = np.where(rows[:, None] >= 0, world.training_truth.values[rows], np.nan)
    return result


def _shown(inputs: Numbers) -> Numbers:
    try:
        return ellipse_map.shown(inputs)
    except NotProven:
        return np.full((len(inputs), 4), np.nan)


def _raw_rows(world: World, inputs: Numbers, side: InputMap) -> Labels:
    if isinstance(side, table_map.TableMap) and world.training.table is not None:
        return table_map.align(inputs, with_targets(get(world.task), world.training, world.training_truth), side)
    if isinstance(side, image_map.ImageMap) and world.training.images is not None:
        try:
            return image_map.infer(inputs, world.training.images)[1]
        except NotProven:
            pass
    return np.full(len(inputs), UNKNOWN)


def _link(evidence: Evidence) -> links.Link:
    found = [
        (recorded.numbers(evidence, f"{prefix}_outputs"), recorded.numbers(evidence, f"{prefix}_loss_inputs"))
        for prefix in ("eval", "train")
    ]
    pair = next((p for p in found if p[0] is not None and p[1] is not None), (None, None))
    return links.infer(*pair)


def _classes(spec: TaskSpec, evidence: Evidence, truth: dict[str, Labels | Numbers]) -> ClassMap:
    count = len(spec.classes)
    for prefix in ("train", "eval"):
        seen = recorded.numbers(evidence, f"{prefix}_targets")
        known = truth.get(prefix)
        if seen is not None and known is not None and len(seen) == len(known) and (known >= 0).any():
            return targets.class_map(targets.indices(seen), known.astype(np.int64), count)
    outputs, known = recorded.numbers(evidence, "eval_outputs"), truth.get("eval")
    if outputs is None or known is None or outputs.ndim != 2 or len(outputs) != len(known):
        raise NotProven("No targets were recorded beside known inputs.")
    return targets.likely_class_map(outputs, known.astype(np.int64), count)


def _scale(spec: TaskSpec, evidence: Evidence, truth: dict[str, Labels | Numbers]) -> TargetMap:
    for prefix in ("train", "eval"):
        seen, known = recorded.numbers(evidence, f"{prefix}_targets"), truth.get(prefix)
        if seen is None or known is None or len(seen) != len(known):
            continue
        usable = np.isfinite(known).all(axis=1) & np.isfinite(recorded.rows(seen)).all(axis=1)
        if np.count_nonzero(usable) >= 8:
            return targets.target_map(seen[usable], known[usable].astype(np.float64))
    outputs, known = recorded.numbers(evidence, "eval_outputs"), truth.get("eval")
    if outputs is None or known is None or spec.outputs != 1 or len(outputs) != len(known):
        raise NotProven("No targets were recorded beside known inputs.")
    usable = np.isfinite(known).all(axis=1) & np.isfinite(recorded.rows(outputs)).all(axis=1)
    if recorded.rows(outputs).shape[1] != 1 or not usable.any():
        raise NotProven("The model does not give one number per item.")
    return targets.likely_scale(outputs[usable], known[usable].astype(np.float64))
