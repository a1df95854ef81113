"""A rubric that cannot be marked by is refused, with file, key and line; the bundled ones load."""

import json
from pathlib import Path

import pytest

from grader.errors import RubricError
from grader.rubric import calibration_path, load_calibration, load_rubric
from grader.rubric.known import CHECKS
from grader.types import TaskId

TASK = TaskId.PENGUINS_CLASSIFICATION
GOOD = """task: penguins-classification
criteria:
  - id: runs
    title: It runs
    points: 40
    check: runs
  - id: training
    title: It trains
    points: 60
    check: training
    params:
      stale_share: 5e-1
    depends_on: [runs]
"""


@pytest.fixture
def rubric(tmp_path):
    """A function that loads a text as a rubric."""

    def load(text):
        path = tmp_path / "rubric.yaml"
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        return load_rubric(TASK, path)

    return load


@pytest.mark.parametrize("task", TaskId)
def test_bundled_rubrics_have_100_points_and_a_held_out_criterion(task):
    rubric = load_rubric(task)
    assert rubric.max_points == pytest.approx(100)
    assert 25 <= rubric.criterion("held-out").points <= 40


@pytest.mark.parametrize("task", TaskId)
@pytest.mark.parametrize("stand_in", [True, False])
def test_bundled_calibrations_load(task, stand_in):
    assert load_calibration(task, stand_in=stand_in).reference > 0


def test_parameters_are_filled_in(rubric):
    params = rubric(GOOD).criterion("training").params
    assert params["stale_share"] == 0.5
    assert params["mode_share"] == CHECKS["training"]["mode_share"].default


def test_a_folder_stands_for_the_tasks_file_in_it(tmp_path):
    (tmp_path / f"{TASK}.yaml").write_text(GOOD)
    assert len(load_rubric(TASK, tmp_path).criteria) == 2


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "problem"),
    [
        ("title: It runs", "titel: It runs", 4, "titel", "unknown key"),
        ("    title: It runs\n", "", 3, "criteria[0].title", "missing"),
        ("points: 40", "points: 41", 2, "criteria", "sum to 101"),
        ("points: 40", "points: -40", 5, "criteria[0].points", "greater than or equal to 0"),
        ("points: 40", "points: .nan", 5, "criteria[0].points", "finite"),
        ("points: 40", "points: .inf", 5, "criteria[0].points", "less than or equal|finite"),
        ("points: 40", "points: true", 5, "criteria[0].points", "valid number"),
        ("points: 40", "points: 40\n    points: 40", 6, "criteria[0].points", "twice"),
        ("check: runs", "check: walks", 6, "criteria[0].check", "no check 'walks'"),
        ("stale_share", "style_share", 12, "criteria[1].params.style_share", "no such parameter"),
        ("5e-1", "7", 12, "criteria[1].params.stale_share", "between 0 and 1"),
        ("5e-1", "x", 12, "criteria[1].params.stale_share", "number"),
        ("[runs]", "[run]", 13, "criteria[1].depends_on", "no criterion 'run'"),
        ("[runs]", "[training]", 13, "criteria[1].depends_on", "circle: training -> training"),
        ("check: runs", "check: runs\n    depends_on: [training]", 7, "criteria[0].depends_on", "circle"),
        ("id: training", "id: runs", 7, "criteria[1].id", "twice"),
        ("task: penguins-classification", "task: penguins-regression", 1, "task", "to be marked"),
        ("task: penguins-classification", "task: cats", 1, "task", "found 'cats'"),
    ],
)
def test_mistakes_are_named_with_file_key_and_line(rubric, old, new, line, key, problem):
    assert old in GOOD
    with pytest.raises(RubricError, match=problem) as caught:
        rubric(GOOD.replace(old, new, 1))
    text = str(caught.value)
    assert "rubric.yaml" in text
    assert f"line {line}" in text
    assert key in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "a: [",
        "a: &x [1]\nb: *x",
        "[" * 20_000,
        b"\xff\xfe\x00",
        "!!python/object/apply:os.system [ls]",
        "? [a]\n: 1",
        "a: 1\n---\nb: 2",
    ],
)
def test_whatever_is_no_rubric_is_refused_in_one_sentence(rubric, text):
    with pytest.raises(RubricError) as caught:
        rubric(text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RubricError, match=r"gone\.yaml does not exist"):
        load_rubric(TASK, tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"metric": "mae"}, "measured by accuracy"),
        ({"reference": "high"}, "reference"),
        ({"more": 1}, "unknown key"),
        ({"reference": None}, "reference"),
    ],
)
def test_a_wrong_calibration_is_refused(tmp_path, change, problem):
    plain = json.loads(calibration_path(TASK, stand_in=False).read_text())
    (tmp_path / f"{TASK}.json").write_text(json.dumps(plain | change, indent=1))
    with pytest.raises(RubricError, match=problem) as caught:
        load_calibration(TASK, stand_in=False, folder=tmp_path)
    assert ", line " in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["{", '{"metric": "accuracy", "reference": NaN, "source": "x"}', '{"metric": 1, "metric": 2}', "[" * 100_000],
)
def test_a_calibration_that_is_no_json_is_refused(tmp_path, text):
    (tmp_path / f"{TASK}.json").write_text(text)
    with pytest.raises(RubricError):
        load_calibration(TASK, stand_in=False, folder=tmp_path)


def test_only_digits_have_a_stand_in_calibration():
    assert calibration_path(TASK, stand_in=True) == calibration_path(TASK, stand_in=False)
    assert calibration_path(TaskId.MNIST_CLASSIFICATION, stand_in=True) != calibration_path(
        TaskId.MNIST_CLASSIFICATION, stand_in=False
    )
    assert isinstance(calibration_path(TASK, stand_in=False), Path)


def test_a_budget_is_read_and_every_part_of_it_may_be_left_out(rubric):
    assert rubric(GOOD).budget.seconds is None
    found = rubric(GOOD + "budget:\n  seconds: 90\n").budget
    assert (found.work, found.seconds, found.training_items) == (None, 90, None)
    assert rubric(GOOD + "budget:\n  work: 2.5\n").budget.work == 2.5


@pytest.mark.parametrize(
    ("budget", "problem"),
    [
        ("seconds: 0", "greater than or equal to 1"),
        ("seconds: .inf", "less than or equal|finite"),
        ("seconds: .nan", "finite"),
        ("seconds: '90'", "valid number"),
        ("work: 0", "greater than or equal to 1"),
        ("work: .inf", "less than or equal|finite"),
        ("minutes: 2", "unknown key"),
        ("training_items: 500", "only mnist-classification"),
        ("training_items: 99", "greater than or equal to 100"),
        ("training_items: 500.5", "valid integer"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(rubric, budget, problem):
    with pytest.raises(RubricError, match=problem):
        rubric(GOOD + f"budget:\n  {budget}\n")


def test_an_empty_budget_is_refused(rubric):
    with pytest.raises(RubricError, match="budget"):
        rubric(GOOD + "budget:\n")
