"""A loss that comes to rest too high, weights that never moved, and classes that are never named."""

import numpy as np
import pytest
from evidence_examples import context, guesses, predictions, truth

from grader.checks import REGISTRY, run_checks
from grader.rubric import load_rubric
from grader.types import Method, Status, TaskId

SPECIES, MASS, MNIST, _ = TaskId


def check(ctx, criterion):
    """The result for one criterion of the bundled rubric."""
    line = load_rubric(ctx.document.task).criterion(criterion)
    return REGISTRY[line.check](ctx, line.params)


def lost(ctx):
    """The criteria without full marks, with their statuses."""
    rubric = load_rubric(ctx.document.task)
    found = zip(rubric.criteria, run_checks(ctx, rubric), strict=True)
    return {c.id: r.status for c, r in found if r.status is not Status.PASS}


def converging(losses, **places):
    """The result for a training curve whose best constant answer has a loss of about 1.1."""
    curve = [{"step": i + 1, "loss": loss} for i, loss in enumerate(losses)]
    return check(context(guess=predictions(SPECIES, wrong=0.5), train_curve=curve, **places), "convergence")


def decay(start, end, n=100):
    return [end + (start - end) * float(np.exp(-10 * i / n)) for i in range(n)]


def test_an_explosion_that_comes_to_rest_earns_nothing():
    """From 1.2 up to 4,000 and down to 1.8, which lasts."""
    found = converging([1.2, 1.3, *decay(4000, 1.8)])
    assert (found.status, found.share) == (Status.FAIL, 0)
    assert "rose from 1.20 to 4,000" in found.gap
    assert "1.1" in found.gap
    assert "ten times smaller" in found.next


def test_an_explosion_that_ends_low_is_a_fall():
    assert converging([1.2, 1.3, *decay(4000, 0.05)]).status is Status.PASS
    assert converging([1.6, 1.7, *decay(4000, 1.2)]).share == pytest.approx(0.3)  # but no rest


def test_a_loss_that_comes_to_rest_above_a_fixed_answers_has_only_fallen():
    found = converging(decay(2.0, 1.12))
    assert found.share == pytest.approx(0.3)
    assert "the same best answer would have a loss of 1.1" in found.gap
    assert "fixed answer" in found.next


def test_a_net_that_starts_far_off_has_fallen_all_the_same():
    """Inputs or targets that were not scaled: the first loss that was seen is the highest."""
    assert converging(decay(500, 1.3)).share == pytest.approx(0.3)


def test_slow_learners_keep_what_they_had():
    line = [1.4 - 0.002 * i for i in range(100)]
    assert converging(line).share == pytest.approx(0.3)
    assert "twice as many" in converging(line).next
    assert converging(decay(1.1, 0.6)).status is Status.PASS
    assert converging([1.2 + 0.1 * (i % 3) for i in range(100)]).next.startswith("Can the net learn")


def test_one_bad_batch_is_no_explosion():
    losses = decay(1.3, 0.3)
    losses[40] = 60.0
    assert converging(losses).status is Status.PASS


# --- weights that never moved -----------------------------------------------------------------------------------

STILL = {
    "episodes__0__weight_change": 0.0,
    "episodes__0__optimiser": {"kind": "SGD", "lr": 0.1, "parameter_tensors": 1},
    "architecture__parameter_list__0__change": 0.0,
    "train_curve": [{"step": i, "loss": 1.1 + 0.01 * (i % 3)} for i in range(60)],
}
LUCKY = predictions(SPECIES, wrong=0.4)
UNHELD = {"episodes__0__optimiser": {"kind": "SGD", "lr": 0.1, "parameter_tensors": 4}}


def test_an_untrained_net_earns_nothing_by_luck():
    ctx = context(guess=LUCKY, **STILL)
    found = check(ctx, "held-out")
    assert (found.status, found.share) == (Status.FAIL, 0)
    assert "No step changed a weight" in found.found
    assert found.gap
    assert found.next
    assert lost(ctx)["training"] is Status.FAIL


def test_an_optimiser_that_found_no_gradient_moved_nothing_elsewhere():
    still = STILL | UNHELD
    assert check(context(guess=LUCKY, **still, episodes__0__steps_with_empty_gradients=1000), "held-out").share == 0
    assert 0 < check(context(guess=LUCKY, **still), "held-out").share < 1


@pytest.mark.parametrize(
    "changes",
    [
        {"episodes__0__weight_change": 1e-6},
        {"episodes__0__weight_change": None},
        {"architecture__parameter_list__0__change": 0.1},
        {"architecture": None},
        {"train_curve": [{"step": i, "loss": 1.1 - 0.01 * i} for i in range(60)]},
        UNHELD,
    ],
)
def test_who_may_have_moved_weights_keeps_the_points(changes):
    assert 0 < check(context(guess=LUCKY, **(STILL | changes)), "held-out").share < 1


def test_another_training_of_the_run_may_have_made_the_net():
    told = context(**STILL).told.model_dump(mode="json")["episodes"]
    earlier = told[0] | {"marked": False, "weight_change": 0.4, "model_id": 1}
    assert 0 < check(context(guess=LUCKY, **STILL | {"episodes": [earlier, told[0]]}), "held-out").share < 1


def test_what_luck_cannot_explain_is_for_a_person():
    assert check(context(**STILL), "held-out").status is Status.NEEDS_REVIEW
    own = predictions(SPECIES, wrong=0.4, method=Method.RECORDED_VALIDATION)
    found = check(context(guess=own, **STILL), "held-out")
    assert found.status is Status.NEEDS_REVIEW
    assert "own validation data" in found.found
    unrun = check(context(guess=guesses(None, refused=("no",)), **STILL), "held-out")
    assert unrun.status is Status.NEEDS_REVIEW


# --- classes ----------------------------------------------------------------------------------------------------


def answered(task, **instead):
    """Right answers but for some classes, which are taken for others."""
    labels = truth(task, 60).labels.copy()
    for name, other in instead.items():
        labels[truth(task, 60).labels == int(name[1:])] = other
    return check(context(task, guess=guesses(labels=labels)), "held-out")


def test_a_class_that_is_never_named_is_told():
    found = answered(SPECIES, c1=0)
    assert "Right by class: Adelie: 100%, Chinstrap: 0% (never named), Gentoo: 100%." in found.found
    assert "Chinstrap" in found.next
    assert found.share == pytest.approx(check(context(guess=predictions(SPECIES, wrong=1 / 3)), "held-out").share)


def test_classes_that_are_mixed_up_are_told():
    found = answered(MNIST, c3=8, c8=3, c5=6)
    assert "3: 0%, 4: 100%, 5: 0% (never named)" in found.found
    assert "each of 3, 5, 8" in found.next


def test_evenly_spread_mistakes_and_full_marks_need_no_classes():
    labels = truth(SPECIES, 60).labels.copy()
    labels[::4] = (labels[::4] + 1) % 3
    assert "by class" not in check(context(guess=guesses(labels=labels)), "held-out").found
    assert "by class" not in check(context(), "held-out").found
    assert "by class" not in check(context(guess=guesses(labels=np.full(60, 7))), "held-out").found
    assert "by class" not in check(context(MASS, guess=predictions(MASS, wrong=400.0)), "held-out").found
