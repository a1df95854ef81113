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
from grader.grade.model import StudentReport, TaskReport
from grader.report.figures import ReferenceCurve
from grader.report.folder import begin_pages, claim_folder, end_pages, page_names, write_page
from grader.report.overview import overview_view
from grader.report.student import student_view
from grader.report.text import clean_text
from grader.report.views import SELF_CHECK, task_view
from grader.types import TaskId

INDEX = "index.html"
TITLE = "Workshop report"


class Site:
    """A folder of pages that are written one by one, each as soon as it can be; the overview comes last."""

    def __init__(self, out: Path, students: Sequence[str], *, title: str = TITLE, note: str = SELF_CHECK) -> None:
        """``note`` is the sentence on every page that says what the marks are worth.

        Raises :class:`~grader.errors.UsageError` if ``out`` exists and is neither empty nor ours, and
        :class:`~grader.errors.EnvironmentProblem` if it cannot be written.
        """
        self.out, self._title, self._note = claim_folder(out), title, note
        self.names = page_names(students)
        self._before = begin_pages(out, [*self.names, INDEX])

    def page(self, place: int, report: StudentReport, sections: Sequence[str]) -> None:
        """Write the page of the student at this place; ``sections``: of each task, as :func:`render_section` has it."""
        text = _student(report, sections, title=self._title, note=self._note, overview=f"../{INDEX}")
        write_page(self.out, self.names[place], text)

    def finish(self, reports: Sequence[StudentReport]) -> Path:
        """Write the overview, remove pages of earlier runs, and return the path of the overview."""
        write_page(self.out, INDEX, render_overview(reports, self.names, title=self._title, note=self._note))
        end_pages(self.out, [*self.names, INDEX], self._before)
        return self.out / INDEX


def write_site(
    reports: Sequence[StudentReport],
    out: Path,
    *,
    title: str = TITLE,
    note: str = SELF_CHECK,
    reference: Mapping[TaskId, ReferenceCurve] | None = None,
) -> Path:
    """Writes the overview and a page per student into ``out``; returns the path of the overview.

    ``reference`` holds the calibrated curves to draw beside the students'. Raises as :class:`Site` does.
    """
    site = Site(out, [report.student for report in reports], title=title, note=note)
    for place, report in enumerate(reports):
        site.page(place, report, render_sections(report, reference or {}))
    return site.finish(reports)


def render_student(
    report: StudentReport,
    *,
    title: str = TITLE,
    note: str = SELF_CHECK,
    reference: Mapping[TaskId, ReferenceCurve] | None = None,
    overview: str = "",
) -> str:
    """One student's page as HTML; ``overview`` is the relative address of the overview, empty if there is none."""
    return _student(report, render_sections(report, reference or {}), title=title, note=note, overview=overview)


def render_sections(report: StudentReport, reference: Mapping[TaskId, ReferenceCurve]) -> list[str]:
    """The sections of all tasks of one student."""
    return [
        render_section(task, reference.get(task.result.task), place=place) for place, task in enumerate(report.tasks)
    ]


def render_section(report: TaskReport, reference: ReferenceCurve | None, *, place: int) -> str:
    """One task's part of a student's page, its charts drawn; ``place``: which of the page's tasks it is."""
    return _environment().get_template("task.html.j2").render(task=task_view(report, reference, place))


def _student(report: StudentReport, sections: Sequence[str], *, title: str, note: str, overview: str) -> str:
    done = [Markup(section) for section in sections]  # noqa: S704  what render_section made
    page = student_view(report)
    return _render("student.html.j2", page=page, sections=done, title=title, note=note, overview=overview)


def render_overview(
    reports: Sequence[StudentReport], links: Sequence[str], *, title: str = TITLE, note: str = SELF_CHECK
) -> str:
    """The overview as HTML; ``links`` are the students' pages in the order of ``reports``."""
    return _render("index.html.j2", page=overview_view(reports, links), title=title, note=note)


def _render(template: str, **values: Any) -> str:
    style, policy = _style()
    return _environment().get_template(template).render(style=style, policy=policy, version=__version__, **values)


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and the policy that admits it and nothing else."""
    style = (templates_folder() / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return style, f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


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
