"""All that could be read off one student's pipeline: inputs, link, classes or scale, each proven or with a reason."""

import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from grader.evidence.bundle import Evidence
from grader.limits import MAX_ARRAY_BYTES
from grader.predictions import ellipse_map, image_map, links, recorded, table_map, targets, units
from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.targets import ClassMap, TargetMap
from grader.tasks import get
from grader.tasks.model import RawInputs, Table, TaskSpec, Truth, World
from grader.types import TaskId

InputMap = table_map.TableMap | image_map.ImageMap | ellipse_map.EllipseMap
KnownTruth = Callable[[str], Labels | Numbers | None]  # of the rows with a prefix
T = TypeVar("T")
FEWEST = 8  # rows from which a scale is read off
FEWEST_SENT = 60  # held-out items below which a mark would be luck
# Where targets are read off first: of tables training shows more rows, of images validation is not augmented.
ORDER = {"table": ("train", "eval"), "image": ("eval", "train")}


@dataclass
class Seen:
    """What was worked out for recorded rows, by prefix: which raw image each is made of (or the reason why that
    cannot be told), and their true targets."""

    images: dict[str, tuple[image_map.ImageMap, Labels] | str] = field(default_factory=dict)
    truth: dict[str, Labels | Numbers | None] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineMap:
    """What was proven; a part that was not is None and its reason is in ``reasons``."""

    spec: TaskSpec
    inputs: InputMap | None = None
    link: links.Link | None = None
    classes: ClassMap | None = None
    scale: TargetMap | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)

    def mapped(self, raw: RawInputs) -> Numbers | None:
        """Inputs (n, ...) of raw items as the net would see them; None without a map, or if an item cannot be
        mapped."""
        if isinstance(self.inputs, table_map.TableMap) and raw.table is not None:
            return self.inputs.apply(raw.table) if self.inputs.complete else None
        if isinstance(self.inputs, (image_map.ImageMap, ellipse_map.EllipseMap)) and raw.images is not None:
            return self.inputs.apply(raw.images)
        return None


def with_targets(spec: TaskSpec, raw: RawInputs, targets_: Truth) -> Table:
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
    return part(raw, slice(count))


def part(raw: RawInputs, which: slice) -> RawInputs:
    """Some of the items."""
    return RawInputs(
        table=None if raw.table is None else raw.table.iloc[which],
        images=None if raw.images is None else raw.images[which],
    )


def read(world: World, evidence: Evidence) -> PipelineMap:
    """Work out a student's pipeline from the recorded rows; never raises for what the rows hold.

    The last answer is kept, as several stages ask the same about one run.
    """
    last = _last.get("read")
    if last is not None and last[0]() is evidence and last[1] is world:
        return last[2]
    found = _read(world, evidence)
    _last["read"] = weakref.ref(evidence, _forget), world, found
    return found


_last: dict[str, tuple[weakref.ref[Evidence], World, PipelineMap]] = {}


def _forget(_: "weakref.ref[Evidence]") -> None:
    """What was worked out for a run takes memory for no longer than the run's evidence."""
    _last.clear()


def _read(world: World, evidence: Evidence) -> PipelineMap:
    spec = get(world.task)
    reasons: dict[str, str] = {}
    seen = Seen()
    side = _attempt(reasons, "inputs", lambda: _inputs(spec, world, evidence, seen))
    if isinstance(side, table_map.TableMap) and not side.complete:
        reasons["inputs"] = "An input column is neither a raw measurement nor a code of a category."
    truth = partial(_truth, world, evidence, side, seen=seen)
    link = _attempt(reasons, "link", lambda: _link(evidence))
    classes = scale = None
    if spec.family == "classification":
        classes = _attempt(reasons, "targets", lambda: _classes(spec, evidence, truth))
    else:
        scale = _attempt(reasons, "targets", lambda: _scale(spec, evidence, truth))
        if link is links.IDENTITY and scale is not None and not scale.assumed:
            link = _units(evidence, truth, scale) or link
    return PipelineMap(spec, side, link, classes, scale, reasons, seen)


