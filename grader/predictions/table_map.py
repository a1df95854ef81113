"""Finds out which raw columns a net's inputs are: each an affine map of a number, or a code of a category.

The map proves itself: it is only used if it reproduces the consumed rows to float precision, all columns jointly.
A column made of several raw ones (a ratio, a product) cannot be explained; the others may still tell which raw row is
which, and that is all that a rebuilt data set needs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grader.predictions.column_search import EXPLAINED, HASH, Effort, affine_candidates, in_steps, jointly
from grader.predictions.columns import (
    CATEGORIES,
    RESOLUTION,
    SHAPES,
    Affine,
    Coded,
    ColumnMap,
    Constant,
    Unexplained,
)
from grader.predictions.model import UNKNOWN, Labels, NotProven, Numbers
from grader.predictions.recorded import Recorded, line
from grader.tasks.model import Table

__all__ = [
    "Affine",
    "Coded",
    "ColumnMap",
    "Constant",
    "Effort",
    "TableMap",
    "Unexplained",
    "align",
    "check_width",
    "infer",
    "near",
]

PRECISION = 2e-5  # of a column's range, for values that were float32
MAX_COLUMNS = 32  # input columns of one net
MAX_USUAL = 12  # usual maps of a single column that are worked out
ODD = 1e-3  # a map this near to a usual one (nothing, a factor, standardised, min-max) is taken for it


@dataclass(frozen=True)
class TableMap:
    """One entry per input column. ``shape``: of one input row."""

    columns: tuple[ColumnMap, ...]
    shape: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Whether every column is explained, so that inputs can be made of raw rows."""
        return not any(isinstance(c, Unexplained) for c in self.columns)

    def apply(self, table: Table) -> Numbers:
        """Inputs (n, *shape) for raw rows."""
        return np.column_stack([c.apply(table) for c in self.columns]).reshape(len(table), *self.shape)


def infer(inputs: Numbers, table: Table, *, partial: bool = False, effort: Effort | None = None) -> TableMap:
    """The map from ``table`` to consumed ``inputs`` (n, ...). Raises ``NotProven`` if none reproduces them.

    ``partial``: some columns may stay unexplained if two measurements are found, enough to tell rows apart. Rows that
    lack a measurement are left out, as students drop or fill them; a missing category counts as one of its own.
    ``effort``: what may be tried, together with other calls that share it.
    """
    effort = effort or Effort()
    check_width(inputs)
    consumed = np.unique(inputs.reshape(len(inputs), -1), axis=0)
    if len(consumed) < 8:
        raise NotProven("Too few different input rows were recorded.")
    known = table.dropna(subset=[c for c in RESOLUTION if c in table.columns])
    reason, in_part = NotProven("No input column is a raw column under an affine map."), None
    for shapes in (("",), tuple(SHAPES)):
        try:
            found = _under(consumed, known, shapes, shape=inputs.shape[1:], partial=partial, effort=effort)
        except NotProven as problem:
            reason = problem
            continue
        if found.complete:
            return found
        in_part = in_part or found
    if in_part is None:
        raise reason
    return in_part


def check_width(inputs: Recorded) -> None:
    """Raises ``NotProven`` if items (n, ...) have more numbers than may be columns; before anything is computed."""
    width = inputs[0].size
    if width > MAX_COLUMNS:
        raise NotProven(f"The net takes {width} numbers per item, more than the data has columns.")


def _under(
    consumed: Numbers,
    known: Table,
    shapes: Sequence[str],
    *,
    shape: tuple[int, ...],
    partial: bool,
    effort: Effort,
) -> TableMap:
    candidates = {i: affine_candidates(consumed[:, i], known, shapes, effort=effort) for i in range(consumed.shape[1])}
    candidates = {i: found for i, found in candidates.items() if found}
    if not candidates:
        raise NotProven("No input column is a raw column under an affine map.")
    if len(candidates) > 1:
        numeric = jointly(consumed, known, candidates, effort=effort)
        return _whole(consumed, known, numeric, shape=shape, partial=partial)
    proven = list(_alone(consumed, known, candidates, shape))
    if len({tuple(getattr(c, "column", "") for c in m.columns) for m in proven}) != 1:
        raise NotProven("One measurement alone does not tell which one it is and how it was scaled.")
    return proven[0]


def _whole(
    consumed: Numbers, known: Table, numeric: dict[int, Affine], *, shape: tuple[int, ...], partial: bool
) -> TableMap:
    """The map with these numeric columns, the others told by the rows that they match."""
    matches = match(consumed, known, numeric)
    single = [(row[0], i) for i, row in enumerate(matches) if row]
    told = _told(known, matches)
    columns = tuple(
        _refined(numeric[i], consumed[:, i], known, single) if i in numeric else _category(consumed[:, i], told)
        for i in range(consumed.shape[1])
    )
    result = TableMap(columns, shape)
    if not result.complete and not (partial and len(numeric) > 1):
        raise NotProven("An input column is neither a raw measurement nor a code of a category.")
    _verify(result, consumed, known)
    return result


def _alone(
    consumed: Numbers, known: Table, candidates: dict[int, list[Affine]], shape: tuple[int, ...]
) -> Iterator[TableMap]:
    """All usual maps that hold where only one column is a measurement: of unusual ones there are always some."""
    usual = [(i, m) for i, found in candidates.items() for m in found if _is_usual(m, known)]
    for i, m in usual[:MAX_USUAL]:
        try:
            yield _whole(consumed, known, {i: m}, shape=shape, partial=False)
        except NotProven:
            continue


