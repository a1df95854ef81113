"""Charts as SVG data URIs, one for light pages and one for dark: the training curve and predicted against true."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from grader.evidence.model import Record
from grader.grade.model import CurveData, Picture
from grader.report.pictures import svg_uri
from grader.report.text import clean_text, number

mpl.rcdefaults()  # a matplotlibrc in the current folder may be a submission's, and could have TeX run
MAX_POINTS = 400
_LARGEST = 1e12  # a loss beyond it is drawn at it
_LOG_RANGE = 12.0  # a curve that spans more than this factor is drawn on a logarithmic axis
_FEW = 60  # so few points are drawn large

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

    ``points``: (optimiser steps, loss divided by the naive baseline's loss), in order.
    """

    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """A figure in two colourings with alternative text; ``width`` and ``height`` in CSS pixels."""

    light: str
    dark: str
    alt: str
    width: int
    height: int


def curve_chart(curve: CurveData, reference: ReferenceCurve | None) -> Chart | None:
    """The student's losses, beside the reference and the naive baseline (at 1) when the baseline is known.

    None if there is nothing to draw.
    """
    scale = curve.baseline if curve.baseline is not None and curve.baseline > 0 else None
    train, valid = _scaled(curve.train, scale or 1.0), _scaled(curve.valid, scale or 1.0)
    if not len(train) and not len(valid):
        return None
    lines = [(train, _TRAIN, "-", "yours, training"), (valid, _VALID, "-", "yours, validation")]
    if scale is not None and reference is not None:
        lines.append((_scaled(reference.points, 1.0), _REFERENCE, "--", "reference, validation"))
    figure = Figure(figsize=(5.0, 3.3), layout="constrained")
    axes = figure.add_subplot()
    _draw_lines(axes, [line for line in lines if len(line[0])])
    if scale is not None:
        axes.axhline(1.0, color=_BASELINE, linestyle=":", linewidth=1.6, label="naive baseline")
    _style(axes, "optimiser steps", "loss (1 = naive baseline)" if scale is not None else "loss")
    _limit_below(axes, [line[0] for line in lines])
    axes.legend(frameon=False, fontsize=9, labelcolor=_INK, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return _chart(figure, _describe(train, valid, relative=scale is not None))


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
    figure = Figure(figsize=(5.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.axline((low, low), slope=1.0, color=_BASELINE, linestyle=":", linewidth=1.6)
    drawn = np.clip(_thinned(pairs), low - margin, high + margin)
    axes.scatter(drawn[:, 0], drawn[:, 1], s=26 if n <= _FEW else 12, color=_TRAIN, alpha=0.7, linewidths=0)
    unit = f" ({clean_text(picture.unit, lines=False, limit=20)})" if picture.unit else ""
    _style(axes, f"true{unit}", f"predicted{unit}")
    axes.grid(visible=True, axis="both", color=_GRID, linewidth=0.8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    left_out = int((~inside).sum())
    beyond = f" {left_out} predictions lie beyond the edge and are drawn on it." if left_out else ""
    return _chart(figure, f"{len(pairs)} items.{beyond}")


def _draw_lines(axes: Axes, lines: Sequence[tuple[NDArray[np.float64], str, str, str]]) -> None:
    for values, colour, style, label in lines:
        marker = "o" if len(values) <= _FEW // 2 else ""
        axes.plot(
            values[:, 0],
            values[:, 1],
            color=colour,
            linestyle=style,
            linewidth=1.9,
            marker=marker,
            markersize=3.5,
            label=label,
        )


def _limit_below(axes: Axes, lines: Sequence[NDArray[np.float64]]) -> None:
    losses = np.concatenate([line[:, 1] for line in lines if len(line)])
    positive = losses[losses > 0]
    if len(positive) == len(losses) and positive.max() > _LOG_RANGE * positive.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(which="minor", left=False)
    elif losses.min() >= 0:
        axes.set_ylim(bottom=0.0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def _style(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set_xlabel(x_label, color=_INK, fontsize=9.5, parse_math=False)
    axes.set_ylabel(y_label, color=_INK, fontsize=9.5, parse_math=False)
    axes.tick_params(colors=_INK, labelsize=9, length=0)
    axes.grid(visible=True, axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_GRID)


def _chart(figure: Figure, alt: str) -> Chart:
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "grader", "font.family": ["DejaVu Sans"]}):
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    light = _compact(buffer.getvalue().decode())
    dark = re.sub("|".join(_DARK), lambda match: _DARK[match.group()], light)
    width, height = figure.get_size_inches() * 96
    return Chart(svg_uri(light), svg_uri(dark), alt, round(width), round(height))


def _compact(svg: str) -> str:
    """Drops what a picture does not need, makes the background transparent, and uses the reader's own font."""
    svg = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="patch_[12]">.*?</g>', "", svg, flags=re.DOTALL)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", svg)
    return re.sub(r"\s*\n\s*", " ", svg).strip()


def _scaled(values: Sequence[tuple[float, float]], scale: float) -> NDArray[np.float64]:
    """Finite (steps, loss / scale) rows, thinned to :data:`MAX_POINTS`."""
    array = np.asarray(values, dtype=np.float64).reshape(-1, 2)
    array = array[np.isfinite(array).all(axis=1)]
    with np.errstate(over="ignore"):
        return _thinned(np.clip(array / np.array([1.0, scale]), -_LARGEST, _LARGEST))


def _thinned(array: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(array) <= MAX_POINTS:
        return array
    return array[np.linspace(0, len(array) - 1, MAX_POINTS).round().astype(np.int64)]


def _flat(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.array([value for row in rows for value in row], dtype=np.float64)


def _describe(train: NDArray[np.float64], valid: NDArray[np.float64], *, relative: bool) -> str:
    parts = [
        f"{name} loss goes from {number(line[0, 1])} to {number(line[-1, 1])} over {math.ceil(line[-1, 0]):,} steps"
        for name, line in (("training", train), ("validation", valid))
        if len(line)
    ]
    units = ", in units of the naive baseline's loss" if relative else ""
    return f"Loss curve: {'; '.join(parts)}{units}."
