"""One mark from several runs: the median, with all of them told; failures of the grader never count."""

import pytest

from grader import pipeline
from grader.grade.model import HeldOutResult, TaskReport, TaskResult, Timing
from grader.grade.repeats import is_borderline, is_stuck, median_run
from grader.settings import Settings
from grader.types import Method, TaskId, TaskStatus


def run(
    points: float, status: TaskStatus = TaskStatus.MARKED, *, certain: bool = True, stuck: tuple[str, ...] = ()
) -> TaskReport:
    held = HeldOutResult(
        metric="accuracy",
        value=points / 100,
        unit="",
        baseline=0.3,
        reference=0.9,
        method=Method.REPLAY,
        n=60,
        low=0.5,
        high=0.99,
        certain=certain,
        stuck=list(stuck),
    )
    result = TaskResult(
        task=TaskId.PENGUINS_CLASSIFICATION,
        file="a.ipynb",
        points=points,
        max_points=100,
        status=status,
        criteria=[],
        held_out=held if status is TaskStatus.MARKED else None,
        timing=Timing(wall_s=1.0),
        notes=["as before"],
    )
    return TaskReport(result=result)


def runs(*points: float) -> list[tuple[int, TaskReport]]:
    return [(seed, run(value)) for seed, value in enumerate(points)]


@pytest.mark.parametrize(
    ("points", "median"),
    [((70.0,), 70), ((90.0, 70.0, 80.0), 80), ((70.0, 90.0), 90), ((80.0, 80.0, 10.0, 90.0, 95.0), 80)],
)
def test_the_median_run_is_marked(points, median):
    found = median_run(runs(*points)).result
    assert found.points == median
    assert [one.points for one in found.repeats] == list(points)
    assert [one.seed for one in found.repeats] == list(range(len(points)))
    assert f"Run {len(points)} times" in found.notes[0]
    assert found.notes[1:] == ["as before"]


def test_a_run_in_which_the_grader_failed_does_not_count():
    failed = (3, run(0.0, TaskStatus.HARNESS_ERROR))
    found = median_run([*runs(60.0, 70.0, 80.0), failed]).result
    assert found.points == 70
    assert "In 1 of them the grader failed" in found.notes[0]


def test_where_all_fail_the_first_is_told():
    found = median_run([(0, run(0.0, TaskStatus.HARNESS_ERROR)), (1, run(0.0, TaskStatus.HARNESS_ERROR))]).result
    assert found.status is TaskStatus.HARNESS_ERROR
    assert len(found.repeats) == 2


def test_no_runs_are_refused():
    with pytest.raises(ValueError, match="no runs"):
        median_run([])


def test_only_what_one_run_cannot_tell_is_borderline():
    assert is_borderline(run(89.0, certain=False))
    assert not is_borderline(run(89.0))
    assert not is_borderline(run(0.0, TaskStatus.HARNESS_ERROR))


@pytest.mark.parametrize(
    ("repeat", "borderline", "certain", "seeds"),
    [(1, False, False, [5]), (3, False, True, [5, 6, 7]), (3, True, True, [5]), (3, True, False, [5, 6, 7])],
)
def test_a_file_is_run_again_with_the_next_seeds(monkeypatch, repeat, borderline, certain, seeds):
    """With ``borderline`` only if the first run cannot tell."""
    asked = []

    def graded(work):
        asked.append(work.settings.seed)
        return run(80.0, certain=certain)

    monkeypatch.setattr(pipeline, "_graded", graded)
    settings = Settings(seed=5, repeat=repeat, borderline=borderline)
    found = pipeline.grade_file(pipeline.Work("a", None, settings))
    assert asked == seeds
    assert len(found.result.repeats) == (len(seeds) if len(seeds) > 1 else 0)


def test_a_number_that_got_stuck_is_no_harm_where_the_level_is_reached():
    assert is_stuck(run(80.0, stuck=("row radius",)))
    assert is_stuck(run(10.0, stuck=("row radius",)))  # worse than a constant answer
    assert not is_stuck(run(95.0, stuck=("row radius",)))
    assert not is_stuck(run(80.0))
    assert not is_stuck(run(0.0, TaskStatus.HARNESS_ERROR))


@pytest.mark.parametrize("second", [run(100.0), run(80.0, stuck=("row radius",)), run(0.0, TaskStatus.HARNESS_ERROR)])
def test_a_file_whose_net_got_stuck_is_run_once_more(monkeypatch, second):
    """Marked is the better run; both are told."""
    stuck, asked = run(87.5, stuck=("row radius",)), []

    def graded(work):
        asked.append(work.settings.seed)
        return stuck if len(asked) == 1 else second

    monkeypatch.setattr(pipeline, "_graded", graded)
    found = pipeline.grade_file(pipeline.Work("a", None, Settings(seed=5))).result
    assert asked == [5, 6]
    assert found.points == max(87.5, second.result.points)
    assert [one.points for one in found.repeats] == [87.5, second.result.points]
    assert "(row radius)" in found.notes[0]
    assert "the better of the two" in found.notes[0]
