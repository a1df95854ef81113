"""A training that the clock ended, since the machine was slow or busy, costs nothing that more training could earn."""

import pytest
from evidence_examples import cell, context, guesses, predictions

from grader.checks import REGISTRY, run_checks
from grader.checks.clock import from_scratch, on_time
from grader.checks.result import graded, passed
from grader.evidence.bundle import Evidence
from grader.pipeline import _lasts
from grader.rubric import load_rubric
from grader.types import Exit, Status, TaskId

assert REGISTRY


def cut(reason, step=1_000_000):
    return [{"reason": reason, "model_id": 0, "step": step, "epochs": 9}]


def results(ctx):
    rubric = load_rubric(ctx.document.task)
    return {c.id: r for c, r in zip(rubric.criteria, run_checks(ctx, rubric), strict=True)}


@pytest.mark.parametrize("task", list(TaskId))
@pytest.mark.parametrize(("reason", "status"), [("time", Status.NEEDS_REVIEW), ("budget", Status.PARTIAL)])
def test_what_is_missing_stays_open_where_the_clock_ended_it(task, reason, status):
    ctx = context(task, shortened=cut(reason))
    found = on_time(ctx, graded(0.4, aim="a", found="b.", gap="c", next="d"))
    assert (found.status, found.share) == (status, 0.4)
    assert ("slow or busy" in found.found) == (reason == "time")
    assert on_time(ctx, passed("a", "b")).status is Status.PASS


def test_weak_predictions_and_a_steep_curve_are_open():
    task = TaskId.PENGUINS_CLASSIFICATION
    labels = predictions(task).labels.copy()
    labels[: len(labels) // 3] = (labels[: len(labels) // 3] + 1) % 3
    wrong = guesses(labels=labels)
    curve = [{"step": step, "loss": 3.0 - step / 500} for step in range(1, 1_000, 10)]
    for reason, open_ in (("time", True), ("budget", False)):
        found = results(context(task, guess=wrong, shortened=cut(reason), train_curve=curve))
        assert (found["held-out"].status is Status.NEEDS_REVIEW) == open_
        assert (found["convergence"].status is Status.NEEDS_REVIEW) == open_
        assert found["training"].status is Status.PASS


WANT = ("ModuleNotFoundError", "No module named 'wandb'")
MADE = ("NameError", "name 'writer' is not defined")


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ([cell(0), cell(1, *WANT)], "cell 1 needs the package “wandb”"),
        ([cell(0, *WANT), cell(1, *MADE)], "cell 0 needs the package “wandb”"),
        (
            [cell(0), cell(1, "TypeError", "unsupported operand type(s) for +: 'int' and 'Absent'")],
            "cell 1 needs a pack",
        ),
    ],
)
def test_a_training_that_stopped_for_want_of_a_package_leaves_its_points_open(cells, names):
    places = {"episodes__0__first_cell": 1, "episodes__0__last_cell": 1}
    ctx = context(doc={"cells": cells}, source=["writer = 1", "train()"], **places)
    found = on_time(ctx, graded(0.4, aim="a", found="b.", gap="c", next="d"))
    assert (found.status, found.share) == (Status.NEEDS_REVIEW, 0.4)
    assert names in found.found
    assert "no part in the training" not in results(ctx)["runs"].found


def test_a_training_that_stopped_by_its_own_error_is_marked_as_it_is():
    places = {"episodes__0__first_cell": 1, "episodes__0__last_cell": 1}
    ctx = context(doc={"cells": [cell(0, *WANT), cell(1, *MADE)]}, source=["x = 1", "train()"], **places)
    assert on_time(ctx, graded(0.4, aim="a", found="b.", gap="c", next="d")).status is Status.PARTIAL


def test_a_loop_that_the_grader_ended_costs_nothing():
    cells = [cell(0), cell(1, "BudgetSpent", "The rubric's budget for training was spent")]
    assert results(context(doc={"cells": cells}))["runs"].status is Status.PASS


def test_a_net_that_was_trained_on_after_it_is_judged_as_it_is():
    ctx = context(shortened=cut("time", step=1))
    assert on_time(ctx, graded(0.4, aim="a", found="b", gap="c", next="d")).status is Status.PARTIAL


@pytest.mark.parametrize(
    ("reason", "exit_", "lasts"),
    [("time", Exit.FINISHED, False), ("budget", Exit.FINISHED, True), ("converged", Exit.NOT_STARTED, False)],
)
def test_a_run_that_another_day_would_end_otherwise_is_not_kept(reason, exit_, lasts):
    evidence = context(shortened=cut(reason)).evidence
    host = evidence.document.host.model_copy(update={"exit": exit_})
    assert _lasts(Evidence(evidence.document.model_copy(update={"host": host}), {})) == lasts


LACKING = {"architecture__lacks_weights": True}
DIGITS = TaskId.MNIST_CLASSIFICATION


@pytest.mark.parametrize("lacks", [True, False])
def test_weak_predictions_of_a_net_without_its_weights_are_open(lacks):
    """How good they are is given; that the net began with random values may be why they are no better."""
    labels = predictions(DIGITS).labels.copy()
    labels[::3] = (labels[::3] + 1) % 10
    ctx = context(DIGITS, guess=guesses(labels=labels), architecture__lacks_weights=lacks)
    found = results(ctx)["held-out"]
    assert 0 < found.share < 1
    assert (found.status is Status.NEEDS_REVIEW) == ("random values" in found.found) == lacks
    assert found.next


def test_what_the_weights_have_no_part_in_is_marked_as_ever():
    """Full marks, a loss that does not fall, and what was open before."""
    ctx = context(DIGITS, **LACKING)
    assert {r.status for r in results(ctx).values()} == {Status.PASS}
    stays = [{"step": step, "loss": 2.3} for step in range(1, 100)]
    labels = predictions(DIGITS).labels * 0
    flat = results(context(DIGITS, guess=guesses(labels=labels), train_curve=stays, **LACKING))
    assert flat["convergence"].status is Status.FAIL
    assert flat["held-out"].status is Status.NEEDS_REVIEW
    late = context(DIGITS, shortened=cut("time"), **LACKING)
    assert "slow or busy" in from_scratch(late, on_time(late, graded(0.4, aim="a", found="b."))).found
