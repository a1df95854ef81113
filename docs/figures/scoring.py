"""Draws the scoring curves of docs/marking.md from the committed calibrations: ``make figures``.

One SVG per task: the share of the points by the held-out metric, from the naive baseline of the default world to the
level for full marks; a mark for each calibrated run; the level of each manner.
"""

from pathlib import Path

import matplotlib.pyplot as plt

from grader import tasks
from grader.checks.scoring import share_between
from grader.rubric import Calibration, load_calibration
from grader.tasks import metrics
from grader.types import TaskId

HERE = Path(__file__).resolve().parent
COLOURS = ("#0f766f", "#c2410c", "#7a3fd4")


def main() -> None:
    """Write all figures beside this file."""
    plt.rcParams.update({"svg.hashsalt": "grader", "font.size": 10, "svg.fonttype": "none"})
    for task in TaskId:
        world = tasks.build_world(task)
        for stand_in in sorted({False, world.stand_in}):
            name = f"scoring-{task}{'-stand-in' if stand_in else ''}.svg"
            base = metrics.baseline(tasks.get(task), world.training_truth, world.heldout_truth)
            draw(task, base, load_calibration(task, stand_in=stand_in), HERE / name)


def draw(task: TaskId, baseline: float, calibration: Calibration, path: Path) -> None:
    """The curve of one task."""
    spec = tasks.get(task)
    low, high = sorted((baseline, calibration.reference))
    values = [value for manner in calibration.manners for value in manner.values]
    low, high = min([low, *values]), max([high, *values])
    room = 0.06 * (high - low)
    metric = [low - room + (high - low + 2 * room) * step / 400 for step in range(401)]
    figure, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
    axes.plot(metric, [share_between(value, baseline, calibration.reference) for value in metric], "#3b6fd4", lw=2)
    axes.axvline(baseline, color="#7b8794", ls=":", lw=1.4, label="naive baseline")
    for manner, colour in zip(calibration.manners, COLOURS, strict=False):
        axes.plot(manner.values, [1.06] * len(manner.values), "|", color=colour, ms=9, label=f"{manner.name}: its runs")
        axes.axvline(manner.level, color=colour, ls="--", lw=1.2)
    axes.set(xlabel=f"{spec.metric}{f' ({spec.unit})' if spec.unit else ''}", ylabel="share of the points")
    axes.set_ylim(-0.05, 1.15)
    axes.legend(loc="lower right" if spec.higher_is_better else "lower left", frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
