"""Marks the same work with several seeds, and prints how far apart the marks lie.

python -m tests.validity.seeds [FILE ...] [--seeds N] [--data-dir DIR] [-j N] [--as-calibrated]

Without files: the reference solutions. Exit status 1 if fewer than 95% of the pairs of a file's marks lie within 2
points of 100.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import median

from grader import resources
from grader.batch import Job, run_jobs
from grader.calibrate import seeded
from grader.grade.model import TaskReport
from grader.intake import read_path
from grader.intake.submission import TaskFile
from grader.pipeline import Settings, Work, grade_file, prepare, warmed
from grader.settings import settled
from grader.tasks.data import cache_dir
from grader.types import Device

APART = 2.0  # points of 100
ENOUGH = 0.95  # of the pairs


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if the marks of each file lie near each other."""
    given = _parser().parse_args(arguments)
    paths = given.files or sorted(resources.reference_solutions_dir().glob("*.ipynb"))
    settings = settled(Settings(device=Device.CPU, data_dir=given.data_dir, store=cache_dir() / "runs"))
    holds = True
    for path in paths:
        [[file]] = [submission.files for submission in read_path(path)]
        reports = marked(file, settings, given)
        near = share_within([r.result.points for r in reports], APART)
        holds = holds and near >= ENOUGH
        print(line(path, reports, near), flush=True)
    return 0 if holds else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.validity.seeds", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--seeds", type=int, default=10, metavar="N")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder with MNIST, else stand-in digits")
    parser.add_argument("-j", "--workers", type=int, default=2, metavar="N", help="runs at once")
    parser.add_argument("--as-calibrated", action="store_true", help="the runs of grader calibrate, if they were kept")
    return parser


def marked(file: TaskFile, settings: Settings, given: argparse.Namespace) -> list[TaskReport]:
    """One report for each seed. ``RuntimeError`` if a run could not be marked."""
    prepare(settings, {file.task})
    with warmed(settings, given.seeds) as warm:
        each = [seeded(warm, n) if given.as_calibrated else replace(warm, seed=n) for n in range(given.seeds)]
        jobs: list[Job[TaskReport]] = [
            Job(n, grade_file, Work(f"seed {n}", file, chosen)) for n, chosen in enumerate(each)
        ]
        done = sorted(run_jobs(jobs, workers=given.workers), key=lambda outcome: outcome[0])
    if any(report is None for _, report, _ in done):
        raise RuntimeError("; ".join(problem for _, _, problem in done if problem))
    return [report for _, report, _ in done if report is not None]


def share_within(points: Sequence[float], apart: float) -> float:
    """Share of all pairs that lie within ``apart`` of each other."""
    pairs = list(combinations(points, 2))
    return sum(abs(a - b) <= apart for a, b in pairs) / len(pairs) if pairs else 1.0


def line(path: Path, reports: Sequence[TaskReport], near: float) -> str:
    """Marks, and the held-out figures behind them."""
    points = sorted(r.result.points for r in reports)
    values = [r.result.held_out.value for r in reports if r.result.held_out is not None]
    figures = f"{min(values):.4g} to {max(values):.4g}" if values else "none"
    return (
        f"{path.name}: {len(points)} seeds, {points[0]:.1f} to {points[-1]:.1f} points, half of them above "
        f"{median(points):.1f}; {near:.0%} of pairs within {APART:g}; held-out {figures}"
    )


if __name__ == "__main__":
    sys.exit(main())
