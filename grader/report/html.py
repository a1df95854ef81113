"""Static pages: an overview and one self-contained page per student, no scripts, a strict Content-Security-Policy."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader import __version__
from grader.errors import EnvironmentProblem
from grader.grade.model import StudentReport
from grader.report.figures import ReferenceCurve
from grader.report.folder import claim_folder, page_names, write_pages
from grader.report.overview import overview_view
from grader.report.text import clean_text
from grader.report.views import SELF_CHECK, student_view
from grader.types import TaskId

INDEX = "index.html"


def write_site(
    reports: Sequence[StudentReport],
    out: Path,
    *,
    title: str = "Workshop report",
    note: str = SELF_CHECK,
    reference: Mapping[TaskId, ReferenceCurve] | None = None,
) -> Path:
    """Writes the overview and a page per student into ``out``; returns the path of the overview.

    ``note`` is the sentence on every page that says what the marks are worth; ``reference`` holds the calibrated
    curves to draw beside the students'. Pages of an earlier run are replaced. Raises
    :class:`~grader.errors.UsageError` if ``out`` exists and is neither empty nor ours, and
    :class:`~grader.errors.EnvironmentProblem` if it cannot be written.
    """
    claim_folder(out)
    names = page_names([report.student for report in reports])
    pages = [
        (name, render_student(report, title=title, note=note, reference=reference or {}, overview=f"../{INDEX}"))
        for name, report in zip(names, reports, strict=True)
    ]
    write_pages(out, [*pages, (INDEX, render_overview(reports, names, title=title, note=note))])
    return out / INDEX


def render_student(
    report: StudentReport,
    *,
    title: str = "Workshop report",
    note: str = SELF_CHECK,
    reference: Mapping[TaskId, ReferenceCurve] | None = None,
    overview: str = "",
) -> str:
    """One student's page as HTML; ``overview`` is the relative address of the overview, empty if there is none."""
    return _render(
        "student.html.j2", page=student_view(report, reference or {}), title=title, note=note, overview=overview
    )


def render_overview(
    reports: Sequence[StudentReport], links: Sequence[str], *, title: str = "Workshop report", note: str = SELF_CHECK
) -> str:
    """The overview as HTML; ``links`` are the students' pages in the order of ``reports``."""
    return _render("index.html.j2", page=overview_view(reports, links), title=title, note=note)


def _render(template: str, **values: Any) -> str:
    style = (templates_folder() / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return _environment().get_template(template).render(style=style, policy=policy, version=__version__, **values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: object) -> object:
    """Every text that a template prints is cleaned, then escaped."""
    return clean_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def templates_folder() -> Path:
    """The folder of page templates: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "templates", package.parent / "templates"):
        if (folder / "student.html.j2").is_file():
            return folder
    raise EnvironmentProblem("The page templates are missing from this installation; install workshop-grader again.")
