"""Where numbers stand on an axis, linear or logarithmic, and which of them are written beside it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
MOST_TICKS = 8
ROOM = 0.04  # of an axis left free at its ends


@dataclass(frozen=True)
class Axis:
    """From ``low`` to ``high``, drawn from ``start`` to ``end`` (pixels)."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, values: Numbers) -> Numbers:
        """Where these values (n,) are drawn (pixels)."""
        low, high, place = self.low, self.high, values
        if self.logarithmic:
            low, high, place = math.log(low), math.log(high), np.log(values)
        return np.asarray(self.start + (place - low) / (high - low) * (self.end - self.start), dtype=np.float64)

    def ticks(self, *, whole: bool = False) -> Numbers:
        """Round values on the axis; ``whole``: whole numbers only."""
        found = _decades(self.low, self.high) if self.logarithmic else _steps(self.low, self.high, whole=whole)
        return np.array([value for value in found if self.low <= value <= self.high])


def spanned(low: float, high: float, *, logarithmic: bool = False, from_zero: bool = False) -> tuple[float, float]:
    """The ends of an axis for values from ``low`` to ``high``: a little further, and never the same."""
    if logarithmic:
        room = (high / low) ** ROOM
        return low / room, high * room
    if low == high:
        half = max(0.5, 0.05 * abs(low))
        low, high = low - half, high + half
    room = ROOM * (high - low)
    return (0.0 if from_zero else low - room), high + room


def _steps(low: float, high: float, *, whole: bool) -> list[float]:
    rough = (high - low) / MOST_TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if size * factor >= rough)
    if whole:
        step = float(math.ceil(step))
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each power of ten; where that is too many, the powers alone, or only some of them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits, apart in (((1, 2, 5), 1), ((1,), 1), ((1,), 2), ((1,), 4)):
        found = [digit * 10.0**power for power in range(first, last + 1) if power % apart == 0 for digit in digits]
        if sum(low <= value <= high for value in found) <= MOST_TICKS:
            break
    return found
