"""Puts files that were marked, in whatever order, together by student, and writes each page as soon as it can be.

A page's figures are large, so they are not kept in memory until a student is complete, nor after that.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from grader.errors import EnvironmentProblem
from grader.grade.failed import could_not_be_marked, unreadable
from grader.grade.model import StudentReport, TaskReport
from grader.intake.submission import Submission
from grader.report.html import Site, render_section
from grader.sandbox.reaper import reaper
from grader.sandbox.removal import remove_tree

NOT_REACHED = "The run was interrupted before this file was marked; run the same command again."


class Collected:
    """The files of ``submissions`` in order, numbered from 0. ``site``: where pages go, if pages are wanted."""

    def __init__(self, submissions: Sequence[Submission], site: Site | None, sections: Path) -> None:
        """``sections``: an empty folder for what pages are put together from."""
        self._submissions, self._site, self._folder = submissions, site, sections
        self._owners = [place for place, submission in enumerate(submissions) for _ in submission.files]
        self._first = [self._owners.index(p) if s.files else 0 for p, s in enumerate(submissions)]
        self._missing = [len(submission.files) for submission in submissions]
        self._marked: dict[int, TaskReport] = {}
        self._reports: dict[int, StudentReport] = {}
        for place, missing in enumerate(self._missing):
            if not missing:
                self._complete(place)

    def add(self, number: int, report: TaskReport, section: str | None = None) -> None:
        """A file is marked; ``section``: its part of the page, if it has been rendered."""
        self._marked[number] = report
        if section is not None:
            self._keep(number, section)
        place = self._owners[number]
        self._missing[place] -= 1
        if not self._missing[place]:
            self._complete(place)

    def place(self, number: int) -> int:
        """Which of its student's tasks a file is, from 0."""
        return number - self._first[self._owners[number]]

    def reports(self) -> list[StudentReport]:
        """One report per submission; a file that was not reached is reported as such."""
        for place, missing in enumerate(self._missing):
            if missing:
                self._complete(place)
        return [self._reports[place] for place in range(len(self._submissions))]

    def _complete(self, place: int) -> None:
        submission, first = self._submissions[place], self._first[place]
        numbers = range(first, first + len(submission.files))
        files = [
            self._marked.pop(number) if number in self._marked else could_not_be_marked(file, NOT_REACHED)
            for number, file in zip(numbers, submission.files, strict=True)
        ]
        lost = [unreadable(found) for found in submission.unreadable if found.task is not None]
        problems = [found.reason for found in submission.unreadable if found.task is None]
        tasks, problems = [*files, *lost], [*problems, *submission.notes]
        report = StudentReport(student=submission.student, tasks=tasks, problems=problems)
        self._reports[place] = report
        self._missing[place] = 0
        if self._site is not None:
            kept = [self._taken(number) for number in numbers] + [None] * len(lost)
            sections = [
                render_section(task, None, place=at) if section is None else section
                for at, (task, section) in enumerate(zip(tasks, kept, strict=True))
            ]
            self._site.page(place, report, sections)

    def _keep(self, number: int, section: str) -> None:
        try:
            (self._folder / str(number)).write_text(section, encoding="utf-8")
        except OSError as problem:
            raise EnvironmentProblem(
                f"The pages could not be put together in {self._folder}: {problem.strerror}. Make room there, or set"
                " TMPDIR to another folder."
            ) from problem

    def _taken(self, number: int) -> str | None:
        path = self._folder / str(number)
        if not path.exists():
            return None
        section = path.read_text(encoding="utf-8")
        path.unlink()
        return section


@contextmanager
def collecting(submissions: Sequence[Submission], site: Site | None) -> Iterator[Collected]:
    """A :class:`Collected` whose folder exists for as long as the context lasts, even if this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="gp"))
    noted = reaper().note(folder=folder)
    try:
        yield Collected(submissions, site, folder)
    finally:
        remove_tree(folder)
        reaper().done(noted)
