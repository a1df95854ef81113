"""The class is what it claims to be, and its verdicts are right on made-up marks. Nothing is trained."""

import ast
import json
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from grader.types import TaskId
from tests.validity import __main__ as command
from tests.validity import correct, writing, wrong
from tests.validity.everything import cases
from tests.validity.model import Case
from tests.validity.verdicts import HELD_OUT, WITHIN_NOISE, Outcome, Verdict, judge

RUBRICS = Path(__file__).parents[2] / "rubrics"
CORRECT, WRONG = correct.cases(), wrong.cases()
EVERY = [*CORRECT, *WRONG]


def criteria(task: TaskId) -> dict[str, float]:
    """Points by criterion."""
    rubric = yaml.safe_load((RUBRICS / f"{task}.yaml").read_text(encoding="utf-8"))
    return {str(criterion["id"]): float(criterion["points"]) for criterion in rubric["criteria"]}


def results(case: Case, /, *, gap: str = "", contradictions: int = 0, **statuses: str) -> dict[str, Any]:
    """A document in which ``case`` has all points but for these criteria (``held_out`` for ``held-out``)."""
    found = {name.replace("_", "-"): status for name, status in statuses.items()}
    entries = [
        {
            "id": name,
            "status": found.get(name, "pass"),
            "points": points / 2 if name in found else points,
            "max_points": points,
            "gap": gap if name == HELD_OUT else "",
        }
        for name, points in criteria(case.task).items()
    ]
    task = {
        "task": case.task,
        "criteria": entries,
        "points": 90.0,
        "timing": {"wall_s": 3.0},
        "contradictions": [{"id": "two-ways"}] * contradictions,
    }
    return {"submissions": [{"student": case.name, "tasks": [task], "problems": []}]}


def outcome(case: Case, document: dict[str, Any]) -> Outcome:
    """Of a class of one."""
    [one] = judge([case], document).outcomes
    return one


def test_there_are_enough_of_both_kinds() -> None:
    assert len(CORRECT) >= 60
    assert len(WRONG) >= 40
    assert all(case.correct for case in CORRECT)
    assert not any(case.correct for case in WRONG)


def test_names_and_sources_differ() -> None:
    assert [name for name, count in Counter(case.name for case in EVERY).items() if count > 1] == []
    assert len({case.source for case in EVERY}) == len(EVERY)


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_a_case_is_complete(case: Case) -> None:
    """Its source parses, nothing of a template is left, and its criteria are those of the rubric."""
    for cell in case.cells:
        ast.parse(cell)
        assert "$" not in cell
        assert "<" + "forward>" not in cell
    assert case.may_lose <= set(criteria(case.task))
    assert case.correct or case.fault in case.may_lose


def test_a_wrong_case_differs_from_all_correct_ones() -> None:
    assert {case.source for case in WRONG}.isdisjoint(case.source for case in CORRECT)


def test_what_is_made_twice_is_the_same() -> None:
    assert [case.source for case in correct.cases()] == [case.source for case in CORRECT]
    assert [case.source for case in wrong.cases()] == [case.source for case in WRONG]


@pytest.mark.parametrize("task", TaskId)
def test_every_task_has_both_kinds(task: TaskId) -> None:
    assert sum(case.task is task for case in CORRECT) >= 8
    assert sum(case.task is task for case in WRONG) >= 5


@pytest.mark.parametrize(
    ("axis", "at_least"),
    [
        ("data", 14),
        ("net", 20),
        ("loss", 18),
        ("optimiser", 12),
        ("style", 7),
        ("names", 6),
        ("kind", 3),
        ("scaling", 8),
        ("order", 4),
        ("epochs", 10),
    ],
)
def test_every_axis_is_varied(axis: str, at_least: int) -> None:
    assert len({case.axes[axis] for case in CORRECT if axis in case.axes}) >= at_least


def test_mistakes_are_about_every_criterion_but_running() -> None:
    rubric = criteria(TaskId.PENGUINS_CLASSIFICATION)
    assert {case.fault for case in WRONG} >= set(rubric) - {"runs"}


