"""Rubrics and calibrations: their schema, and loading them from ``rubrics/``."""

from grader.rubric.load import calibration_path, load_calibration, load_rubric, rubrics_dir
from grader.rubric.model import Band, Budget, Calibration, Criterion, Made, Manner, Rubric

__all__ = [
    "Band",
    "Budget",
    "Calibration",
    "Criterion",
    "Made",
    "Manner",
    "Rubric",
    "calibration_path",
    "load_calibration",
    "load_rubric",
    "rubrics_dir",
]
