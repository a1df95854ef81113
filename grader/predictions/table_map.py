"""Finds out which raw columns a net's inputs are: each an affine map of a number, or a code of a category.

The map proves itself: it is only used if it reproduces the consumed rows to float precision, all columns jointly.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grader.predictions.model import Labels, NotProven, Numbers

RESOLUTION = {
    "bill_length_mm": 0.1,
    "bill_depth_mm": 0.1,
    "flipper_length_mm": 1.0,
    "body_mass_g": 1.0,
    "year": 1.0,
}
CATEGORIES = ("sex", "island", "species", "year")
FEW_VALUES = 3  # up to so many distinct values a column is looked at as a category first
MEMBERS = 0.95  # share of distinct values that must be raw values under a hypothesis
EXPLAINED = 0.95  # share of consumed rows that must be raw rows under the whole map
PRECISION = 2e-5  # of a column's range, for values that were float32
MAX_PER_COLUMN = 16  # hypotheses kept for one raw column
MAX_CANDIDATES = 48
MAX_PAIRED = 4  # columns among which the first pair is looked for
MAX_LOOKED_AT = 64  # distinct values a hypothesis is tried on
SHAPES: dict[str, Callable[[Numbers], Numbers]] = {"": lambda v: v, "log of ": np.log}


@dataclass(frozen=True)
class Affine:
    """``scale * shape(raw) + offset`` of a numeric column."""

    column: str
    scale: float
    offset: float
    shape: str = ""

    def apply(self, table: pd.DataFrame) -> Numbers:
        """The column (n,) as the net would see it."""
        return self.scale * SHAPES[self.shape](table[self.column].to_numpy(dtype=np.float64)) + self.offset


@dataclass(frozen=True)
class Coded:
    """A number for each category; a category that was never seen has none."""

    column: str
    codes: dict[str, float]

    def apply(self, table: pd.DataFrame) -> Numbers:
        """The column (n,) as the net would see it; NaN for a category that has no code."""
        return np.array([self.codes.get(str(v), np.nan) for v in table[self.column]], dtype=np.float64)


@dataclass(frozen=True)
class Constant:
    """The same number for every row."""

    value: float

    def apply(self, table: pd.DataFrame) -> Numbers:
        """The column (n,)."""
        return np.full(len(table), self.value)


ColumnMap = Affine | Coded | Constant


@dataclass(frozen=True)
class TableMap:
    """One entry per input column. ``shape``: of one input row."""

    columns: tuple[ColumnMap, ...]
    shape: tuple[int, ...]

    def apply(self, table: pd.DataFrame) -> Numbers:
        """Inputs (n, *shape) for raw rows."""
        return np.column_stack([c.apply(table) for c in self.columns]).reshape(len(table), *self.shape)


def infer(inputs: Numbers, table: pd.DataFrame) -> TableMap:
    """The map from ``table`` to consumed ``inputs`` (n, ...). Raises ``NotProven`` if none reproduces them."""
    consumed = np.unique(inputs.reshape(len(inputs), -1), axis=0)
    if len(consumed) < 8:
        raise NotProven("Too few different input rows were recorded.")
    known = table.dropna()
    candidates = {i: affine_candidates(consumed[:, i], known) for i in range(consumed.shape[1])}
    numeric = _jointly(consumed, known, {i: found for i, found in candidates.items() if found})
    matches = match(consumed, known, numeric)
    columns = tuple(
        _refined(numeric[i], consumed[:, i], known, matches)
        if i in numeric
        else _category(consumed[:, i], known, matches)
        for i in range(consumed.shape[1])
    )
    result = TableMap(columns, inputs.shape[1:])
    _verify(result, consumed, known)
    return result


def match(consumed: Numbers, table: pd.DataFrame, columns: dict[int, Affine]) -> list[list[int]]:
    """For each consumed row the raw rows that agree with it in these columns."""
    places: dict[tuple[int, ...], list[int]] = {}
    raw = np.column_stack([np.round(_raw(table, m) / RESOLUTION[m.column]) for m in columns.values()])
    for position, key in enumerate(map(tuple, raw.astype(np.int64).tolist())):
        places.setdefault(key, []).append(position)
    undone = np.column_stack([_undo(consumed[:, i], m) / RESOLUTION[m.column] for i, m in columns.items()])
    undone = np.where(np.isfinite(undone) & (np.abs(undone) < 1e9), np.round(undone), -(10**9))
    return [places.get(key, []) for key in map(tuple, undone.astype(np.int64).tolist())]


def align(inputs: Numbers, table: pd.DataFrame, found: TableMap) -> Labels:
    """For each input row (m, ...) the one raw row it is made of, or -1. Equal raw rows are handed out in order."""
    expected = found.apply(table).reshape(len(table), -1)
    given = inputs.reshape(len(inputs), -1)
    if expected.shape[1] != given.shape[1]:
        return np.full(len(given), -1)
    spread = np.maximum(np.ptp(np.nan_to_num(expected), axis=0), 1e-12)
    free, result = set(range(len(expected))), np.full(len(given), -1)
    for position, row in enumerate(given):
        error = np.abs(expected - row) / spread
        near = np.flatnonzero((error < 10 * PRECISION).all(axis=1))
        chosen = next((int(r) for r in near if r in free), -1)
        result[position] = chosen
        free.discard(chosen)
    return result


def affine_candidates(values: Numbers, table: pd.DataFrame) -> list[Affine]:
    """Affine maps under which nearly all distinct values are raw values, likeliest first; none for a column of few
    values.

    One column alone cannot tell them apart: whole millimetres, stretched, may pass for tenths of a millimetre.
    """
    distinct = np.unique(values)
    if len(distinct) <= FEW_VALUES or not np.isfinite(distinct).all():
        return []
    found: list[tuple[float, float, Affine]] = []
    for column, resolution in RESOLUTION.items():
        if column not in table.columns or column == "year":
            continue
        raw = np.unique(table[column].to_numpy(dtype=np.float64))
        for shape in SHAPES:
            found += _hypotheses(distinct, raw, column=column, resolution=resolution, shape=shape)
    found.sort(key=lambda item: (-item[0], item[1]))
    return [_exact(m) for _, _, m in found[:MAX_CANDIDATES]]


def _hypotheses(
    distinct: Numbers, raw: Numbers, *, column: str, resolution: float, shape: str
) -> list[tuple[float, float, Affine]]:
    """Let the extreme values be any two raw values; keep the pairs under which most values are raw values."""
    if len(distinct) > len(raw) * 1.1:
        return []
    shaped = SHAPES[shape](raw)
    first, second = np.triu_indices(len(raw), 1)
    wide = (second - first + 1) >= MEMBERS * len(distinct)
    first, second = first[wide], second[wide]
    scale = (distinct[-1] - distinct[0]) / (shaped[second] - shaped[first])
    offset = distinct[0] - scale * shaped[first]
    some = distinct[np.unique(np.linspace(0, len(distinct) - 1, MAX_LOOKED_AT).astype(int))]
    back = _unshape((some[None, :] - offset[:, None]) / scale[:, None], shape)
    nearest = raw[np.clip(np.searchsorted(raw, back - resolution / 2), 0, len(raw) - 1)]
    share = np.mean(np.abs(back - nearest) < 0.02 * resolution, axis=1)
    strangeness = np.abs(scale - 1) + np.abs(offset)
    best = np.lexsort((strangeness, -share))[:MAX_PER_COLUMN]
    return [
        (float(share[i]), float(strangeness[i]), Affine(column, float(scale[i]), float(offset[i]), shape))
        for i in best
        if share[i] >= MEMBERS
    ]


def _jointly(consumed: Numbers, table: pd.DataFrame, candidates: dict[int, list[Affine]]) -> dict[int, Affine]:
    """One candidate per column such that whole rows are raw rows: a pair of columns first, then the others beside
    it."""
    if not candidates:
        raise NotProven("No input column is a raw column under an affine map.")
    if len(candidates) == 1:
        return {i: found[0] for i, found in candidates.items()}
    chosen = _best_pair(consumed, table, candidates)
    for i, found in candidates.items():
        if i in chosen:
            continue
        shares = [(_explained(consumed, table, {**chosen, i: m}), -k, m) for k, m in enumerate(found)]
        share, _, m = max(shares, key=lambda item: item[:2])
        if share >= EXPLAINED:
            chosen[i] = m
    return chosen


def _best_pair(consumed: Numbers, table: pd.DataFrame, candidates: dict[int, list[Affine]]) -> dict[int, Affine]:
    best: tuple[float, dict[int, Affine]] = (0.0, {})
    fewest_first = sorted(candidates, key=lambda i: len(candidates[i]))
    for i, j in itertools.combinations(fewest_first[:MAX_PAIRED], 2):
        for one, other in itertools.product(candidates[i], candidates[j]):
            if one.column != other.column:
                share = _explained(consumed, table, {i: one, j: other})
                if share > best[0]:
                    best = share, {i: one, j: other}
                if share > 0.999:
                    return best[1]
    if best[0] < EXPLAINED:
        raise NotProven("The inputs are not rows of the data under affine maps of its columns.")
    return best[1]


def _explained(consumed: Numbers, table: pd.DataFrame, columns: dict[int, Affine]) -> float:
    return float(np.mean([bool(row) for row in match(consumed, table, columns)]))


def _unshape(values: Numbers, shape: str) -> Numbers:
    return np.exp(np.clip(values, -50, 50)) if shape else values


def _undo(values: Numbers, m: Affine) -> Numbers:
    return _unshape((values - m.offset) / m.scale, m.shape)


def _raw(table: pd.DataFrame, m: Affine) -> Numbers:
    return table[m.column].to_numpy(dtype=np.float64)


def _exact(m: Affine) -> Affine:
    """An affine map that is the identity but for rounding becomes the identity."""
    if abs(m.scale - 1) < 1e-6 and abs(m.offset) < 1e-4 and not m.shape:
        return Affine(m.column, 1.0, 0.0)
    return m


def _refined(m: Affine, values: Numbers, table: pd.DataFrame, matches: Sequence[list[int]]) -> Affine:
    """Scale and offset fitted over all rows that match one raw row."""
    pairs = [(row[0], i) for i, row in enumerate(matches) if row]
    if (m.scale, m.offset) == (1.0, 0.0) or len(pairs) < 8:
        return m
    raw = SHAPES[m.shape](_raw(table, m)[[p[0] for p in pairs]])
    design = np.column_stack([raw, np.ones(len(raw))])
    scale, offset = np.linalg.lstsq(design, values[[p[1] for p in pairs]], rcond=None)[0]
    return Affine(m.column, float(scale), float(offset), m.shape)


def _category(values: Numbers, table: pd.DataFrame, matches: Sequence[list[int]]) -> ColumnMap:
    """A column that follows from one category by a code. Raises ``NotProven`` if there is none."""
    if np.ptp(values) == 0:
        return Constant(float(values[0]))
    for column in CATEGORIES:
        if column not in table.columns:
            continue
        texts = table[column].astype(str).to_numpy()
        seen: dict[str, list[float]] = {}
        for row, value in zip(matches, values, strict=True):
            if row and len({texts[r] for r in row}) == 1:
                seen.setdefault(texts[row[0]], []).append(float(value))
        codes = {name: float(np.median(found)) for name, found in seen.items()}
        wrong = sum(
            abs(v - codes[name]) > 1e-5 * max(1.0, abs(codes[name])) for name, found in seen.items() for v in found
        )
        total = sum(len(found) for found in seen.values())
        if total and wrong <= (1 - EXPLAINED) * total and len(set(codes.values())) > 1:
            return Coded(column, codes)
    raise NotProven("An input column is neither a raw measurement nor a code of a category.")


def _verify(found: TableMap, consumed: Numbers, table: pd.DataFrame) -> None:
    expected = found.apply(table).reshape(len(table), -1)
    spread = np.maximum(np.ptp(np.nan_to_num(expected), axis=0), 1e-12)
    explained = sum(bool(((np.abs(expected - row) / spread) < PRECISION).all(axis=1).any()) for row in consumed)
    if explained < EXPLAINED * len(consumed):
        raise NotProven(f"The inputs could be explained for only {explained} of {len(consumed)} recorded rows.")
