"""Finds out which raw columns a net's inputs are: each an affine map of a number, or a code of a category.

The map proves itself: it is only used if it reproduces the consumed rows to float precision, all columns jointly.
A column made of several raw ones (a ratio, a product) cannot be explained; the others may still tell which raw row is
which, and that is all that a rebuilt data set needs.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.recorded import line

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
HASH = 1_000_003
MAX_COLUMNS = 32  # input columns of one net
ODD = 1e-3  # a map this near to a usual one (nothing, a factor, standardised, min-max) is taken for it
SHAPES: dict[str, Callable[[Numbers], Numbers]] = {
    "": lambda v: v,
    "log of ": np.log,
    "log1p of ": np.log1p,
    "root of ": np.sqrt,
}
BACK: dict[str, Callable[[Numbers], Numbers]] = {
    "": lambda v: v,
    "log of ": lambda v: np.exp(np.clip(v, -50, 50)),
    "log1p of ": lambda v: np.expm1(np.clip(v, -50, 50)),
    "root of ": np.square,
}
MEASURED = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


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


@dataclass(frozen=True)
class Unexplained:
    """A column that is none of these."""

    def apply(self, table: pd.DataFrame) -> Numbers:
        """NaN for every row (n,)."""
        return np.full(len(table), np.nan)


ColumnMap = Affine | Coded | Constant | Unexplained


@dataclass(frozen=True)
class TableMap:
    """One entry per input column. ``shape``: of one input row."""

    columns: tuple[ColumnMap, ...]
    shape: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Whether every column is explained, so that inputs can be made of raw rows."""
        return not any(isinstance(c, Unexplained) for c in self.columns)

    def apply(self, table: pd.DataFrame) -> Numbers:
        """Inputs (n, *shape) for raw rows."""
        return np.column_stack([c.apply(table) for c in self.columns]).reshape(len(table), *self.shape)


def infer(inputs: Numbers, table: pd.DataFrame, *, partial: bool = False) -> TableMap:
    """The map from ``table`` to consumed ``inputs`` (n, ...). Raises ``NotProven`` if none reproduces them.

    ``partial``: some columns may stay unexplained if two measurements are found, enough to tell rows apart. Rows that
    lack a measurement are left out, as students drop or fill them; a missing category counts as one of its own.
    """
    width = inputs[0].size
    if width > MAX_COLUMNS:  # before anything is computed with them
        raise NotProven(f"The net takes {width} numbers per item, more than the data has columns.")
    consumed = np.unique(inputs.reshape(len(inputs), -1), axis=0)
    if len(consumed) < 8:
        raise NotProven("Too few different input rows were recorded.")
    known = table.dropna(subset=[c for c in RESOLUTION if c in table.columns])
    reason, in_part = NotProven("No input column is a raw column under an affine map."), None
    for shapes in (("",), tuple(SHAPES)):
        try:
            found = _under(consumed, known, shapes, shape=inputs.shape[1:], partial=partial)
        except NotProven as problem:
            reason = problem
            continue
        if found.complete:
            return found
        in_part = in_part or found
    if in_part is None:
        raise reason
    return in_part


def _under(
    consumed: Numbers, known: pd.DataFrame, shapes: Sequence[str], *, shape: tuple[int, ...], partial: bool
) -> TableMap:
    candidates = {i: affine_candidates(consumed[:, i], known, shapes) for i in range(consumed.shape[1])}
    candidates = {i: found for i, found in candidates.items() if found}
    if not candidates:
        raise NotProven("No input column is a raw column under an affine map.")
    if len(candidates) > 1:
        return _whole(consumed, known, _jointly(consumed, known, candidates), shape=shape, partial=partial)
    proven = list(_alone(consumed, known, candidates, shape))
    if len({tuple(getattr(c, "column", "") for c in m.columns) for m in proven}) != 1:
        raise NotProven("One measurement alone does not tell which one it is and how it was scaled.")
    return proven[0]


def _whole(
    consumed: Numbers, known: pd.DataFrame, numeric: dict[int, Affine], *, shape: tuple[int, ...], partial: bool
) -> TableMap:
    """The map with these numeric columns, the others told by the rows that they match."""
    matches = match(consumed, known, numeric)
    columns = tuple(
        _refined(numeric[i], consumed[:, i], known, matches)
        if i in numeric
        else _category(consumed[:, i], known, matches)
        for i in range(consumed.shape[1])
    )
    result = TableMap(columns, shape)
    if not result.complete and not (partial and len(numeric) > 1):
        raise NotProven("An input column is neither a raw measurement nor a code of a category.")
    _verify(result, consumed, known)
    return result


def _alone(
    consumed: Numbers, known: pd.DataFrame, candidates: dict[int, list[Affine]], shape: tuple[int, ...]
) -> Iterator[TableMap]:
    """All usual maps that hold where only one column is a measurement: of unusual ones there are always some."""
    for i, found in candidates.items():
        for m in (m for m in found if _is_usual(m, known)):
            try:
                yield _whole(consumed, known, {i: m}, shape=shape, partial=False)
            except NotProven:
                continue


def _is_usual(m: Affine, table: pd.DataFrame) -> bool:
    """Whether a map is what students do to a column: nothing, a power of ten, standardised, or brought to [0, 1]."""
    raw = SHAPES[m.shape](_raw(table, m))
    zero, unit = -m.offset / m.scale, abs(1 / m.scale)
    spread = float(np.ptp(raw))
    if abs(m.offset) < ODD * max(1e-9, abs(m.scale) * spread):
        power = np.log10(abs(m.scale))
        by_a_factor = abs(power - round(power)) < ODD
        return bool(by_a_factor or abs(unit / raw.max() - 1) < ODD or abs(unit / raw.mean() - 1) < 0.1)
    standardised = abs(zero - raw.mean()) < 0.1 * raw.std() and abs(unit / raw.std() - 1) < 0.1
    return bool(standardised or (abs(zero - raw.min()) < ODD * spread and abs(unit / spread - 1) < ODD))