def _is_usual(m: Affine, table: Table) -> bool:
    """Whether a map is what students do to a column: nothing, a power of ten, standardised, or brought to [0, 1]."""
    raw = SHAPES[m.shape](m.raw(table))
    zero, unit = -m.offset / m.scale, abs(1 / m.scale)
    spread = float(np.ptp(raw))
    if abs(m.offset) < ODD * max(1e-9, abs(m.scale) * spread):
        power = np.log10(abs(m.scale))
        by_a_factor = abs(power - round(power)) < ODD
        return bool(by_a_factor or abs(unit / raw.max() - 1) < ODD or abs(unit / raw.mean() - 1) < 0.1)
    standardised = abs(zero - raw.mean()) < 0.1 * raw.std() and abs(unit / raw.std() - 1) < 0.1
    return bool(standardised or (abs(zero - raw.min()) < ODD * spread and abs(unit / spread - 1) < ODD))


def match(consumed: Numbers, table: Table, columns: dict[int, Affine]) -> list[list[int]]:
    """For each consumed row the raw rows that agree with it in these columns."""
    places: dict[int, list[int]] = {}
    given, raw = _keys(consumed, table, columns)
    for position, key in enumerate(raw.tolist()):
        places.setdefault(key, []).append(position)
    return [places.get(key, []) for key in given.tolist()]


def _keys(consumed: Numbers, table: Table, columns: dict[int, Affine]) -> tuple[Labels, Labels]:
    """One whole number for each consumed row and each raw row; the same where these columns agree."""
    given, raw = np.zeros(len(consumed), dtype=np.int64), np.zeros(len(table), dtype=np.int64)
    for i, m in columns.items():
        given = given * HASH + in_steps(m.undo(consumed[:, i]), m.column)  # may wrap around, for both alike
        raw = raw * HASH + in_steps(m.raw(table), m.column)
    return given, raw


def near(inputs: Numbers, table: Table, found: TableMap) -> list[Labels]:
    """For each input row (m, ...) the positions of all raw rows that it may be made of."""
    expected = found.apply(table).reshape(len(table), -1)
    given = inputs.reshape(len(inputs), -1)
    if expected.shape[1] != given.shape[1]:
        return [np.empty(0, dtype=np.int64)] * len(given)
    told = [not isinstance(c, Unexplained) for c in found.columns]
    expected, given = expected[:, told], given[:, told]
    spread = np.maximum(np.ptp(np.nan_to_num(expected), axis=0), 1e-12)
    return [np.flatnonzero((np.abs(expected - row) < 10 * PRECISION * spread).all(axis=1)) for row in given]


def align(inputs: Numbers, table: Table, found: TableMap) -> Labels:
    """For each input row (m, ...) the one raw row it is made of, or -1. Equal raw rows are handed out in order."""
    free, result = set(range(len(table))), np.full(len(inputs), UNKNOWN)
    for position, rows in enumerate(near(inputs, table, found)):
        result[position] = next((int(r) for r in rows if int(r) in free), UNKNOWN)
        free.discard(int(result[position]))
    return result


def _refined(m: Affine, values: Numbers, table: Table, pairs: Sequence[tuple[int, int]]) -> Affine:
    """Scale and offset fitted over all ``pairs`` of a raw row and a consumed row that matches it."""
    if (m.scale, m.offset) == (1.0, 0.0) or len(pairs) < 8:
        return m
    raw = SHAPES[m.shape](m.raw(table)[[p[0] for p in pairs]])
    scale, offset = line(raw, values[[p[1] for p in pairs]])
    return Affine(m.column, scale, offset, m.shape) if scale else m


def _told(table: Table, matches: Sequence[list[int]]) -> dict[str, list[str | None]]:
    """For each category and each consumed row the one value that its raw rows have; None if none or several."""
    told: dict[str, list[str | None]] = {}
    for column in (c for c in CATEGORIES if c in table.columns):
        texts = [str(text) for text in table[column]]
        known: dict[tuple[int, ...], str | None] = {}  # rows alike have the same raw rows
        for row in {tuple(row) for row in matches}:
            values = {texts[r] for r in row}
            known[row] = next(iter(values)) if len(values) == 1 else None
        told[column] = [known[tuple(row)] for row in matches]
    return told


def _category(values: Numbers, told: dict[str, list[str | None]]) -> ColumnMap:
    """A column that follows from one category by a code; else one that is unexplained."""
    if np.ptp(values) == 0:
        return Constant(float(values[0]))
    for column, texts in told.items():
        named = np.array([text or "" for text in texts])
        usable = np.array([text is not None for text in texts])
        codes, wrong, total = {}, 0, 0
        for name in dict.fromkeys(text for text in texts if text is not None):
            found = values[usable & (named == name)]
            codes[name] = code = float(np.median(found))
            wrong += int(np.count_nonzero(np.abs(found - code) > 1e-5 * max(1.0, abs(code))))
            total += len(found)
        if total and wrong <= (1 - EXPLAINED) * total and len(set(codes.values())) > 1:
            return Coded(column, codes)
    return Unexplained()


def _verify(found: TableMap, consumed: Numbers, table: Table) -> None:
    told = [i for i, c in enumerate(found.columns) if not isinstance(c, Unexplained)]
    expected = found.apply(table).reshape(len(table), -1)[:, told]
    limit = PRECISION * np.maximum(np.ptp(np.nan_to_num(expected), axis=0), 1e-12)
    explained = sum(bool((np.abs(expected - row) < limit).all(axis=1).any()) for row in consumed[:, told])
    if explained < EXPLAINED * len(consumed):
        raise NotProven(f"The inputs could be explained for only {explained} of {len(consumed)} recorded rows.")
