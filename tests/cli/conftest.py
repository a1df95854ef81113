"""A command line whose pipeline runs nothing: every file gets the same made-up marks."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grader import pipeline
from grader.cli.main import app
from grader.grade.model import CriterionResult, TaskReport, TaskResult, Timing
from grader.types import Status, TaskStatus

Run = Callable[..., Result]


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


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command with these words, in an empty folder, without running anything of a submission."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRADER_DATA_DIR", raising=False)
    monkeypatch.delenv("GRADER_HELDOUT_KEY", raising=False)
    monkeypatch.setattr(pipeline, "prepare", lambda settings, wanted: None)
    monkeypatch.setattr(pipeline, "grade_file", made_up())
    monkeypatch.setattr(pipeline, "run_jobs", _in_this_process(pipeline.run_jobs))

    def call(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


def _in_this_process(run_jobs: Callable[..., object]) -> Callable[..., object]:
    def call(jobs: Sequence[object], *, workers: int) -> object:
        return run_jobs(jobs, workers=0)

    return call
