"""What a run is spared is decided by the calibrated level and the budget, and by nothing that is held out."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from grader import pipeline
from grader.execute.level import converged
from grader.execute.sparing import FULL, spared
from grader.limits import RunLimits
from grader.probe.level import Level
from grader.resources import rubrics_dir
from grader.rubric import Budget, load_calibration, load_rubric
from grader.rubric.stand_ins import load_stand_ins
from grader.tasks import build_world
from grader.tasks.model import Truth, World
from grader.types import TaskId

SPECIES, MASS, MNIST, ELLIPSE = TaskId
LIMITS = RunLimits()


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[TaskId, World]:
    """All four worlds, with stand-in digits."""
    cache, none = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("none")
    return {task: build_world(task, cache_dir=cache, data_dir=none) for task in TaskId}


def rule(world: World) -> dict[str, object]:
    found = converged(world, load_calibration(world.task, stand_in=world.stand_in))
    assert found is not None
    return found


@pytest.mark.parametrize("task", TaskId)
def test_the_rule_is_the_calibrated_level_and_the_probe_can_read_it(task: TaskId, worlds: dict[TaskId, World]) -> None:
    """With the figure of the best constant answer, and the spread of measured targets."""
    world = worlds[task]
    found = rule(world)
    level = Level(found)
    reference = load_calibration(task, stand_in=world.stand_in).reference
    assert found["level"] == pytest.approx(reference, rel=1e-4)
    expected = {SPECIES: 0.46, MASS: 690.0, MNIST: 0.11, ELLIPSE: 18.0}[task]
    assert found["baseline"] == pytest.approx(expected, rel=0.1)
    assert len(level.spread) == (0 if world.training_truth.values is None else level.outputs)


def test_the_rule_tells_nothing_of_held_out_data(worlds: dict[TaskId, World]) -> None:
    """It is read inside the sandbox."""
    for world in worlds.values():
        truth = world.heldout_truth
        labels = None if truth.labels is None else np.zeros_like(truth.labels)
        values = None if truth.values is None else np.zeros_like(truth.values)
        assert rule(replace(world, heldout_truth=Truth(labels=labels, values=values))) == rule(world)


def test_a_level_that_a_constant_answer_reaches_cuts_nothing(worlds: dict[TaskId, World]) -> None:
    for task, reference in ((SPECIES, 0.3), (MASS, 900.0)):
        calibration = load_calibration(task, stand_in=False).model_copy(update={"reference": reference})
        assert converged(worlds[task], calibration) is None


@pytest.mark.parametrize("task", TaskId)
def test_bundled_budgets_end_a_training_well_before_the_hard_limits(task: TaskId, worlds: dict[TaskId, World]) -> None:
    """And by the clock leave room for what the work allows, on a machine two or three times slower than nominal."""
    budget = load_rubric(task).budget
    assert budget.work is not None
    assert budget.seconds is not None
    seconds = spared(worlds[task], load_calibration(task, stand_in=False), budget, limits=LIMITS, stand_ins={}).budget_s
    assert seconds is not None
    assert seconds <= 0.9 * LIMITS.cell_s < LIMITS.wall_s
    assert seconds == budget.seconds >= {SPECIES: 2, MASS: 2, MNIST: 3, ELLIPSE: 3}[task] * budget.work
    assert (budget.training_items is not None) == (task is MNIST)


def test_a_budget_ends_before_a_limit_that_was_set_lower(worlds: dict[TaskId, World]) -> None:
    calibration, limits = load_calibration(SPECIES, stand_in=False), RunLimits(wall_s=100.0, cell_s=600.0)
    found = spared(worlds[SPECIES], calibration, Budget(seconds=500.0), limits=limits, stand_ins={})
    assert found.budget_s == pytest.approx(90)
    assert spared(worlds[SPECIES], calibration, Budget(), limits=limits, stand_ins={}).budget_s is None


def test_points_and_parameters_of_a_rubric_ask_for_no_new_run(tmp_path: Path, worlds: dict[TaskId, World]) -> None:
    """Only its budget does, and a new level."""
    text = (Path(__file__).parents[2] / "rubrics" / f"{SPECIES}.yaml").read_text()
    path = tmp_path / f"{SPECIES}.yaml"
    calibration = load_calibration(SPECIES, stand_in=False)

    def document(content: str, reference: float) -> dict[str, object]:
        path.write_text(content)
        level = calibration.model_copy(update={"reference": reference})
        return spared(worlds[SPECIES], level, load_rubric(SPECIES, path).budget, limits=LIMITS, stand_ins={}).document()

    same = document(text, 0.96)
    assert text.count("points: 13") == text.count("points: 30") == 1
    other_points = text.replace("points: 13", "points: 14").replace("points: 30", "points: 29")
    assert document(other_points, 0.96) == same
    assert document(text.replace("seconds: 300", "seconds: 200"), 0.96) != same
    assert document(text.replace("work: 150", "work: 100"), 0.96) != same
    assert document(text, 0.97) != same


def test_in_full_nothing_is_cut_or_stood_in_for() -> None:
    """Items are remembered all the same: that changes nothing."""
    assert (FULL.converged, FULL.work, FULL.budget_s, dict(FULL.stand_ins)) == (None, None, None, {})
    assert FULL.remember_bytes > 0


def test_packages_that_are_not_here_are_answered_for_in_full_too(worlds: dict[TaskId, World]) -> None:
    """They would be there where the work was written. Nothing is spared by it, so the answers are the same."""
    calls = load_stand_ins(rubrics_dir())
    usual = spared(worlds[SPECIES], load_calibration(SPECIES, stand_in=False), Budget(), limits=LIMITS, stand_ins=calls)
    work = pipeline.Work("ann", SimpleNamespace(task=SPECIES), pipeline.Settings(full=True))  # type: ignore[arg-type]
    full = pipeline._sparing(work, worlds[SPECIES])
    assert full.document()["absent"] == usual.document()["absent"]
    assert (dict(full.stand_ins), usual.absent["wandb.init"]) == ({}, "log")
    assert set(full.absent.values()) == {"nothing", "log", "items"}
