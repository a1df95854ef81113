"""What ``batch`` and ``demo`` have in common: a class is marked by several workers and written to a folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from grader import controls, devices, pipeline
from grader.batch.workers import Choice, choose_workers, this_machine
from grader.cli.common import INTERRUPTED, err_console, held_out_note, say, verdict
from grader.cli.narrate import narrator
from grader.grade.model import StudentReport
from grader.intake.submission import Submission
from grader.limits import DEVICE_JOBS
from grader.pipeline import Interrupted, grade_submissions
from grader.report import document, folder, gradebook, html
from grader.settings import Settings
from grader.types import Device, TaskStatus

NOT_MARKED = (TaskStatus.UNREADABLE, TaskStatus.HARNESS_ERROR)


@dataclass(frozen=True)
class Crew:
    """Who marks a class: ``asked`` so many workers, or as many as there is room for; ``device_jobs`` share a GPU."""

    asked: int | None = None
    device_jobs: int = DEVICE_JOBS

    def choice(self, device: Device) -> Choice:
        """How many there are on this machine, and why no more."""
        machine = this_machine(devices.resolve(device))
        return choose_workers(machine, asked=self.asked, device_jobs=self.device_jobs)


def mark_class(
    submissions: Sequence[Submission], settings: Settings, out: Path, *, crew: Crew, title: str
) -> tuple[list[StudentReport], int]:
    """Mark everything and write pages, gradebook and results; the reports and the exit code.

    When interrupted, what was done until then is written, and the code is 130.
    """
    folder.claim_folder(out)
    console, choice = err_console(), crew.choice(settings.device)
    known = pipeline.survey(submissions, settings, workers=choice.workers)
    outlooks = known.outlooks
    missing = sum(not outlook.kept for outlook in outlooks)
    say(console, _announced(submissions, len(outlooks), missing, choice))
    for sentence in known.misfits:
        say(console, sentence)
    interrupted = False
    with pipeline.warmed(settings, missing and missing + controls.RUNS) as warm:
        if missing:
            say(console, "First one submission that is known to be right and one that is known to be empty.")
            controls.verify(warm, workers=choice.workers)
        site = html.Site(out, [s.student for s in submissions], title=title, note=held_out_note(settings.key))
        try:
            with narrator(console, outlooks, choice.workers) as progress:
                reports = grade_submissions(
                    submissions, warm, workers=choice.workers, outlooks=outlooks, progress=progress, site=site
                )
        except Interrupted as stopped:
            reports, interrupted = stopped.reports, True
    site.finish(reports)
    _write_tables(reports, out)
    _summary(reports, out, console)
    return reports, INTERRUPTED if interrupted else verdict(reports)


def _announced(submissions: Sequence[Submission], total: int, missing: int, choice: Choice) -> str:
    count = f"{choice.workers} worker{'' if choice.workers == 1 else 's'}"
    again = f" {total - missing} of them were run before and are only marked again." if total > missing else ""
    reason = f" {choice.reason}" if choice.reason and missing else ""
    return f"Marking {total} files of {len(submissions)} submissions with {count}.{again}{reason}"


def _write_tables(reports: Sequence[StudentReport], out: Path) -> None:
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
