"""Rubrics and calibrations: their schema, and loading them from ``rubrics/``."""

from grader.rubric.load import calibration_path, load_calibration, load_rubric, rubrics_dir
from grader.rubric.model import Budget, Calibration, Criterion, ReferenceCurve, Rubric

__all__ = [
    "Budget",
    "Calibration",
    "Criterion",
    "ReferenceCurve",
    "Rubric",
    "calibration_path",
    "load_calibration",
    "load_rubric",
    "rubrics_dir",
]
