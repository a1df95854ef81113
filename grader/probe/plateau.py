"""Decides whether the figures of a training have levelled off past the level of full marks."""

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


def levelled_off(level: Level, figures: Sequence[Tensor], factor: int = 1) -> float | None:
    """The mean figure of the latest passes if every one of them is past the level and they neither rise nor fall nor
    jump about; else None.

    ``figures``: sums of each pass, in order. ``factor``: how many times as many passes are asked for. One standard
    error below that mean, at most ``RISK`` of the way to full marks is lost: few items in a pass must be better.
    """
    window = factor * max(WINDOW, len(figures) // SHARE)
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
    middle = mean(values)
    lowest = middle - mean(errors) if level.higher else middle + mean(errors)
    if level.gain(lowest, level.level) < -RISK * level.way:
        return None
    newer, older = values[: window // 2], values[window // 2 :]
    noise = math.sqrt(variance(newer) / len(newer) + variance(older) / len(older))
    level_course = abs(mean(newer) - mean(older)) <= max(NOISE * noise, SLACK * level.way)
    return middle if level_course and math.sqrt(variance(values)) <= QUIET * level.way else None
