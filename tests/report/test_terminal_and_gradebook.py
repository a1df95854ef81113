"""The terminal fits 80 columns and says what to do next; the gradebook opens safely in a spreadsheet."""

import csv
import io
from pathlib import Path

import pytest
from report_examples import contradicted_task, ellipse_task, half_task, mass_task, species_task, students
from rich.cells import cell_len
from rich.console import Console

from grader.grade.model import StudentReport, TaskReport, TaskResult, Timing
from grader.report.gradebook import gradebook
from grader.report.priorities import fix_first, open_points
from grader.report.terminal import print_reports
from grader.types import Status, TaskId, TaskStatus


def printed(reports: list[StudentReport], *, width: int = 80, encoding: str = "utf-8", colour: bool = False) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, force_terminal=colour, color_system="standard" if colour else None)
    print_reports(reports, console, page=Path("reports") / "index.html", note="A self-check.")
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_wider_than_80_columns(width: int) -> None:
    assert all(cell_len(line) <= 80 for line in printed(students(), width=width).splitlines())


def test_it_names_marks_first_steps_errors_and_the_page() -> None:
    text = " ".join(printed([StudentReport(student="a", tasks=[half_task()])]).split())
    for words in (
        "Penguin species: 44 of 100",
        "not met 0/15",
        "waits 0/10",
        "Fix first 1. The training loop updates the weights",
        "Next:",
        "Cell 12: NameError: name 'loader' is not defined",
        "index.html",
        "A self-check.",
    ):
        assert words in text, words


def test_hostile_text_neither_escapes_nor_becomes_markup() -> None:
    text = printed(students(), colour=False)
    assert not any(c in text for c in "\x1b\x00\x07\u202e")
    assert "[bold]x" in printed([StudentReport(student="[bold]x", tasks=[])])


def test_a_terminal_without_unicode_gets_replacements() -> None:
    text = printed(students(), encoding="ascii")
    assert "?lodie ?" in text


def test_the_graders_own_failure_is_not_a_zero() -> None:
    text = printed(students()[2:3])
    assert "Handwritten digits: not marked" in text
    assert "100 points are still open" in text


def test_facts_that_do_not_go_together_are_shown_without_blame() -> None:
    text = " ".join(printed([StudentReport(student="a", tasks=[contradicted_task()])]).split())
    for words in ("For a person to look at", "- The log says 600,000 optimiser steps", "no points were taken away"):
        assert words in text, words
    assert "100 of 100" in text
    assert "cheat" not in text.lower()
    assert "For a person to look at" not in printed([StudentReport(student="a", tasks=[species_task()])])


@pytest.mark.parametrize("before", range(70))
def test_no_line_is_a_command_wherever_it_is_wrapped(before: int) -> None:
    """A continuous integration service takes ``::error::`` at the start of a line for one, ``##[error]`` anywhere."""
    said = f"{'x' * before} ::error file=a::b {'y' * before}::set-output name=a::b ##[error]c ##vso[d]e"
    text = printed([StudentReport(student="::error::x", tasks=[], problems=[said])])
    assert [line for line in text.splitlines() if line.lstrip().startswith("::")] == []
    assert "##[" not in text and "##vso[" not in text
    assert "error file=a" in " ".join(text.split())


def rows(reports: list[StudentReport]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gradebook(reports), newline="")))


def test_gradebook_has_one_row_a_student_and_no_zero_for_what_was_not_marked() -> None:
    table = rows(students())
    assert len(table) == len(students())
    ada, half, elodie, _, nobody = table
    assert (ada["penguins-regression"], ada["total"], ada["max"], ada["open"]) == ("74.5", "342.5", "400", "30")
    assert (half["mnist-classification"], half["total"]) == ("", "44")
    assert (elodie["mnist-classification"], elodie["total"], elodie["open"]) == ("", "", "100")
    assert "mnist-classification: harness-error" in elodie["status"]
    assert "not handed in" in nobody["status"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\x1b[0m=1", "\u200b=1"])
def test_formulas_are_escaped(name: str) -> None:
    student = rows([StudentReport(student=name, tasks=[species_task()])])[0]["student"]
    assert student.startswith(("'", "["))
    assert "\n" not in student


def test_what_comes_first() -> None:
    """While something is blocked the rubric's order decides; otherwise what costs most."""
    assert [c.id for c in fix_first(half_task().result)] == ["training-loop", "runs"]
    assert [c.id for c in fix_first(mass_task().result)] == ["validation-loop", "convergence", "held-out"]
    assert fix_first(species_task(points=100).result) == []


def test_what_waits_for_the_same_step_is_named_once_after_what_it_waits_for() -> None:
    task = half_task().result
    runs = next(c for c in task.criteria if c.id == "runs")
    waiting = [
        runs.model_copy(update={"id": name, "status": Status.FAIL, "points": 0.0, "next": "Get cell 2 to run."})
        for name in ("loss", "training-loop", "held-out")
    ]
    criteria = [runs, *waiting]
    assert [c.id for c in fix_first(task.model_copy(update={"criteria": criteria}))] == ["runs", "loss"]


def test_open_points_are_what_a_person_decides() -> None:
    assert open_points(ellipse_task().result) == 30
    lost = TaskResult(
        task=TaskId.MNIST_CLASSIFICATION,
        file="x",
        points=0,
        max_points=100,
        status=TaskStatus.HARNESS_ERROR,
        criteria=[],
        timing=Timing(wall_s=0),
    )
    assert open_points(TaskReport(result=lost).result) == 100


def test_the_gradebook_counts_contradictions() -> None:
    [odd, sound] = rows(
        [StudentReport(student=n, tasks=[t]) for n, t in (("a", contradicted_task()), ("b", species_task()))]
    )
    assert odd["status"] == "penguins-classification: needs-review (2 contradictions)"
    assert (odd["total"], odd["open"]) == ("100", "0")
    assert sound["status"] == "marked"