def match(consumed: Numbers, table: pd.DataFrame, columns: dict[int, Affine]) -> list[list[int]]:
    """For each consumed row the raw rows that agree with it in these columns."""
    places: dict[int, list[int]] = {}
    given, raw = _keys(consumed, table, columns)
    for position, key in enumerate(raw.tolist()):
        places.setdefault(key, []).append(position)
    return [places.get(key, []) for key in given.tolist()]


def _keys(consumed: Numbers, table: pd.DataFrame, columns: dict[int, Affine]) -> tuple[Labels, Labels]:
    """One whole number for each consumed row and each raw row; the same where these columns agree."""
    given, raw = np.zeros(len(consumed), dtype=np.int64), np.zeros(len(table), dtype=np.int64)
    for i, m in columns.items():
        step = RESOLUTION[m.column]
        undone = _undo(consumed[:, i], m) / step
        whole = np.where(np.isfinite(undone) & (np.abs(undone) < HASH / 2), np.round(undone), -HASH / 2)
        given = given * HASH + whole.astype(np.int64)  # may wrap around, for both alike
        raw = raw * HASH + np.round(_raw(table, m) / step).astype(np.int64)
    return given, raw


def near(inputs: Numbers, table: pd.DataFrame, found: TableMap) -> list[Labels]:
    """For each input row (m, ...) the positions of all raw rows that it may be made of."""
    expected = found.apply(table).reshape(len(table), -1)
    given = inputs.reshape(len(inputs), -1)
    if expected.shape[1] != given.shape[1]:
        return [np.empty(0, dtype=np.int64)] * len(given)
    told = [not isinstance(c, Unexplained) for c in found.columns]
    expected, given = expected[:, told], given[:, told]
    spread = np.maximum(np.ptp(np.nan_to_num(expected), axis=0), 1e-12)
    return [np.flatnonzero((np.abs(expected - row) < 10 * PRECISION * spread).all(axis=1)) for row in given]


def align(inputs: Numbers, table: pd.DataFrame, found: TableMap) -> Labels:
    """For each input row (m, ...) the one raw row it is made of, or -1. Equal raw rows are handed out in order."""
    free, result = set(range(len(table))), np.full(len(inputs), UNKNOWN)
    for position, rows in enumerate(near(inputs, table, found)):
        result[position] = next((int(r) for r in rows if int(r) in free), UNKNOWN)
        free.discard(int(result[position]))
    return result


def affine_candidates(values: Numbers, table: pd.DataFrame, shapes: Sequence[str] = ("",)) -> list[Affine]:
    """Affine maps under which nearly all distinct values are raw values, likeliest first; none for a column of few
    values.

    One column alone cannot tell them apart: whole millimetres, stretched, may pass for tenths of a millimetre.
    """
    distinct = np.unique(values)
    if len(distinct) <= FEW_VALUES or not np.isfinite(distinct).all():
        return []
    found: list[tuple[float, float, Affine]] = []
    for column in (c for c in MEASURED if c in table.columns):
        raw = np.unique(table[column].to_numpy(dtype=np.float64))
        for shape in shapes:
            found += _hypotheses(distinct, raw, column=column, resolution=RESOLUTION[column], shape=shape)
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
    back = BACK[shape]((some[None, :] - offset[:, None]) / scale[:, None])
    nearest = raw[np.clip(np.searchsorted(raw, back - resolution / 2), 0, len(raw) - 1)]
    share = np.mean(np.abs(back - nearest) < 0.02 * resolution, axis=1)
    strangeness = np.abs(scale - 1) + np.abs(offset)
    best = np.lexsort((strangeness, -share))[:MAX_PER_COLUMN]
    return [
        (float(share[i]), float(strangeness[i]), Affine(column, float(scale[i]), float(offset[i]), shape))
        for i in best
        if share[i] >= MEMBERS and 1e-300 < abs(scale[i]) < 1e300
    ]


def _jointly(consumed: Numbers, table: pd.DataFrame, candidates: dict[int, list[Affine]]) -> dict[int, Affine]:
    """One candidate per column such that whole rows are raw rows: a pair of columns first, then the others beside
    it."""
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
    return float(np.mean(np.isin(*_keys(consumed, table, columns))))


def _undo(values: Numbers, m: Affine) -> Numbers:
    return BACK[m.shape]((values - m.offset) / m.scale)


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
    scale, offset = line(raw, values[[p[1] for p in pairs]])
    return Affine(m.column, scale, offset, m.shape) if scale else m


def _category(values: Numbers, table: pd.DataFrame, matches: Sequence[list[int]]) -> ColumnMap:
    """A column that follows from one category by a code; else one that is unexplained."""
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
    return Unexplained()


def _verify(found: TableMap, consumed: Numbers, table: pd.DataFrame) -> None:
    told = [i for i, c in enumerate(found.columns) if not isinstance(c, Unexplained)]
    expected = found.apply(table).reshape(len(table), -1)[:, told]
    limit = PRECISION * np.maximum(np.ptp(np.nan_to_num(expected), axis=0), 1e-12)
    explained = sum(bool((np.abs(expected - row) < limit).all(axis=1).any()) for row in consumed[:, told])
    if explained < EXPLAINED * len(consumed):
        raise NotProven(f"The inputs could be explained for only {explained} of {len(consumed)} recorded rows.")
