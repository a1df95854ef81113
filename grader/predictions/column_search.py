"""Looks for affine maps under which input columns are raw columns, one by one and then jointly, with bounded effort.

The effort is counted in operations, not in seconds: the same evidence gives the same answer on any machine.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.predictions.columns import BACK, MEASURED, RESOLUTION, SHAPES, Affine
from grader.predictions.model import Labels, NotProven, Numbers
from grader.tasks.model import Table

FEW_VALUES = 3  # up to so many distinct values a column is looked at as a category first
MEMBERS = 0.95  # share of distinct values that must be raw values under a hypothesis
EXPLAINED = 0.95  # share of consumed rows that must be raw rows under the whole map
MAX_PER_COLUMN = 16  # hypotheses kept for one raw column
MAX_CANDIDATES = 48
MAX_PAIRED = 4  # columns among which the first pair is looked for
MAX_LOOKED_AT = 64  # distinct values a hypothesis is tried on
HASH = 1_000_003  # above any raw value in steps of its resolution
BITS = NDArray[np.uint64]


@dataclass
class Effort:
    """What may still be tried; honest tables need a small part of it. ``values``: distinct values under a hypothesis;
    ``pairs``: pairs of candidates of two columns."""

    values: int = 3_000_000
    pairs: int = 5_000

    def try_values(self, count: int) -> None:
        """Raises ``NotProven`` if that is too much."""
        self.values -= count
        if self.values < 0:
            raise NotProven("The inputs fit the data in too many ways to tell which columns they are.")

    def try_pair(self) -> None:
        """Raises ``NotProven`` if that is too much."""
        self.pairs -= 1
        if self.pairs < 0:
            raise NotProven("The inputs fit the data in too many ways to tell which columns they are.")


def affine_candidates(values: Numbers, table: Table, shapes: Sequence[str] = ("",), *, effort: Effort) -> list[Affine]:
    """Affine maps under which nearly all distinct values are raw values, likeliest first; none for a column of few
    values. Raises ``NotProven`` if there are too many to try.

    One column alone cannot tell them apart: whole millimetres, stretched, may pass for tenths of a millimetre.
    """
    distinct = np.unique(values)
    if len(distinct) <= FEW_VALUES or not np.isfinite(distinct).all():
        return []
    found: list[tuple[float, float, Affine]] = []
    for column in (c for c in MEASURED if c in table.columns):
        raw = np.unique(table[column].to_numpy(dtype=np.float64))
        if len(distinct) > len(raw) * 1.1:
            continue
        for shape in shapes:
            found += _hypotheses(distinct, raw, column=column, shape=shape, effort=effort)
    found.sort(key=lambda item: (-item[0], item[1]))
    return [_exact(m) for _, _, m in found[:MAX_CANDIDATES]]


def _hypotheses(
    distinct: Numbers, raw: Numbers, *, column: str, shape: str, effort: Effort
) -> list[tuple[float, float, Affine]]:
    """Let the extreme values be any two raw values; keep the pairs under which most values are raw values.

    A few values in the middle are tried first: where too many of them fail, the others cannot make up for it.
    """
    shaped = SHAPES[shape](raw)
    first, second = np.triu_indices(len(raw), 1)
    wide = (second - first + 1) >= MEMBERS * len(distinct)
    first, second = first[wide], second[wide]
    scale = (distinct[-1] - distinct[0]) / (shaped[second] - shaped[first])
    offset = distinct[0] - scale * shaped[first]
    some = distinct[_spread(len(distinct), MAX_LOOKED_AT)]
    may_fail = int((1 - MEMBERS) * len(some) + 1e-6)
    early = some[1:-1][_spread(len(some) - 2, may_fail + 2)]
    effort.try_values(len(scale) * len(early))
    fine = _are_raw(early, scale, offset, raw=raw, column=column, shape=shape)
    alive = np.count_nonzero(fine, axis=1) >= len(early) - may_fail
    scale, offset = scale[alive], offset[alive]
    effort.try_values(len(scale) * len(some))
    share = np.mean(_are_raw(some, scale, offset, raw=raw, column=column, shape=shape), axis=1)
    strangeness = np.abs(scale - 1) + np.abs(offset)
    best = np.lexsort((strangeness, -share))[:MAX_PER_COLUMN]
    return [
        (float(share[i]), float(strangeness[i]), Affine(column, float(scale[i]), float(offset[i]), shape))
        for i in best
        if share[i] >= MEMBERS and 1e-300 < abs(scale[i]) < 1e300
    ]


def _spread(length: int, count: int) -> Labels:
    """At most ``count`` places, evenly spread over ``length``."""
    return np.unique(np.linspace(0, length - 1, count).astype(np.int64))


def _are_raw(
    values: Numbers, scale: Numbers, offset: Numbers, *, raw: Numbers, column: str, shape: str
) -> NDArray[np.bool_]:
    """Which ``values`` (m,) are raw values under which hypotheses (n,), as (n, m)."""
    resolution = RESOLUTION[column]
    back = BACK[shape]((values[None, :] - offset[:, None]) / scale[:, None])
    nearest = raw[np.clip(np.searchsorted(raw, back - resolution / 2), 0, len(raw) - 1)]
    return np.asarray(np.abs(back - nearest) < 0.02 * resolution, dtype=np.bool_)


def _exact(m: Affine) -> Affine:
    """An affine map that is the identity but for rounding becomes the identity."""
    if abs(m.scale - 1) < 1e-6 and abs(m.offset) < 1e-4 and not m.shape:
        return Affine(m.column, 1.0, 0.0)
    return m


def in_steps(values: Numbers, column: str) -> Labels:
    """Raw values as whole numbers of the column's resolution; what is no such number becomes one that no raw value
    has."""
    steps = values / RESOLUTION[column]
    usable = np.isfinite(steps) & (np.abs(steps) < HASH / 2)
    return np.where(usable, np.round(steps), -HASH).astype(np.int64)


def jointly(
    consumed: Numbers, table: Table, candidates: dict[int, list[Affine]], *, effort: Effort
) -> dict[int, Affine]:
    """One candidate per column such that whole rows are raw rows: a pair of columns first, then the others beside it.

    Raises ``NotProven`` if no pair explains the rows, or if there are too many to try.
    """
    places = Places(consumed, table)
    chosen, agreeing = _best_pair(places, candidates, effort)
    for i, found in candidates.items():
        if i in chosen:
            continue
        both = [agreeing & places.of(i, m) for m in found]
        shares = [(places.share(bits), -k) for k, bits in enumerate(both)]
        share, k = max(shares)
        if share >= EXPLAINED:
            chosen[i], agreeing = found[-k], both[-k]
    return chosen


def _best_pair(places: "Places", candidates: dict[int, list[Affine]], effort: Effort) -> tuple[dict[int, Affine], BITS]:
    best, chosen, agreeing = 0.0, {}, np.empty(0, dtype=np.uint64)
    fewest_first = sorted(candidates, key=lambda i: len(candidates[i]))[:MAX_PAIRED]
    bits = {i: [places.of(i, m) for m in candidates[i]] for i in fewest_first}
    for i, j in itertools.combinations(fewest_first, 2):
        for (one, left), (other, right) in itertools.product(
            zip(candidates[i], bits[i], strict=True), zip(candidates[j], bits[j], strict=True)
        ):
            if one.column == other.column:
                continue
            effort.try_pair()
            both = left & right
            share = places.share(both)
            if share > best:
                best, chosen, agreeing = share, {i: one, j: other}, both
            if share > 0.999:
                return chosen, agreeing
    if best < EXPLAINED:
        raise NotProven("The inputs are not rows of the data under affine maps of its columns.")
    return chosen, agreeing


class Places:
    """For each consumed row the raw rows that it may be, as bits: ``(words, rows)``, so that columns are combined
    quickly."""

    def __init__(self, consumed: Numbers, table: Table) -> None:
        self._consumed, self._table = consumed, table
        self._words = -(-len(table) // 64)
        self._of_value: dict[str, tuple[Labels, BITS]] = {}

    def of(self, i: int, m: Affine) -> BITS:
        """The raw rows (words, rows) that column ``i`` of each consumed row allows under ``m``."""
        known, bits = self._values(m.column)
        wanted = in_steps(m.undo(self._consumed[:, i]), m.column)
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        return bits[:, np.where(known[at] == wanted, at, len(known))]

    def share(self, bits: BITS) -> float:
        """The share of consumed rows that are some raw row."""
        return float(np.count_nonzero(np.bitwise_or.reduce(bits, axis=0)) / bits.shape[1])

    def _values(self, column: str) -> tuple[Labels, BITS]:
        """The distinct values of a raw column and the rows of each; the last entry stands for none."""
        if column not in self._of_value:
            known, which = np.unique(
                in_steps(self._table[column].to_numpy(dtype=np.float64), column), return_inverse=True
            )
            member = np.zeros((len(known) + 1, self._words * 64), dtype=np.bool_)
            member[which.reshape(-1), np.arange(len(self._table))] = True
            bits = np.packbits(member, axis=1).view(np.uint64)
            self._of_value[column] = known, np.ascontiguousarray(bits.T)
        return self._of_value[column]
