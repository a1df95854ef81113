"""The bundled submissions are complete: every case says what it must get, in terms the rubrics know."""

from collections import Counter

import nbformat
import pytest
import yaml
from expectations import SUBMISSIONS, Expectation, case_names, demo_names, differences, load_expectation

from grader.types import Status, TaskId

RUBRICS = SUBMISSIONS.parent / "rubrics"
REFERENCES = SUBMISSIONS.parent / "reference_solutions"
SOURCES = (".ipynb", ".py")


def criterion_ids(task: TaskId) -> set[str]:
    rubric = yaml.safe_load((RUBRICS / f"{task}.yaml").read_text(encoding="utf-8"))
    return {criterion["id"] for criterion in rubric["criteria"]}


@pytest.mark.parametrize("case", case_names())
def test_case_is_complete(case: str) -> None:
    """A case has one source file and names criteria of its task's rubric."""
    expected = load_expectation(case)
    assert [path.suffix in SOURCES for path in (SUBMISSIONS / case).iterdir() if path.name != "expect.yaml"] == [True]
    assert expected.criteria
    assert set(expected.criteria) <= criterion_ids(expected.task)
    assert expected.manner.endswith(".")


@pytest.mark.parametrize(
    "path", [*SUBMISSIONS.glob("*/*.ipynb"), *REFERENCES.glob("*.ipynb")], ids=lambda path: f"{path.parent.name}"
)
def test_notebooks_are_valid_and_bring_no_outputs(path) -> None:  # type: ignore[no-untyped-def]
    """Notebooks follow the format and carry no outputs, so that nothing of an earlier run can be marked."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


def test_every_task_has_enough_manners() -> None:
    """Each task has at least six cases: three or more that are right, a half-finished and a wrong one."""
    expected = [load_expectation(case) for case in case_names()]
    assert len(expected) >= 24
    counts = Counter(case.task for case in expected)
    assert all(counts[task] >= 6 for task in TaskId)
    for task in TaskId:
        mine = [case for case in expected if case.task is task]
        assert sum(case.high == 100 for case in mine) >= 4
        assert any(case.high < 50 for case in mine)
        assert any(50 < case.high < 100 for case in mine)


def test_demo_covers_all_tasks() -> None:
    """The demo's class consists of existing cases of all four tasks, some not finished and some wrong."""
    names = demo_names()
    assert len(set(names)) == len(names) == 8
    cases = [load_expectation(name) for name in names]
    assert {case.task for case in cases} == set(TaskId)
    assert any(case.high < 50 for case in cases)
    assert any(case.high == 100 for case in cases)


def test_differences_are_told() -> None:
    """Points out of range, another status and a missing criterion are each a sentence; what fits is silent."""
    expected = Expectation(
        "some-case",
        TaskId.PENGUINS_REGRESSION,
        80,
        100,
        {"runs": frozenset({Status.PASS}), "loss": frozenset({Status.PASS, Status.PARTIAL})},
        "A manner.",
    )
    marked = {
        "task": "penguins-regression",
        "points": 85.0,
        "criteria": [{"id": "runs", "status": "pass"}, {"id": "loss", "status": "partial"}],
    }
    assert differences(expected, marked) == []
    marked |= {"points": 79.5, "criteria": [{"id": "runs", "status": "fail"}]}
    assert differences(expected, marked) == [
        "some-case: 79.5 points, not 80 to 100",
        "some-case: runs is fail, not pass",
        "some-case: loss is missing, not partial or pass",
    ]
