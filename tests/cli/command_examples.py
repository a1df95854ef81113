"""Notebooks and made-up marks for the tests of commands."""

import json
from collections.abc import Callable
from pathlib import Path

from grader import pipeline
from grader.grade.model import CriterionResult, TaskReport, TaskResult, Timing
from grader.types import Status, TaskStatus

NAME = "01_penguin_classification.ipynb"


def save_notebook(path: Path, source: str = "x = 1", **metadata: object) -> Path:
    """A notebook with one cell."""
    cell = {"cell_type": "code", "source": source, "outputs": [], "metadata": {}, "execution_count": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": [cell]}))
    return path


def made_up(points: float = 72.5, status: TaskStatus = TaskStatus.MARKED) -> Callable[[pipeline.Work], TaskReport]:
    """A stand-in for running and marking one file."""

    def grade(work: pipeline.Work) -> TaskReport:
        criterion = CriterionResult(
            id="runs", title="The code runs", status=Status.PARTIAL, points=points, max_points=100, aim="a", found="f"
        )
        result = TaskResult(
            task=work.file.task,
            file=work.file.path.name,
            points=points,
            max_points=100,
            status=status,
            criteria=[criterion],
            timing=Timing(wall_s=1.0),
            notes=list(work.file.notes),
        )
        return TaskReport(result=result)

    return grade
