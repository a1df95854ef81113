"""A command line whose pipeline runs nothing: every file gets the same made-up marks."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from command_examples import made_up
from typer.testing import CliRunner, Result

from grader import controls, pipeline
from grader.batch.forecast import Outlook
from grader.cli.main import app
from grader.intake.submission import Submission

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command with these words, in an empty folder, without running anything of a submission."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRADER_DATA_DIR", raising=False)
    monkeypatch.delenv("GRADER_HELDOUT_KEY", raising=False)
    monkeypatch.setattr(pipeline, "prepare", lambda settings, wanted: [])
    monkeypatch.setattr(pipeline, "survey", _nothing_kept)
    monkeypatch.setattr(controls, "verify", lambda settings, *, workers: None)
    monkeypatch.setattr(pipeline, "grade_file", made_up())
    monkeypatch.setattr(pipeline, "run_jobs", _in_this_process(pipeline.run_jobs))

    def call(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


def _nothing_kept(
    submissions: Sequence[Submission], settings: pipeline.Settings, *, workers: int = 0
) -> pipeline.Survey:
    misfits = pipeline.prepare(settings, {file.task for submission in submissions for file in submission.files})
    return pipeline.Survey([Outlook(10.0) for submission in submissions for _ in submission.files], misfits)


def _in_this_process(run_jobs: Callable[..., object]) -> Callable[..., object]:
    def call(jobs: Sequence[object], *, workers: int, started: Callable[[int], None]) -> object:
        return run_jobs(jobs, workers=0, started=started)

    return call
