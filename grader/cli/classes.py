"""What ``batch`` and ``demo`` have in common: a class is marked by several workers and written to a folder."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console

from grader import controls, devices, pipeline
from grader.cli.common import INTERRUPTED, err_console, held_out_note, say, verdict
from grader.cli.narrate import narrator
from grader.grade.model import StudentReport
from grader.intake.submission import Submission
from grader.pipeline import Interrupted, Settings, grade_submissions, reference_curves
from grader.report import document, folder, gradebook, html
from grader.types import TaskStatus

NOT_MARKED = (TaskStatus.UNREADABLE, TaskStatus.HARNESS_ERROR)


def default_workers() -> int:
    """One for each processor that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mark_class(
    submissions: Sequence[Submission], settings: Settings, out: Path, *, workers: int, title: str
) -> tuple[list[StudentReport], int]:
    """Mark everything and write pages, gradebook and results; the reports and the exit code.

    When interrupted, what was done until then is written, and the code is 130.
    """
    folder.claim_folder(out)
    console = err_console()
    total = sum(len(submission.files) for submission in submissions)
    missing = _prepared(submissions, settings)
    again = f" {total - missing} of them were run before and are only marked again." if total > missing else ""
    say(console, f"Marking {total} files of {len(submissions)} submissions with {workers} workers.{again}")
    interrupted = False
    with pipeline.warmed(settings, missing and missing + controls.RUNS) as warm:
        if missing:
            say(console, "First one submission that is known to be right and one that is known to be empty.")
            controls.verify(warm, workers=workers)
        try:
            with narrator(console, total) as progress:
                reports = grade_submissions(submissions, warm, workers=workers, progress=progress)
        except Interrupted as stopped:
            reports, interrupted = stopped.reports, True
    write(reports, out, title=title, note=held_out_note(settings.key))
    _summary(reports, out, console)
    return reports, INTERRUPTED if interrupted else verdict(reports)


def _prepared(submissions: Sequence[Submission], settings: Settings) -> int:
    """How many files have to be run. What hinders the class is raised here, before any of it is run."""
    settings = replace(settings, device=devices.resolve(settings.device))
    pipeline.prepare(settings, {file.task for submission in submissions for file in submission.files})
    return pipeline.to_be_run(submissions, settings)


def write(reports: Sequence[StudentReport], out: Path, *, title: str, note: str) -> None:
    """``index.html`` with a page per student, ``gradebook.csv`` and ``results.json``."""
    html.write_site(reports, out, title=title, note=note, reference=reference_curves())
    folder.write_file(out / "gradebook.csv", gradebook.gradebook(reports))
    folder.write_file(out / "results.json", json.dumps(document.document(reports), indent=1) + "\n")


def finish(reports: Sequence[StudentReport], code: int, *, as_json: bool) -> None:
    """Print the document if it was asked for, and leave with ``code``."""
    if as_json:
        typer.echo(document.printed(reports))
    raise typer.Exit(code)


def _summary(reports: Sequence[StudentReport], out: Path, console: Console) -> None:
    marked = sum(1 for report in reports if any(task.result.status not in NOT_MARKED for task in report.tasks))
    say(console, f"{marked} of {len(reports)} submissions marked. Overview: {out / html.INDEX}")
    for report in reports:
        for problem in report.problems:
            say(console, f"{report.student}: {problem}")
        for task in report.tasks:
            if task.result.status in NOT_MARKED:
                say(console, f"{report.student}, {task.result.task}: {' '.join(task.result.notes[:1])}")
