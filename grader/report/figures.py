"""Charts as SVG data URIs, one for light pages and one for dark: the training curve and predicted against true.

They are written here element by element: a plotting library takes a hundred times as long for each, and a second to
import.
"""

import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.evidence.model import Record
from grader.grade.model import CurveData, Picture
from grader.report.axes import Axis, spanned
from grader.report.pictures import svg_uri
from grader.report.text import clean_text, number

Points = NDArray[np.float64]  # rows of x and y
MAX_POINTS = 400
WIDTH, CURVE_HEIGHT, SCATTER_HEIGHT = 480, 316, 432
_LARGEST = 1e12  # a loss beyond it is drawn at it
_LOG_RANGE = 12.0  # a curve that spans more than this factor is drawn on a logarithmic axis
_FEW = 60  # so few points are drawn large
_TOP, _RIGHT, _BELOW, _LEGEND = 10, 12, 48, 48  # pixels around the plot
_LETTER = 6.9  # pixels of a digit in a label
_DASHES = {"-": "", "--": "7 3", ":": "1.8 3"}

# Every colour of a figure is one of these, so that the dark version is a replacement of text.
_INK, _GRID, _TRAIN, _VALID, _REFERENCE, _BASELINE = "#3d4856", "#dde3ea", "#3b6fd4", "#c2410c", "#0f766f", "#7b8794"
_DARK = {
    _INK: "#b6c2d0",
    _GRID: "#2c3743",
    _TRAIN: "#7aa7ff",
    _VALID: "#ff9d66",
    _REFERENCE: "#4fd1c0",
    _BASELINE: "#8a97a6",
}


class ReferenceCurve(Record):
    """Validation loss of the reference solution, from calibration.

    ``points``: (optimiser steps, 10th percentile, median, 90th percentile over the seeds), in order; losses divided by
    the naive baseline's.
    """

    points: list[tuple[float, float, float, float]]


@dataclass(frozen=True)
class Chart:
    """A figure in two colourings with alternative text; ``width`` and ``height`` in CSS pixels."""

    light: str
    dark: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class _Line:
    """One line of a chart, as it is drawn and named."""

    points: Points
    colour: str
    style: str
    label: str


def curve_chart(curve: CurveData, reference: ReferenceCurve | None) -> Chart | None:
    """The student's losses, beside the reference and the naive baseline (at 1) when the baseline is known.

    None if there is nothing to draw.
    """
    scale = curve.baseline if curve.baseline is not None and curve.baseline > 0 else None
    train, valid = _scaled(curve.train, scale or 1.0), _scaled(curve.valid, scale or 1.0)
    if not len(train) and not len(valid):
        return None
    lines = [_Line(train, _TRAIN, "-", "yours, training"), _Line(valid, _VALID, "-", "yours, validation")]
    if scale is not None and reference is not None:
        lines.append(_Line(_between(reference, 2), _REFERENCE, "--", "reference, validation"))
    lines = [line for line in lines if len(line.points)]
    x, y = _curve_axes(np.concatenate([line.points for line in lines]), known=scale is not None)
    drawn = _frame(x, y, lambda value: f"{value:,.0f}", whole=True)
    if scale is not None and reference is not None:
        drawn.append(_area(_between(reference, 1), _between(reference, 3), x, y))
    drawn += [_path(line, x, y) for line in lines]
    if scale is not None:
        baseline = _Line(np.array([[x.low, 1.0], [x.high, 1.0]]), _BASELINE, ":", "naive baseline")
        drawn.append(_path(baseline, x, y))
        lines.append(baseline)
    label = "loss (1 = naive baseline)" if scale is not None else "loss"
    drawn += [*_labels(x, y, "optimiser steps", label), *_legend(lines, y.start + _BELOW)]
    return _chart(drawn, CURVE_HEIGHT, _describe(train, valid, relative=scale is not None))


def _between(reference: ReferenceCurve, column: int) -> Points:
    """The steps and one column of the reference."""
    return _scaled([(row[0], row[column]) for row in reference.points], 1.0)


