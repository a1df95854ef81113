"""Right work that is written in an unusual way loses nothing, and what one cannot see stays open."""

import numpy as np
import pytest
from evidence_examples import context, guesses, predictions

from grader.checks import REGISTRY
from grader.checks.stuck import stuck
from grader.rubric import load_rubric
from grader.types import Status, TaskId

SPECIES, MNIST, ELLIPSE = TaskId.PENGUINS_CLASSIFICATION, TaskId.MNIST_CLASSIFICATION, TaskId.ELLIPSE_REGRESSION
ONE_EACH = [{"phase": "train", "loader": 0, "forwards": 1, "samples": 16, "steps": 1, "step": i + 1} for i in range(99)]
ONE_LOADER = {"loaders__0__abandoned": 100, "passes": ONE_EACH}


def check(ctx, criterion):
    """The result for one criterion of the bundled rubric."""
    line = load_rubric(ctx.document.task).criterion(criterion)
    return REGISTRY[line.check](ctx, line.params)


def weak(task=SPECIES):
    """Predictions that are no better than a guess."""
    return predictions(task, wrong=0.9)


def rows(*, measured, categories):
    """(160, n) columns of measurements, and others of zeros and ones."""
    rng = np.random.default_rng(0)
    inputs = np.hstack([rng.normal(size=(160, measured)), rng.integers(0, 2, (160, categories))])
    return {"train_inputs": inputs, "train_targets": np.arange(160) % 3}


def test_categories_do_not_tell_items_apart():
    """A twentieth of the rows may be shared by chance where few of the columns are measurements."""
    shared = {"split__shared_rows": 6}
    for criterion in ("split", "validation"):
        assert check(context(data=rows(measured=2, categories=6), **shared), criterion).status is Status.PASS
    assert check(context(data=rows(measured=5, categories=2), **shared), "split").status is Status.FAIL
    everything = context(data=rows(measured=2, categories=6), split__shared_rows=60)
    assert check(everything, "split").status is Status.FAIL


@pytest.mark.parametrize("shared", [0, None])
def test_samplers_of_one_data_set(shared):
    """Without common indices the sides are two; if nothing is known of them, content decides."""
    both = {"passes__1__dataset": 0, "split__shared_indices": shared}
    assert check(context(**both), "split").status is Status.PASS
    assert check(context(**both), "validation").status is (Status.PASS if shared == 0 else Status.PARTIAL)
    again = {"passes__1__loader": 0, "passes__1__dataset": 0, "split__shared_indices": shared}
    assert check(context(**again), "validation").status is Status.PARTIAL


def test_a_batch_for_each_step_is_no_loop_that_ends_too_soon():
    assert check(context(**ONE_LOADER, split__train_rows=150), "batches").status is Status.PASS
    few = check(context(**ONE_LOADER, split__train_rows=16), "batches")
    assert (few.status, few.gap) == (Status.PARTIAL, "Most of the training data was never seen.")
    judged = [
        one
        for entry in ONE_EACH
        for one in (entry, {"phase": "eval", "forwards": 4, "samples": 60, "step": entry["step"]})
    ]
    shuffled = check(context(**(ONE_LOADER | {"passes": judged}), split__train_rows=150), "batches")
    assert shuffled.status is Status.PARTIAL
    assert "one step" in shuffled.gap


def test_batches_cut_by_hand_out_of_sorted_rows():
    data = rows(measured=4, categories=0) | {"train_targets": np.sort(np.arange(160) % 3)}
    by_hand = {"loaders": [], "passes__0__loader": None, "passes__1__loader": None}
    assert check(context(data=data, **by_hand), "batches").status is Status.PARTIAL
    assert check(context(data=data, episodes__0__batch_sizes=[160], **by_hand), "batches").status is Status.PASS
    assert check(context(data=rows(measured=4, categories=0), **by_hand), "batches").status is Status.PASS


def test_rows_of_one_kind_side_by_side_in_batches_of_all_kinds_are_mixed():
    by_hand = {"loaders": [], "passes__0__loader": None, "passes__1__loader": None}
    balanced = np.tile(np.repeat(np.arange(3), 5), 11)[:160]
    data = rows(measured=4, categories=0) | {"train_targets": balanced}
    assert check(context(data=data, episodes__0__batch_sizes=[15], **by_hand), "batches").status is Status.PASS


