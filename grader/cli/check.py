"""``grader check``: marks one's own work, or a student's, and says what to fix first."""

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.common import (
    DEFAULT_KEY,
    BorderlineOption,
    DataOption,
    DeviceOption,
    FullOption,
    IsolationOption,
    JsonOption,
    KeyOption,
    MemoryOption,
    RepeatOption,
    SeedOption,
    TaskOption,
    TimeOption,
    err_console,
    exits,
    held_out_note,
    out_console,
    run_limits,
    runs_of_each,
    say,
    verdict,
)
from grader.errors import UsageError
from grader.types import Device, Isolation

DEFAULT_OUT = Path("grader-report")
EXAMPLES = """\b
Examples:
  grader check 01_penguin_classification.ipynb
  grader check my_folder --out my_report
  grader check final.ipynb --task ellipse-regression
  grader check . --json --fail-under 60
"""


@exits
def check(
    paths: Annotated[list[Path], typer.Argument(help="Notebooks, scripts, folders of them, or a course fork.")],
    task: TaskOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help=f"Folder for the pages (else {DEFAULT_OUT}).", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    isolation: IsolationOption = Isolation.AUTO,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    repeat: RepeatOption = 1,
    borderline: BorderlineOption = False,
    key: KeyOption = DEFAULT_KEY,
    data_dir: DataOption = None,
    time_limit: TimeOption = None,
    memory_limit: MemoryOption = None,
    full: FullOption = False,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", help="Exit with 1 if a task gets fewer points of 100.", show_default=False),
    ] = None,
) -> None:
    """Mark notebooks or scripts: a table here, and an HTML page.

    Exit codes: 0 done, 1 below --fail-under, 2 wrong use, 3 the grader or this machine failed, 130 interrupted.
    """
    from grader import intake, pipeline
    from grader.cli.narrate import narrator
    from grader.report import document, folder, html, terminal

    if fail_under is not None and not 0 <= fail_under <= 100:
        raise UsageError(f"--fail-under takes points from 0 to 100, not {fail_under:g}.")
    submissions = intake.read_paths(paths, task=task)
    site = out or (None if as_json else DEFAULT_OUT)
    if site is not None:
        folder.claim_folder(site)
    settings = pipeline.Settings(
        isolation=isolation,
        device=device,
        seed=seed,
        repeat=runs_of_each(repeat, borderline=borderline),
        borderline=borderline,
        key=key,
        data_dir=data_dir,
        limits=run_limits(time_limit, memory_limit),
        full=full,
    )
    narration, results = err_console(), err_console() if as_json else out_console()
    total = sum(len(submission.files) for submission in submissions)
    say(narration, f"Running {total} file{'' if total == 1 else 's'}; this takes a minute or two each.")
    outlooks = pipeline.survey(submissions, settings).outlooks
    with pipeline.warmed(settings, total * settings.repeat) as warm, narrator(narration, outlooks) as progress:
        reports = pipeline.grade_submissions(submissions, warm, outlooks=outlooks, progress=progress)
    page = None
    if site is not None:
        page = html.write_site(reports, site, note=held_out_note(key), reference=pipeline.reference_curves())
        if len(reports) == 1:
            page = site / folder.page_names([reports[0].student])[0]
    terminal.print_reports(reports, results, page=page, note=held_out_note(key))
    if as_json:
        typer.echo(document.printed(reports))
    raise typer.Exit(verdict(reports, fail_under))
