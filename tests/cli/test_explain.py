"""``grader explain``: every criterion of every rubric, in 80 columns; unknown ones are named with those there are."""

import json

import pytest
from typer.testing import CliRunner

from grader.cli.main import app
from grader.rubric import load_rubric
from grader.types import TaskId

IDS = sorted({criterion.id for task in TaskId for criterion in load_rubric(task).criteria})


def explain(*words):
    return CliRunner().invoke(app, ["explain", *words], env={"COLUMNS": "80"})


@pytest.mark.parametrize("name", IDS)
def test_every_criterion_is_explained(name):
    found = explain(name)
    assert found.exit_code == 0
    assert all(part in found.stdout for part in ("Aim", "Measured", "Why it matters", "In the course"))
    assert max(len(line) for line in found.stdout.splitlines()) <= 80


def test_a_task_narrows_it_down():
    both, one = (explain("inputs", *words).stdout for words in ([], ["--task", "mnist-classification"]))
    assert "Images reach the net" in both
    assert "Suitable columns" in both
    assert "Suitable columns" not in one


def test_without_a_name_all_are_listed():
    found = explain()
    assert all(name in found.stdout for name in IDS)
    listed = json.loads(explain("--json").stdout)["criteria"]
    assert {line["id"] for line in listed} == set(IDS)


def test_json():
    [found] = json.loads(explain("convergence", "--json").stdout)["explanations"]
    assert found["check"] == "convergence"
    assert len(found["criteria"]) == len(TaskId)
    assert {"aim", "measured", "why", "course"} <= set(found)


def test_an_unknown_name_is_answered_with_those_there_are():
    found = explain("nothing")
    assert found.exit_code == 2
    assert "held-out" in found.stderr