def test_a_class_is_written_as_folders(tmp_path: Path) -> None:
    chosen = [next(case for case in CORRECT if case.kind == kind) for kind in ("notebook", "script", "module")]
    writing.write_class(chosen, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(case.name for case in chosen)
    [book] = tmp_path.glob("*/*.ipynb")
    nbformat.validate(nbformat.read(book, as_version=4))  # type: ignore[no-untyped-call]
    assert ["# %%" in path.read_text(encoding="utf-8") for path in sorted(tmp_path.glob("*/*.py"))].count(True) == 1


def test_one_half_or_a_pattern_can_be_chosen() -> None:
    assert cases("correct") == CORRECT
    assert cases("wrong") == WRONG
    assert {case.task for case in cases("^ellipse")} == {TaskId.ELLIPSE_REGRESSION}


def test_correct_work_with_all_points_is_as_it_must_be() -> None:
    one = outcome(CORRECT[0], results(CORRECT[0]))
    assert one.reached
    assert one.deviations() == []
    assert Verdict([one]).holds


@pytest.mark.parametrize("status", ["fail", "partial", "blocked", "needs-review"])
def test_correct_work_that_loses_or_stays_open_deviates(status: str) -> None:
    one = outcome(CORRECT[0], results(CORRECT[0], loss=status))
    assert one.deviations() == [f"loss is {status}"]
    assert not Verdict([one]).holds


def test_a_gap_of_chance_is_none_if_it_is_rare() -> None:
    [first, *rest] = CORRECT[:20]
    near = outcome(first, results(first, gap=f"x. That is {WITHIN_NOISE}.", held_out="partial"))
    far = outcome(first, results(first, gap="80 % of the way.", held_out="partial"))
    full = [outcome(case, results(case)) for case in rest]
    assert near.deviations() == []
    assert far.deviations() == ["held-out is partial"]
    assert Verdict([near, *full]).holds
    assert not Verdict([near, *full[:3]]).holds
    assert not Verdict([far, *full]).holds


def test_contradictions_of_correct_work_deviate() -> None:
    one = outcome(CORRECT[0], results(CORRECT[0], contradictions=1))
    assert one.deviations() == ["contradiction two-ways"]


def test_a_mistake_must_show_where_it_is_and_nowhere_else() -> None:
    case = next(case for case in WRONG if case.fault == "loss" and "inputs" not in case.may_lose)
    seen, unseen = outcome(case, results(case, loss="partial")), outcome(case, results(case))
    beside = outcome(case, results(case, loss="partial", inputs="fail"))
    assert seen.deviations() == []
    assert Verdict([seen]).holds
    assert unseen.deviations() == ["loss does not show the mistake"]
    assert not Verdict([unseen]).holds
    assert beside.deviations() == ["inputs is fail"]
    assert not Verdict([beside]).holds


def test_nobody_gets_more_than_it_can_do() -> None:
    case = next(case for case in WRONG if case.at_most < 0.5)
    half = outcome(case, results(case, held_out="partial"))
    assert half.deviations() == ["held-out has 50% of its points, more than it can do"]
    assert not Verdict([half]).holds


def test_what_was_not_marked_is_said() -> None:
    case = CORRECT[0]
    assert outcome(case, {"submissions": []}).deviations() == ["not among the results"]
    none = {"submissions": [{"student": case.name, "tasks": [], "problems": ["Cannot be read."]}]}
    assert outcome(case, none).deviations() == ["not marked. Cannot be read."]
    other = results(case)
    other["submissions"][0]["tasks"][0]["task"] = "mnist-classification"
    assert outcome(case, other).deviations() == ["taken for mnist-classification"]


def test_the_command_marks_and_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Its exit code says whether the thresholds hold; the grader is stood in for."""
    case = CORRECT[0]

    def grader(words: list[str], **_: Any) -> Any:
        pages = Path(words[words.index("--out") + 1])
        pages.mkdir(parents=True)
        (pages / "results.json").write_text(json.dumps(document), encoding="utf-8")
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr("subprocess.run", grader)
    document = results(case)
    assert command.main(["--only", f"^{case.name}$", "--out", str(tmp_path / "a")]) == 0
    assert "the thresholds hold" in capsys.readouterr().out
    document = results(case, split="fail")
    assert command.main(["--only", f"^{case.name}$", "--out", str(tmp_path / "b")]) == 1
    assert "split is fail" in capsys.readouterr().out
