"""Whether the rows or items that a net is judged on are among those it was trained on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grader.checks.context import Context
from grader.evidence.model import DatasetClaim
from grader.predictions import pipeline_map, table_map
from grader.predictions.model import NotProven

Floats = NDArray[np.float64]
SHARED = "shared share"
FEW_COLUMNS = 3  # with so few inputs different penguins may look the same,
FEW_MEASUREMENTS = 2  # and with so few that are no categories
NATURAL_TWINS = 0.5
DISTINCT = 0.75  # share of different rows among so few columns, below which nearly every row has a twin
MEASURED = 16  # different values of a column from which it is a measurement
IN_COMMON = 0.2  # of the judged values; two standardisations have next to none in common
SOME = 16  # rows trained on that are tried with the map of the judged ones


def shared_share(ctx: Context) -> float | None:
    """Share of the judged rows that were also trained on; None if it cannot be told."""
    if SHARED not in ctx.worked_out:
        ctx.worked_out[SHARED] = _shared_share(ctx)
    return ctx.worked_out[SHARED]


def _shared_share(ctx: Context) -> float | None:
    if ctx.claims is None:
        return None
    claim = ctx.claims.split
    if claim.shared_indices == 0:
        return 0.0
    alike = claim.train_rows == 1 or claim.eval_rows == 1  # nothing is left of the items by which to tell them apart
    if claim.eval_rows and claim.shared_rows and not alike:
        return min(1.0, claim.shared_rows / claim.eval_rows)
    if _same_files(ctx):
        return 1.0
    if claim.shared_indices and claim.eval_rows:
        return min(1.0, claim.shared_indices / claim.eval_rows)
    found = _same_table_rows(ctx)
    if found is not None:
        return found
    return 0.0 if claim.eval_rows and claim.shared_rows == 0 else None


def _same_table_rows(ctx: Context) -> float | None:
    """Share of the judged rows that are made of rows of the table which others were made of and trained on: each side
    may have been standardised by itself. None where that is not so, or cannot be told for certain."""
    judged, trained, world = ctx.array("eval_inputs"), ctx.array("train_inputs"), ctx.world
    if world.training.table is None or judged is None or trained is None or judged[0].size <= FEW_COLUMNS:
        return None
    if trained.shape[1:] != judged.shape[1:] or _made_alike(trained, judged):
        return None  # rows that are the same would have looked the same
    side = pipeline_map.read(world, ctx.evidence).inputs
    if not isinstance(side, table_map.TableMap) or not side.complete or not np.isfinite(trained).all():
        return None
    table = pipeline_map.with_targets(ctx.spec, world.training, world.training_truth)
    if any(len(rows) for rows in table_map.near(trained[:SOME], table, side)):
        return None
    try:
        other = table_map.infer(trained, table)
    except NotProven:
        return None
    found = _certain(table_map.near(judged, table, side))
    seen = _certain(table_map.near(trained, table, other))
    return len(found & seen) / len(found) if 2 * len(found) > len(judged) else None


def _made_alike(trained: Floats, judged: Floats) -> bool:
    """Whether some measurement takes the same values on both sides: each was read off the same scale."""
    for one, other in zip(trained.reshape(len(trained), -1).T, judged.reshape(len(judged), -1).T, strict=True):
        if len(np.unique(one)) >= MEASURED and np.isin(other, one).mean() > IN_COMMON:
            return True
    return False


def _certain(made_of: Sequence[NDArray[np.int64]]) -> set[int]:
    return {int(rows[0]) for rows in made_of if len(rows) == 1}


def tolerated_share(ctx: Context, tolerance: float) -> float:
    """Share of the judged rows that may look like rows trained on by chance: items of few numbers repeat."""
    inputs = ctx.array("train_inputs")
    if not ctx.tabular or (inputs is not None and not _tell_little(inputs)):
        return tolerance
    return 1.0 if _repeat_themselves(ctx) else max(tolerance, NATURAL_TWINS)


def _tell_little(inputs: Floats) -> bool:
    """Whether different items may have the same inputs: few columns, or few beside categories with one column each."""
    columns = inputs.reshape(len(inputs), -1).T
    measured = sum(len(np.unique(column)) >= MEASURED for column in columns)
    return len(columns) <= FEW_COLUMNS or measured <= FEW_MEASUREMENTS


def _repeat_themselves(ctx: Context) -> bool:
    """Whether many of the training rows are alike: then a new row most likely looks like one of them."""
    claims = ctx.told
    seen = max((p.samples for p in claims.passes if p.phase == "train"), default=0)
    return claims.split.train_rows < DISTINCT * min(seen, len(ctx.world.training))


def _same_files(ctx: Context) -> bool:
    """Both sides run over the whole of the same split of one kind of data set (images changed by a transform differ
    in content)."""
    sides = [_whole(ctx, phase) for phase in ("train", "eval")]
    if any(not side for side in sides) or ctx.spec.id.startswith("ellipse"):
        return False
    first, second = sides
    return all(
        a.kind == b.kind and a.split == b.split == "train" and a.length == b.length for a in first for b in second
    )


def _whole(ctx: Context, phase: str) -> list[DatasetClaim]:
    claims = ctx.claims
    if claims is None:
        return []
    by_id = {d.id: d for d in claims.datasets}
    passes = [p for p in claims.passes if p.phase == phase and (p.step or p.steps)]
    found = [by_id.get(-1 if p.dataset is None else p.dataset) for p in passes]
    if any(d is None or d.base is not None for d in found):
        return []
    long = [p.samples >= 0.9 * (d.length or 0) > 0 for p, d in zip(passes, found, strict=True) if d is not None]
    return [d for d in {id(d): d for d in found}.values() if d is not None] if all(long) else []