def known_truth(world: World, evidence: Evidence, side: InputMap, *, prefix: str) -> Labels | Numbers | None:
    """True targets of the recorded rows with this prefix: labels (n,) with -1, or values (n, k) with NaN, where
    unknown."""
    found = read(world, evidence)
    return _truth(world, evidence, side, prefix, seen=found.seen if found.inputs is side else Seen())


def _attempt(reasons: dict[str, str], part: str, work: Callable[[], T]) -> T | None:
    try:
        return work()
    except NotProven as reason:
        reasons[part] = str(reason)
    return None


def _inputs(spec: TaskSpec, world: World, evidence: Evidence, seen: Seen) -> InputMap:
    if spec.inputs == "table" and world.training.table is not None:
        return _table_inputs(evidence, with_targets(spec, world.training, world.training_truth))
    reason = NotProven("No inputs of the model were recorded.")
    for prefix in ("eval", "train"):  # validation images are not augmented
        found = recorded.as_seen(evidence, f"{prefix}_inputs")
        if found is None or not recorded.finite(found):
            continue
        try:
            if spec.id is TaskId.ELLIPSE_REGRESSION:
                return ellipse_map.infer(found)
            if world.training.images is not None:
                return _images(world.training.images, found, prefix, seen)[0]
        except NotProven as problem:
            reason = problem
    raise reason


def _images(
    raw: NDArray[np.uint8], inputs: recorded.Recorded, prefix: str, seen: Seen
) -> tuple[image_map.ImageMap, Labels]:
    """As ``image_map.infer``, worked out once for each prefix."""
    if prefix not in seen.images:
        try:
            seen.images[prefix] = image_map.infer(inputs, raw, lengths=image_map.kept_lengths(raw))
        except NotProven as reason:
            seen.images[prefix] = str(reason)
    found = seen.images[prefix]
    if isinstance(found, str):
        raise NotProven(found)
    return found


def _table_inputs(evidence: Evidence, table: Table) -> InputMap:
    sides = [recorded.as_seen(evidence, f"{prefix}_inputs") for prefix in ("eval", "train")]
    usable = [side for side in sides if side is not None and recorded.finite(side)]
    reason = NotProven("No inputs of the model were recorded.")
    if not usable:
        raise reason
    table_map.check_width(usable[0])
    together = [side.astype(np.float64) for side in usable if side.shape[1:] == usable[0].shape[1:]]
    found, effort = None, table_map.Effort()
    for rows in (np.concatenate(together), together[0]) if len(together) > 1 else together[:1]:
        try:
            found = table_map.infer(rows, table, partial=True, effort=effort)
        except NotProven as problem:
            reason = problem
            continue
        if found.complete:
            return found
    if found is None:
        raise reason
    return found


def _truth(
    world: World, evidence: Evidence, side: InputMap | None, prefix: str, *, seen: Seen
) -> Labels | Numbers | None:
    """True targets of the rows with this prefix, worked out once."""
    if prefix not in seen.truth:
        seen.truth[prefix] = None if side is None else _true_targets(world, evidence, side, prefix=prefix, seen=seen)
    return seen.truth[prefix]


def _true_targets(
    world: World, evidence: Evidence, side: InputMap, *, prefix: str, seen: Seen
) -> Labels | Numbers | None:
    inputs = recorded.as_seen(evidence, f"{prefix}_inputs")
    if inputs is None or not recorded.finite(inputs):
        return None
    if isinstance(side, ellipse_map.EllipseMap):
        return _shown(inputs)
    rows = _raw_rows(world, inputs, side, prefix=prefix, seen=seen)
    labels, values = world.training_truth.labels, world.training_truth.values
    if get(world.task).family == "classification" and labels is not None:
        return np.array([labels[r[0]] if _agree(labels[r]) else UNKNOWN for r in rows], dtype=np.int64)
    if values is None:
        return None
    unknown = np.full(values.shape[1], np.nan)
    return np.array([values[r[0]] if _agree(values[r]) else unknown for r in rows])


def _agree(truth: Labels | Numbers) -> bool:
    """Whether the raw rows that an input may be made of, one at least, have the same target."""
    return bool(len(truth) and (truth == truth[:1]).all())