def _area(low: Points, high: Points, x: Axis, y: Axis) -> str:
    """What lies between two lines, within the plot."""
    inside = [np.column_stack([line[:, 0], np.clip(line[:, 1], y.low, y.high)]) for line in (low, high)]
    places = [*_places(inside[0], x, y), *reversed(_places(inside[1], x, y))]
    steps = "L".join(f"{h:.1f} {v:.1f}" for h, v in places)
    return f'<path d="M{steps}Z" fill="{_REFERENCE}" fill-opacity=".16"/>' if places else ""


def scatter_chart(picture: Picture) -> Chart | None:
    """Predicted against true values with the line of perfect predictions; None if there is nothing to draw."""
    truth, predicted = _flat(picture.truth), _flat(picture.predicted)
    n = min(len(truth), len(predicted))
    pairs = np.stack([truth[:n], predicted[:n]], axis=1)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(pairs):
        return None
    low, high = float(pairs[:, 0].min()), float(pairs[:, 0].max())
    margin = 0.6 * (high - low) or max(1.0, 0.1 * abs(low))
    inside = (pairs[:, 1] >= low - margin) & (pairs[:, 1] <= high + margin)
    drawn = np.clip(_thinned(pairs), low - margin, high + margin)
    bottom, top = spanned(float(drawn[:, 1].min()), float(drawn[:, 1].max()))
    x, y = _plot(spanned(low, high), (bottom, top), SCATTER_HEIGHT - _BELOW)
    radius = 3.6 if n <= _FEW else 2.4
    dots = "".join(f'<circle cx="{h:.1f}" cy="{v:.1f}" r="{radius}"/>' for h, v in _places(drawn, x, y))
    parts = _frame(x, y, number, columns=True)
    first, last = max(x.low, y.low), min(x.high, y.high)
    if first < last:
        parts.append(_path(_Line(np.array([[first, first], [last, last]]), _BASELINE, ":", ""), x, y))
    parts.append(f'<g fill="{_TRAIN}" fill-opacity=".7">{dots}</g>')
    unit = f" ({clean_text(picture.unit, lines=False, limit=20)})" if picture.unit else ""
    parts += _labels(x, y, f"true{unit}", f"predicted{unit}")
    left_out = int((~inside).sum())
    beyond = f" {left_out} predictions lie beyond the edge and are drawn on it." if left_out else ""
    return _chart(parts, SCATTER_HEIGHT, f"{len(pairs)} items.{beyond}")


def _curve_axes(points: Points, *, known: bool) -> tuple[Axis, Axis]:
    """Axes on which all points can be seen, and the naive baseline if it is ``known``."""
    losses = points[:, 1]
    low, high = float(losses.min()), float(losses.max())
    logarithmic = low > 0 and high > _LOG_RANGE * low
    if known:
        low, high = min(low, 1.0), max(high, 1.0)
    ends = spanned(low, high, logarithmic=logarithmic, from_zero=low >= 0)
    steps = spanned(float(points[:, 0].min()), float(points[:, 0].max()))
    return _plot(steps, ends, CURVE_HEIGHT - _BELOW - _LEGEND, logarithmic=logarithmic)


def _plot(
    across: tuple[float, float], up: tuple[float, float], bottom: float, *, logarithmic: bool = False
) -> tuple[Axis, Axis]:
    """Both axes, with as much room to the left as the labels need."""
    y = Axis(*up, bottom, _TOP, logarithmic)
    letters = max((len(number(value)) for value in y.ticks()), default=1)
    return Axis(*across, 30 + _LETTER * letters, WIDTH - _RIGHT), y


def _places(points: Points, x: Axis, y: Axis) -> list[list[float]]:
    placed: list[list[float]] = np.stack([x.at(points[:, 0]), y.at(points[:, 1])], axis=1).tolist()
    return placed