def test_a_second_look_at_the_training_data_through_another_loader_costs_nothing():
    training, valid = context().told.model_dump(mode="json")["passes"]
    again = valid | {"loader": 2, "dataset": 0, "in_training_mode": 4, "samples": 160}
    told = {"passes": [training, again, valid], "split__shared_indices": 0}
    assert check(context(**told), "validation").status is Status.PASS
    assert check(context(**(told | {"passes": [training, again | {"loader": 0}]})), "validation").share < 0.5


def test_a_leak_is_seen_with_three_measurements_and_some_categories():
    mostly = {"split__shared_rows": 29}
    assert check(context(data=rows(measured=3, categories=4), **mostly), "split").status is Status.FAIL


def test_one_tensor_of_several_may_be_narrow():
    narrow = rows(measured=1, categories=0)
    assert check(context(data=narrow), "inputs").status is Status.PARTIAL
    assert check(context(data=narrow, architecture__input_tensors=2), "inputs").status is Status.PASS


@pytest.mark.parametrize("task", [SPECIES, MNIST])
def test_the_last_part_of_a_net_is_not_taken_for_all_of_it(task):
    head = {"architecture__operations": [{"name": n, "output_shape": [8, 3]} for n in ("t", "addmm")]}
    alone = check(context(task, guess=weak(task), **head), "architecture")
    part = check(context(task, guess=weak(task), episodes__0__optimiser__parameter_tensors=3, **head), "architecture")
    assert (alone.status, part.status) == (Status.PARTIAL, Status.NEEDS_REVIEW)
    assert part.share == alone.share
    assert "part of a larger net" in part.found


def test_weights_of_no_module_are_called_that():
    """The run came to its end, and the loss was torch's."""
    ctx = context(guess=guesses(None, refused=("no",)), passes=[], architecture=None, losses=[])
    for criterion in ("architecture", "loss"):
        found = check(ctx, criterion)
        assert found.status is Status.NEEDS_REVIEW
        assert "belong to no nn.Module" in found.found


def test_a_likelihood_of_raw_outputs_has_no_bound():
    raw = {"losses__0__kind": "nll_loss", "losses__0__input_max": 3.0, "losses__0__rows_sum_to_one": False}
    assert "no smallest value" in check(context(guess=weak(), **raw), "loss").gap
    for within in ({"losses__0__rows_sum_to_one": True}, {}):  # after a softmax or a sigmoid
        bounded = raw | {"losses__0__input_max": 1.0} | within
        assert "no smallest value" not in check(context(guess=weak(), **bounded), "loss").gap


def test_outputs_between_two_bounds_are_squashed():
    graph = ["NllLossBackward0", "LogSoftmaxBackward0", "TanhBackward0"]
    assert check(context(guess=weak(), losses__0__graph=graph), "loss").status is Status.PARTIAL


def test_an_answer_with_a_number_that_never_changes_is_told():
    good = predictions(ELLIPSE, wrong=4.0).values
    still = good.copy()
    still[:, 3] = 0.0
    assert stuck(context(ELLIPSE, guess=guesses(values=good))) == ()
    told = context(ELLIPSE, guess=guesses(values=still))
    assert stuck(told) == ("column radius",)
    found = check(told, "held-out")
    assert "The same answer for every item: column radius." in found.found
    assert "which gradient gets through" in found.next
    nothing = check(context(ELLIPSE, guess=guesses(values=np.zeros_like(good))), "held-out")
    assert "row, column, row radius, column radius" in nothing.found
    assert "which gradient gets through" not in nothing.next
    odd = still.copy()
    odd[0, 0], odd[:, 1] = np.nan, np.inf
    assert stuck(context(ELLIPSE, guess=guesses(values=odd))) == ("column radius",)
    assert stuck(context(SPECIES)) == ()
    assert stuck(context(ELLIPSE, guess=guesses(values=still), episodes=[])) == ()
