"""Decides whether the figures of a training are past the level of full marks for good: calm, or far past it."""

import math
from collections.abc import Sequence
from statistics import mean, variance

from torch import Tensor

from .level import Level

WINDOW = 8  # passes: four against four are the fewest whose means tell a slope from noise
SHARE = 4  # and a quarter of all passes so far, as a long training may rest for long before it goes on
RISK = 0.02  # of the way from the naive answer to full marks: what one standard error may cost
QUIET = 0.01  # of that way: standard deviation from pass to pass, above which the last epoch is a draw of lots
SLACK = 0.005  # of that way: less than this between the halves of the window is no slope
NOISE = 2.0  # standard errors between the means of the halves that are no slope either
FEWEST = 4  # passes that tell how far a figure past the level still varies
FAR = 0.1  # of that way: what is left to the level when everything uncertain has been taken off
SPREADS = 4.0  # standard deviations from pass to pass that are taken off; four passes know it to a factor of 2 to 4
ERRORS = 2.0  # standard errors of a figure that are taken off


def levelled_off(level: Level, figures: Sequence[Tensor], factor: int = 1) -> float | None:
    """The mean figure of the latest passes if every one of them is past the level and they neither rise nor fall nor
    jump about; else None.

    ``figures``: sums of each pass, in order. ``factor``: how many times as many passes are asked for. One standard
    error below that mean, at most ``RISK`` of the way to full marks is lost: few items in a pass must be better.
    """
    window = factor * max(WINDOW, len(figures) // SHARE)
    found = _past(level, figures, window)
    if found is None:
        return None
    values, errors = found
    middle = mean(values)
    lowest = middle - mean(errors) if level.higher else middle + mean(errors)
    if level.gain(lowest, level.level) < -RISK * level.way:
        return None
    level_course = abs(_rise(level, values)) <= _chance(level, values)
    return middle if level_course and math.sqrt(variance(values)) <= QUIET * level.way else None


def far_past(level: Level, figures: Sequence[Tensor]) -> float | None:
    """The latest figure if the latest passes lie so far past the level that no later one comes near it; else None.

    The worst of ``FEWEST`` passes, less ``SPREADS`` standard deviations from pass to pass and ``ERRORS`` standard
    errors, must be ``FAR`` of the way past the level, and they must not become worse. They may still become better.
    """
    found = _past(level, figures, FEWEST)
    if found is None:
        return None
    values, errors = found
    if _rise(level, values) < -_chance(level, values):
        return None
    uncertain = SPREADS * math.sqrt(variance(values)) + ERRORS * max(errors)
    left = min(level.gain(value, level.level) for value in values) - uncertain
    return values[0] if left >= FAR * level.way else None


def _past(level: Level, figures: Sequence[Tensor], window: int) -> tuple[list[float], list[float]] | None:
    """Figures and standard errors of the latest passes, the latest first; None if one of them is not past the level."""
    if len(figures) < window:
        return None
    values: list[float] = []
    errors: list[float] = []
    for sums in reversed(figures[-window:]):  # the latest first, which mostly settles it
        measured = level.measure(sums)
        if measured is None or level.gain(measured[0], level.level) < 0:
            return None
        values.append(measured[0])
        errors.append(measured[1])
    return values, errors


def _rise(level: Level, values: Sequence[float]) -> float:
    """How much better the newer half is than the older one, the latest first."""
    half = len(values) // 2
    return level.gain(mean(values[:half]), mean(values[half:]))


def _chance(level: Level, values: Sequence[float]) -> float:
    """By how much the means of both halves may differ without a slope."""
    half = len(values) // 2
    newer, older = values[:half], values[half:]
    noise = math.sqrt(variance(newer) / len(newer) + variance(older) / len(older))
    return max(NOISE * noise, SLACK * level.way)
