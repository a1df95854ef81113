"""All that could be read off one student's pipeline: inputs, link, classes or scale, each proven or with a reason."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd

from grader.evidence.bundle import Evidence
from grader.limits import MAX_ARRAY_BYTES
from grader.predictions import ellipse_map, image_map, links, recorded, table_map, targets
from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.targets import ClassMap, TargetMap
from grader.tasks import get
from grader.tasks.model import RawInputs, TaskSpec, Truth, World
from grader.types import TaskId

InputMap = table_map.TableMap | image_map.ImageMap | ellipse_map.EllipseMap
T = TypeVar("T")
FEWEST = 8  # rows from which a scale is read off
FEWEST_SENT = 60  # held-out items below which a mark would be luck
# Where targets are read off first: of tables training shows more rows, of images validation is not augmented.
ORDER = {"table": ("train", "eval"), "image": ("eval", "train")}


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
            return self.inputs.apply(raw.table) if self.inputs.complete else None
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


def sendable(found: PipelineMap, raw: RawInputs) -> int:
    """How many raw items, mapped to float32, fit into one array that may be sent.

    Zero if they would be too few to mark by: whoever makes the recorded inputs larger must not be marked on less.
    """
    one = found.mapped(first(raw, 1))
    if one is None:
        return 0
    count = min(len(raw), (MAX_ARRAY_BYTES - 4_096) // max(1, one.size * 4))
    return count if count >= min(len(raw), FEWEST_SENT) else 0


def first(raw: RawInputs, count: int) -> RawInputs:
    """The first items."""
    return RawInputs(
        table=None if raw.table is None else raw.table.head(count),
        images=None if raw.images is None else raw.images[:count],
    )


def read(world: World, evidence: Evidence) -> PipelineMap:
    """Work out a student's pipeline from the recorded rows; never raises for what the rows hold."""
    spec = get(world.task)
    reasons: dict[str, str] = {}
    side = _attempt(reasons, "inputs", lambda: _inputs(spec, world, evidence))
    if isinstance(side, table_map.TableMap) and not side.complete:
        reasons["inputs"] = "An input column is neither a raw measurement nor a code of a category."
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
    reason = NotProven("No inputs of the model were recorded.")
    if not finite:
        raise reason
    together = [side for side in finite if side.shape[1:] == finite[0].shape[1:]]
    found = None
    for rows in (np.concatenate(together), finite[0]) if len(together) > 1 else finite[:1]:
        try:
            found = table_map.infer(rows, table, partial=True)
        except NotProven as problem:
            reason = problem
            continue
        if found.complete:
            return found
    if found is None:
        raise reason
    return found


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
        labels, values = world.training_truth.labels, world.training_truth.values
        if spec.family == "classification" and labels is not None:
            result[prefix] = np.array([labels[r[0]] if _agree(labels[r]) else UNKNOWN for r in rows], dtype=np.int64)
        elif values is not None:
            unknown = np.full(values.shape[1], np.nan)
            result[prefix] = np.array([values[r[0]] if _agree(values[r]) else unknown for r in rows])
    return result


def _agree(truth: Labels | Numbers) -> bool:
    """Whether the raw rows that an input may be made of, one at least, have the same target."""
    return bool(len(truth) and (truth == truth[:1]).all())


def _shown(inputs: Numbers) -> Numbers:
    try:
        return ellipse_map.shown(inputs)
    except NotProven:
        return np.full((len(inputs), 4), np.nan)


def _raw_rows(world: World, inputs: Numbers, side: InputMap) -> list[Labels]:
    """For each input the raw items that it may be made of."""
    if isinstance(side, table_map.TableMap) and world.training.table is not None:
        return table_map.near(inputs, with_targets(get(world.task), world.training, world.training_truth), side)
    if isinstance(side, image_map.ImageMap) and world.training.images is not None:
        try:
            return [row[row >= 0] for row in image_map.infer(inputs, world.training.images)[1][:, None]]
        except NotProven:
            pass
    return [np.empty(0, dtype=np.int64)] * len(inputs)


def _proven(attempts: Iterable[Callable[[], T]]) -> T | None:
    """The first attempt that holds; None if there was none to make. Raises the last ``NotProven`` if none holds."""
    reason = None
    for attempt in attempts:
        try:
            return attempt()
        except NotProven as problem:
            reason = problem
    if reason is not None:
        raise reason
    return None


def _link(evidence: Evidence) -> links.Link:
    pairs = [
        (recorded.numbers(evidence, f"{prefix}_outputs"), recorded.numbers(evidence, f"{prefix}_loss_inputs"))
        for prefix in ("eval", "train")
    ]
    whole = [pair for pair in pairs if pair[0] is not None and pair[1] is not None]
    return _proven(partial(links.infer, *pair) for pair in whole) or links.IDENTITY


def _known_pairs(
    evidence: Evidence, truth: dict[str, Labels | Numbers], part: str, prefixes: tuple[str, ...]
) -> list[tuple[Numbers, Labels | Numbers]]:
    """Recorded rows of ``part`` beside the truth of the same rows, where both are there."""
    pairs = []
    for prefix in prefixes:
        seen, known = recorded.numbers(evidence, f"{prefix}_{part}"), truth.get(prefix)
        if seen is not None and known is not None and len(seen) == len(known):
            pairs.append((seen, known))
    return pairs


def _classes(spec: TaskSpec, evidence: Evidence, truth: dict[str, Labels | Numbers]) -> ClassMap:
    count = len(spec.classes)
    pairs = [
        (seen, known)
        for seen, known in _known_pairs(evidence, truth, "targets", ORDER[spec.inputs])
        if (known >= 0).any()
    ]
    found = _proven(
        partial(targets.class_map, targets.indices(seen), known.astype(np.int64), count) for seen, known in pairs
    )
    if found is not None:
        return found
    outputs = _known_pairs(evidence, truth, "outputs", ("eval",))
    if not outputs or outputs[0][0].ndim != 2:
        raise NotProven("No targets were recorded beside known inputs.")
    return targets.likely_class_map(outputs[0][0], outputs[0][1].astype(np.int64), count)


def _scale(spec: TaskSpec, evidence: Evidence, truth: dict[str, Labels | Numbers]) -> TargetMap:
    pairs = [_finite(*pair) for pair in _known_pairs(evidence, truth, "targets", ORDER[spec.inputs])]
    found = _proven(partial(targets.target_map, *pair) for pair in pairs if len(pair[0]) >= FEWEST)
    if found is not None:
        return found
    outputs = [_finite(*pair) for pair in _known_pairs(evidence, truth, "outputs", ("eval",))]
    if not outputs or spec.outputs != 1:
        raise NotProven("No targets were recorded beside known inputs.")
    if outputs[0][0].shape[1] != 1 or not len(outputs[0][0]):
        raise NotProven("The model does not give one number per item.")
    return targets.likely_scale(*outputs[0])


def _finite(seen: Numbers, known: Labels | Numbers) -> tuple[Numbers, Numbers]:
    """Both as matrices, without rows that are not known or not finite."""
    table = recorded.rows(seen)
    usable = np.isfinite(known).all(axis=1) & np.isfinite(table).all(axis=1)
    return table[usable], known[usable].astype(np.float64)
