"""What an input column may be: an affine map of a measurement, a code of a category, one number, or unexplained."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from grader.predictions.model import Numbers
from grader.tasks.model import Table

RESOLUTION = {
    "bill_length_mm": 0.1,
    "bill_depth_mm": 0.1,
    "flipper_length_mm": 1.0,
    "body_mass_g": 1.0,
    "year": 1.0,
}
MEASURED = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
CATEGORIES = ("sex", "island", "species", "year")
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


@dataclass(frozen=True)
class Affine:
    """``scale * shape(raw) + offset`` of a numeric column."""

    column: str
    scale: float
    offset: float
    shape: str = ""

    def apply(self, table: Table) -> Numbers:
        """The column (n,) as the net would see it."""
        return self.scale * SHAPES[self.shape](self.raw(table)) + self.offset

    def raw(self, table: Table) -> Numbers:
        """The raw column (n,)."""
        return table[self.column].to_numpy(dtype=np.float64)

    def undo(self, values: Numbers) -> Numbers:
        """Raw values (n,) of consumed ones."""
        return BACK[self.shape]((values - self.offset) / self.scale)


@dataclass(frozen=True)
class Coded:
    """A number for each category; a category that was never seen has none."""

    column: str
    codes: dict[str, float]

    def apply(self, table: Table) -> Numbers:
        """The column (n,) as the net would see it; NaN for a category that has no code."""
        return np.array([self.codes.get(str(v), np.nan) for v in table[self.column]], dtype=np.float64)


@dataclass(frozen=True)
class Constant:
    """The same number for every row."""

    value: float

    def apply(self, table: Table) -> Numbers:
        """The column (n,)."""
        return np.full(len(table), self.value)


@dataclass(frozen=True)
class Unexplained:
    """A column that is none of these."""

    def apply(self, table: Table) -> Numbers:
        """NaN for every row (n,)."""
        return np.full(len(table), np.nan)


ColumnMap = Affine | Coded | Constant | Unexplained