def _shown(inputs: recorded.Recorded) -> Numbers:
    try:
        return ellipse_map.shown(inputs)
    except NotProven:
        return np.full((len(inputs), 4), np.nan)


def _raw_rows(world: World, inputs: recorded.Recorded, side: InputMap, *, prefix: str, seen: Seen) -> list[Labels]:
    """For each input the raw items that it may be made of."""
    nothing = [np.empty(0, dtype=np.int64)] * len(inputs)
    if isinstance(side, table_map.TableMap) and world.training.table is not None:
        if inputs.size != len(inputs) * len(side.columns):
            return nothing
        table = with_targets(get(world.task), world.training, world.training_truth)
        return table_map.near(inputs.astype(np.float64), table, side)
    if isinstance(side, image_map.ImageMap) and world.training.images is not None:
        try:
            return [row[row >= 0] for row in _images(world.training.images, inputs, prefix, seen)[1][:, None]]
        except NotProven:
            pass
    return nothing


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
    pairs = (
        (recorded.numbers(evidence, f"{prefix}_outputs"), recorded.numbers(evidence, f"{prefix}_loss_inputs"))
        for prefix in ("eval", "train")
    )
    whole = (pair for pair in pairs if pair[0] is not None and pair[1] is not None)
    return _proven(partial(links.infer, *pair) for pair in whole) or links.IDENTITY


def _known_pairs(
    evidence: Evidence, truth: KnownTruth, part: str, prefixes: tuple[str, ...]
) -> Iterator[tuple[Numbers, Labels | Numbers]]:
    """Recorded rows of ``part`` beside the truth of the same rows, where both are there; worked out one by one."""
    for prefix in prefixes:
        seen = recorded.numbers(evidence, f"{prefix}_{part}")
        known = None if seen is None else truth(prefix)
        if seen is not None and known is not None and len(seen) == len(known):
            yield seen, known


def _classes(spec: TaskSpec, evidence: Evidence, truth: KnownTruth) -> ClassMap:
    count = len(spec.classes)
    found = _proven(
        partial(targets.class_map, targets.indices(seen), known.astype(np.int64), count)
        for seen, known in _known_pairs(evidence, truth, "targets", ORDER[spec.inputs])
        if (known >= 0).any()
    )
    if found is not None:
        return found
    outputs = list(_known_pairs(evidence, truth, "outputs", ("eval",)))
    if not outputs or outputs[0][0].ndim != 2:
        raise NotProven("No targets were recorded beside known inputs.")
    return targets.likely_class_map(outputs[0][0], outputs[0][1].astype(np.int64), count)


def _scale(spec: TaskSpec, evidence: Evidence, truth: KnownTruth) -> TargetMap:
    pairs = (_finite(*pair) for pair in _known_pairs(evidence, truth, "targets", ORDER[spec.inputs]))
    found = _proven(partial(targets.target_map, *pair) for pair in pairs if len(pair[0]) >= FEWEST)
    if found is not None:
        return found
    outputs = [_finite(*pair) for pair in _known_pairs(evidence, truth, "outputs", ("eval",))]
    if not outputs or spec.outputs != 1:
        raise NotProven("No targets were recorded beside known inputs.")
    if outputs[0][0].shape[1] != 1 or not len(outputs[0][0]):
        raise NotProven("The model does not give one number per item.")
    return targets.likely_scale(*outputs[0])


def _units(evidence: Evidence, truth: KnownTruth, scale: TargetMap) -> links.Link | None:
    """Where nothing of what reached the loss was seen: what the outputs must go through to be targets."""
    pairs = (_finite(*pair) for pair in _known_pairs(evidence, truth, "outputs", ("eval", "train")))
    outputs, known = next(pairs, (None, None))
    if outputs is None or known is None:
        return None
    return units.read_off(outputs, scale.targets(known))


def _finite(seen: Numbers, known: Labels | Numbers) -> tuple[Numbers, Numbers]:
    """Both as matrices, without rows that are not known or not finite."""
    table = recorded.rows(seen)
    usable = np.isfinite(known).all(axis=1) & np.isfinite(table).all(axis=1)
    return table[usable], known[usable].astype(np.float64)