def _path(line: _Line, x: Axis, y: Axis) -> str:
    places = _places(line.points, x, y)
    steps = "L".join(f"{h:.1f} {v:.1f}" for h, v in places)
    dashes = f' stroke-dasharray="{_DASHES[line.style]}"' if _DASHES[line.style] else ""
    drawn = (
        f'<path d="M{steps}" fill="none" stroke="{line.colour}" stroke-width="2.2" stroke-linejoin="round"{dashes}/>'
    )
    if line.style == ":" or len(places) > _FEW // 2:
        return drawn
    dots = "".join(f'<circle cx="{h:.1f}" cy="{v:.1f}" r="2.4"/>' for h, v in places)
    return f'{drawn}<g fill="{line.colour}">{dots}</g>'


def _frame(
    x: Axis, y: Axis, written: Callable[[float], str], *, whole: bool = False, columns: bool = False
) -> list[str]:
    """Grid and numbers of both axes; ``written``: how those of the x axis are."""
    across, up = x.ticks(whole=whole), y.ticks()
    places, heights = x.at(across).tolist(), y.at(up).tolist()
    grid = [f"M{x.start:.1f} {height:.1f}H{x.end:.1f}" for height in [*heights, y.start]]
    grid += [f"M{place:.1f} {y.start:.1f}V{y.end:.1f}" for place in places] if columns else []
    numbers = [_text(place, y.start + 17, written(value)) for value, place in zip(across.tolist(), places, strict=True)]
    numbers += [
        _text(x.start - 6, height + 4, number(value), anchor="end")
        for value, height in zip(up.tolist(), heights, strict=True)
    ]
    return [f'<path d="{"".join(grid)}" stroke="{_GRID}"/>', *numbers]


def _labels(x: Axis, y: Axis, below: str, beside: str) -> list[str]:
    middle = (y.start + y.end) / 2
    turned = f'<g transform="translate(14 {middle:.1f}) rotate(-90)">{_text(0, 0, beside)}</g>'
    return [_text((x.start + x.end) / 2, y.start + 36, below), turned]


def _legend(lines: Sequence[_Line], top: float) -> list[str]:
    """Two columns; the first half of the lines in the first."""
    rows = math.ceil(len(lines) / 2)
    parts = []
    for place, line in enumerate(lines):
        left, height = 92 + 170 * (place // rows), top + 12 + 18 * (place % rows)
        dashes = f' stroke-dasharray="{_DASHES[line.style]}"' if _DASHES[line.style] else ""
        parts.append(f'<path d="M{left} {height:.1f}h26" stroke="{line.colour}" stroke-width="2.2"{dashes}/>')
        parts.append(_text(left + 34, height + 4, line.label, anchor="start"))
    return parts


def _text(across: float, down: float, words: str, *, anchor: str = "middle") -> str:
    return f'<text x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'


def _chart(parts: Sequence[str], height: int, alt: str) -> Chart:
    light = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f'<g font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">{"".join(parts)}</g></svg>'
    )
    dark = re.sub("|".join(_DARK), lambda match: _DARK[match.group()], light)
    return Chart(svg_uri(light), svg_uri(dark), alt, WIDTH, height)


def _scaled(values: Sequence[tuple[float, float]], scale: float) -> Points:
    """Finite (steps, loss / scale) rows, thinned to :data:`MAX_POINTS`."""
    array = np.asarray(values, dtype=np.float64).reshape(-1, 2)
    array = array[np.isfinite(array).all(axis=1)]
    with np.errstate(over="ignore"):
        return _thinned(np.clip(array / np.array([1.0, scale]), -_LARGEST, _LARGEST))


def _thinned(array: Points) -> Points:
    if len(array) <= MAX_POINTS:
        return array
    return array[np.linspace(0, len(array) - 1, MAX_POINTS).round().astype(np.int64)]


def _flat(rows: Sequence[Sequence[float]]) -> Points:
    return np.array([value for row in rows for value in row], dtype=np.float64)


def _describe(train: Points, valid: Points, *, relative: bool) -> str:
    parts = [
        f"{name} loss goes from {number(line[0, 1])} to {number(line[-1, 1])} over {math.ceil(line[-1, 0]):,} steps"
        for name, line in (("training", train), ("validation", valid))
        if len(line)
    ]
    units = ", in units of the naive baseline's loss" if relative else ""
    return f"Loss curve: {'; '.join(parts)}{units}."
