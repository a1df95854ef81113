"""Rubrics and calibrations: their schema, and loading them from ``rubrics/``."""

from grader.rubric.load import calibration_path, load_calibration, load_rubric, rubrics_dir
from grader.rubric.model import Calibration, Criterion, ReferenceCurve, Rubric

__all__ = [
    "Calibration",
    "Criterion",
    "ReferenceCurve",
    "Rubric",
    "calibration_path",
    "load_calibration",
    "load_rubric",
    "rubrics_dir",
]
