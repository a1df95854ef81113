"""Stage: paths become submissions, one file for each task; nothing of a submission is executed or imported."""

from grader.intake.folders import read_path, read_paths
from grader.intake.submission import Cell, Submission, TaskFile, Unreadable

__all__ = ["Cell", "Submission", "TaskFile", "Unreadable", "read_path", "read_paths"]
