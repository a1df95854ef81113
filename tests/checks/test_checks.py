"""Every check: sound work passes, each fault costs what it should, and what correct solutions do is never flagged."""

from dataclasses import replace

import numpy as np
import pytest
from evidence_examples import context, guesses, predictions, untouched

from grader.checks import REGISTRY, run_checks
from grader.rubric import Band, load_rubric
from grader.rubric.known import CHECKS
from grader.types import Status, TaskId

SPECIES, MASS, MNIST, ELLIPSE = TaskId
DENSE = ["t", "addmm", "leaky_relu", "t", "addmm"]


def ops(*names):
    """Operations as claims."""
    return [{"name": n, "output_shape": [8, 3]} for n in names]


def check(ctx, criterion):
    """The result for one criterion of the bundled rubric."""
    rubric = load_rubric(ctx.document.task)
    line = rubric.criterion(criterion)
    return REGISTRY[line.check](ctx, line.params)


def lost(ctx):
    """The criteria without full marks, with their statuses."""
    rubric = load_rubric(ctx.document.task)
    return {
        c.id: r.status
        for c, r in zip(rubric.criteria, run_checks(ctx, rubric), strict=True)
        if r.status is not Status.PASS
    }


def weak(task=SPECIES):
    """Predictions above guessing but far from full marks."""
    return predictions(task, wrong={SPECIES: 0.3, MASS: 400.0, MNIST: 0.3, ELLIPSE: 9.0}[task])


def test_registry_and_rubric_schema_name_the_same_checks():
    assert set(REGISTRY) == set(CHECKS)


@pytest.mark.parametrize("task", TaskId)
def test_sound_work_has_full_marks(task):
    assert lost(context(task)) == {}


@pytest.mark.parametrize("task", TaskId)
def test_sound_work_with_weak_predictions_loses_only_held_out(task):
    assert lost(context(task, guess=weak(task))) == {"held-out": Status.PARTIAL}


def test_what_the_recorder_missed_is_never_a_zero():
    """A note of its own failure opens the points of a run in which no training was seen; it changes nothing else."""
    note = ["A part of what the code did could not be recorded (TypeError)."]
    unseen = lost(untouched(SPECIES, claims={"schema_version": 1, "task": SPECIES, "complete": True, "notes": note}))
    assert unseen.pop("runs") is Status.PARTIAL
    assert set(unseen.values()) == {Status.NEEDS_REVIEW}
    assert Status.NEEDS_REVIEW not in lost(untouched(SPECIES)).values()
    assert lost(context(SPECIES, notes=note)) == {}


@pytest.mark.parametrize("task", TaskId)
def test_nothing_attempted_is_told_kindly_and_earns_little(task):
    ctx = untouched(task)
    results = run_checks(ctx, load_rubric(task))
    assert all(r.next for r in results)
    assert {r.status for r in results} == {Status.PARTIAL, Status.FAIL, Status.BLOCKED}
    assert results[0].share == 0.5


# --- what correct solutions do -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"episodes__0__zero_grads": 1, "episodes__0__backwards": 4000},  # gradient accumulation
        {"episodes__0__steps": 20, "episodes__0__backwards": 400, "episodes__0__zero_grads": 400},  # LBFGS
        {"episodes__0__stale_backwards": 2},
        {
            "episodes__0__steps_in_eval_mode": 1000,
            "architecture__has_dropout": False,
            "architecture__has_batchnorm": False,
        },
        {"passes__1__in_training_mode": 4, "architecture__has_dropout": False, "architecture__has_batchnorm": False},
        {"episodes__0__weight_change": None},
        {
            "loaders": [],
            "passes__0__loader": None,
            "passes__0__dataset": None,
            "episodes__0__batch_sizes": [284],
            "episodes__0__distinct_batches": 1,
        },
        {"losses": [{"kind": "custom", "phase": "train", "calls": 1000}]},
        {"losses": []},
        {"train_curve": []},
        {"eval_curve": []},
        {"split": {}},
        {"split__shared_rows": None},
        {"split__shared_rows": 2},
        {"datasets": [], "loaders": []},
        {"architecture__linearity": None},
        {"architecture__linearity": 0.0},  # all probes in one linear region of the activations
        {"architecture__operations": ops("t", "addmm", "add", "sigmoid", "matmul", "softmax")},
        {"architecture__operations": ops("t", "addmm", "something_new", "t", "addmm")},
        {"architecture__operations": ops("mm", "add", "relu", "mm", "add", "_softmax")},
        {"architecture__output_shape": [8, 1000]},  # a last layer outside the model
        {"loaders__0__shuffles": None},
    ],
)
def test_correct_manners_are_not_flagged(changes):
    assert lost(context(guess=weak(), **changes)) == {"held-out": Status.PARTIAL}


@pytest.mark.parametrize("kind", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
@pytest.mark.parametrize("task", [MASS, ELLIPSE])
def test_distances_suit_regression(task, kind):
    assert check(context(task, losses__0__kind=kind), "loss").status is Status.PASS


def test_binary_cross_entropy_suits_targets_between_0_and_1():
    assert check(context(ELLIPSE, losses__0__kind="binary_cross_entropy"), "loss").status is Status.PASS


def test_softmax_and_binary_cross_entropy_on_one_hot_targets_is_correct():
    loss = {
        "kind": "binary_cross_entropy",
        "phase": "train",
        "calls": 9,
        "input_shape": [16, 3],
        "target_shape": [16, 3],
        "target_form": "one-hot",
        "rows_sum_to_one": True,
    }
    assert check(context(losses=[loss]), "loss").status is Status.PASS


@pytest.mark.parametrize(
    "graph",
    [
        ["NllLossBackward0", "LogSoftmaxBackward0", "LogSoftmaxBackward0"],
        ["NllLossBackward0", "LogSoftmaxBackward0", "AddmmBackward0", "ReluBackward0"],
    ],
)
def test_log_softmax_twice_and_hidden_activations_are_harmless(graph):
    assert check(context(losses__0__graph=graph), "loss").status is Status.PASS


def test_blank_cells_and_comments_do_not_count():
    """A notebook of nothing else holds no code, and nothing else is said of it."""
    blank = {"index": 0, "status": "ok", "lines": 0}
    found = check(untouched(cells=[blank, blank | {"index": 1}]), "runs")
    assert (found.status, found.found) == (Status.FAIL, "There is no code to run yet.")
    fine = {"index": 2, "status": "ok", "lines": 3}
    assert check(context(doc={"cells": [blank, fine, blank]}), "runs").found.startswith("1 of 1 cell ran")


def test_a_cell_that_counts_batches_of_a_training_that_was_cut_costs_nothing():
    """Fewer batches and epochs lead to such errors; a misspelt name is the code's own."""
    error = {"name": "AssertionError", "message": ""}
    cells = [{"index": i, "status": "ok", "lines": 3} for i in range(3)]
    counting = [*cells, {"index": 3, "status": "error", "lines": 2, "error": error}]
    cut = {"reason": "converged", "model_id": 1, "cell": 2, "step": 40, "epochs": 9}
    found = check(context(shortened=[cut], doc={"cells": counting}), "runs")
    assert found.status is Status.PASS
    assert "cut short before cell 3 failed" in found.found
    assert check(context(doc={"cells": counting}), "runs").found.endswith("Cell 3 stops with AssertionError")
    earlier = [counting[3] | {"index": 0}, *cells[1:]]
    assert check(context(shortened=[cut], doc={"cells": earlier}), "runs").status is Status.PARTIAL
    misspelt = [*cells, counting[3] | {"error": {"name": "NameError", "message": "name 'x' is not defined"}}]
    assert check(context(shortened=[cut], doc={"cells": misspelt}), "runs").status is Status.PARTIAL


def test_names_of_a_cell_that_lacks_something_cost_nothing_more():
    lacking = {"name": "ModuleNotFoundError", "message": "No module named 'wandb'"}
    unmade = {"name": "NameError", "message": "name 'run' is not defined"}
    cells = [
        {"index": 0, "status": "ok", "lines": 3},
        {"index": 1, "status": "error", "lines": 1, "error": lacking},
        {"index": 2, "status": "error", "lines": 1, "error": unmade},
    ]
    source = ["x = 1", "run = wandb.init()", "run.finish()"]
    assert check(context(doc={"cells": cells}, source=source), "runs").status is Status.PASS
    assert check(context(doc={"cells": cells}, source=["x = 1", "wandb.init()", "run"]), "runs").share < 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/content/drive/MyDrive/x'"),
        ("OSError", "[Errno 30] Read-only file system: '/content'"),
        ("OSError", "[Errno 30] Read-only file system: '../models'"),
        ("RuntimeError", "Parent directory /kaggle/working does not exist."),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'C:\\\\Users\\\\me\\\\net.pt'"),
        ("Error", "unsupported locale setting"),
        ("SystemExit", ""),
    ],
)
def test_what_only_another_machine_has_costs_nothing(name, message):
    bad = {"index": 1, "status": "error", "lines": 2, "error": {"name": name, "message": message}}
    fine = {"index": 0, "status": "ok", "lines": 3}
    assert check(context(doc={"cells": [fine, bad]}), "runs").status is Status.PASS
    for own in ("No such file or directory: 'helper.pt'", "No such file or directory: 'contents/x'"):
        wrong = bad | {"error": {"name": "FileNotFoundError", "message": own}}
        assert check(context(doc={"cells": [fine, wrong]}), "runs").status is Status.PARTIAL


def test_cells_that_do_not_matter_cost_little_or_nothing():
    bad = {"index": 4, "status": "error", "lines": 3}
    plot = bad | {"error": {"name": "TypeError", "message": "x", "traceback": "site-packages/matplotlib/axes.py"}}
    net = bad | {"error": {"name": "URLError", "message": "<urlopen error>"}}
    own = bad | {"error": {"name": "NameError", "message": "name 'x' is not defined"}}
    fine = {"index": 1, "status": "ok", "lines": 3}
    assert check(context(doc={"cells": [fine, plot, net]}), "runs").status is Status.PASS
    assert check(context(doc={"cells": [fine, own]}), "runs").share == pytest.approx(0.95)
    assert check(context(doc={"cells": [fine] + [own] * 40}), "runs").share == pytest.approx(0.8)


# --- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "changes"),
    [
        ("training", {"episodes__0__stale_backwards": 900}),
        ("training", {"episodes__0__steps_in_eval_mode": 900}),
        ("validation", {"passes__1__in_training_mode": 4}),
        ("validation", {"passes__1__with_gradients": 4}),
        ("loss", {"losses__0__rows_sum_to_one": True}),
        ("loss", {"losses__0__graph": ["NllLossBackward0", "LogSoftmaxBackward0", "SoftmaxBackward0"]}),
        ("loss", {"losses__0__graph": ["NllLossBackward0", "LogSoftmaxBackward0", "ReluBackward0"]}),
        ("loss", {"losses__0__kind": "nll_loss", "losses__0__input_max": 3.0}),
        (
            "loss",
            {
                "losses__0__kind": "binary_cross_entropy_with_logits",
                "losses__0__target_form": "one-hot",
                "losses__0__rows_sum_to_one": True,
            },
        ),
        (
            "architecture",
            {
                "architecture__operations": ops("t", "addmm", "native_batch_norm", "t", "addmm"),
                "architecture__linearity": 1e-15,
            },
        ),
        (
            "architecture",
            {"architecture__operations": ops("t", "addmm", "t", "addmm", "_softmax"), "architecture__linearity": 0.4},
        ),
        ("architecture", {"architecture__operations": ops("t", "addmm")}),
        ("batches", {"episodes__0__distinct_batches": 1}),
        (
            "batches",
            {
                "passes": [
                    {"phase": "train", "loader": 0, "forwards": 1, "samples": 16, "steps": 1, "step": i + 1}
                    for i in range(9)
                ],
                "loaders__0__abandoned": 100,
                "split__train_rows": 16,
            },
        ),
    ],
)
def test_a_fault_costs_a_part_of_its_own_criterion(criterion, changes):
    result = check(context(guess=weak(), **changes), criterion)
    assert result.status is Status.PARTIAL
    assert result.gap
    assert result.next


@pytest.mark.parametrize(
    ("criterion", "task", "changes"),
    [
        ("training", SPECIES, {"episodes__0__weight_change": 0.0}),
        ("training", SPECIES, {"episodes__0__weight_change": 0.0, "episodes__0__backwards": 0}),
        (
            "training",
            SPECIES,
            {"episodes__0__zeroed_before_step": 1000, "architecture__parameter_list__0__gradient": "zero"},
        ),
        ("split", SPECIES, {"split__shared_rows": 60}),
        ("split", MNIST, {"datasets": [{"id": i, "kind": "MNIST", "length": 60, "split": "train"} for i in (0, 1)]}),
        ("validation", SPECIES, {"passes": []}),
        ("loss", SPECIES, {"losses__0__kind": "mse_loss"}),
        ("loss", SPECIES, {"losses__0__input_shape": [16, 1], "architecture__output_shape": [8, 1]}),
        ("loss", MASS, {"losses__0__kind": "cross_entropy"}),
        ("outputs", ELLIPSE, {"architecture__output_shape": [8, 3], "losses__0__input_shape": [8, 3]}),
        ("convergence", SPECIES, {"train_curve": [{"step": i, "loss": None} for i in range(20)]}),
        ("convergence", SPECIES, {"train_curve": [{"step": i, "loss": 1.0 + i} for i in range(20)]}),
    ],
)
def test_a_grave_fault_fails_its_criterion(criterion, task, changes):
    poor = guesses(None, refused=("no",))
    data = {} if criterion == "outputs" else None
    result = check(context(task, guess=poor, data=data, **changes), criterion)
    assert result.status is Status.FAIL
    assert result.next


def test_a_fully_connected_net_on_images_is_partial():
    assert check(context(MNIST, architecture__operations=ops(*DENSE)), "architecture").status is Status.PARTIAL


def test_broadcasting_shapes_are_named():
    result = check(context(MASS, losses__0__target_shape=[16]), "loss")
    assert result.status is Status.PARTIAL
    assert "(16, 16)" in result.gap
    assert (
        check(context(MASS, losses__0__input_shape=[1, 1], losses__0__target_shape=[1]), "loss").status is Status.PASS
    )


def test_sorted_batches_are_seen_in_the_targets_only_when_not_shuffled():
    data = {
        "train_inputs": np.random.default_rng(0).normal(size=(160, 5)),
        "train_targets": np.sort(np.arange(160) % 3),
    }
    assert check(context(data=data, loaders__0__shuffles=False), "batches").status is Status.PARTIAL
    assert check(context(data=data, loaders__0__shuffles=True), "batches").status is Status.PASS
    mixed = data | {"train_targets": np.random.default_rng(0).integers(0, 3, 160)}
    assert check(context(data=mixed, loaders__0__shuffles=False), "batches").status is Status.PASS


def test_the_answer_among_the_inputs_is_found_but_islands_are_not():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    noise = rng.normal(size=(200, 3))
    island = np.where(labels == 2, 0, rng.integers(0, 3, 200))
    leaks = [labels, (labels == 1) * 1.0, 2.0 - labels * 0.5]
    for column in leaks:
        data = {"train_inputs": np.column_stack([noise, column]), "train_targets": labels}
        assert check(context(data=data), "inputs").status is Status.FAIL
    for column in (island, (island == 1) * 1.0, labels + noise[:, 0]):
        data = {"train_inputs": np.column_stack([noise, column]), "train_targets": labels}
        assert check(context(data=data), "inputs").status is Status.PASS
    mass = rng.normal(4200, 800, (200, 1))
    assert (
        check(
            context(MASS, data={"train_inputs": np.column_stack([noise, mass]), "train_targets": mass / 4200}), "inputs"
        ).status
        is Status.FAIL
    )
    near = np.column_stack([noise, mass + rng.normal(0, 100, (200, 1))])
    assert (
        check(context(MASS, data={"train_inputs": near, "train_targets": mass / 4200}), "inputs").status is Status.PASS
    )


def test_few_columns_may_have_natural_twins():
    data = {"train_inputs": np.zeros((160, 2)), "train_targets": np.arange(160) % 3}
    assert check(context(data=data, split__shared_rows=20), "split").status is Status.PASS
    assert check(context(data=data, split__shared_rows=60), "split").status is Status.FAIL
    assert check(context(split__shared_rows=20, split__shared_indices=0), "split").status is Status.PASS


def test_one_column_repeats_itself_and_tells_nothing_of_the_sides():
    data = {"train_inputs": np.round(np.random.default_rng(0).normal(size=(40, 1)), 1)}
    told = {"split__shared_rows": 60, "split__train_rows": 40}
    assert lost(context(data=data, **told)) == {"inputs": Status.PARTIAL}
    assert check(context(data=data, split__shared_rows=60), "split").status is Status.FAIL


def test_images_that_are_all_the_same_tell_nothing_of_the_sides():
    black = {"split__shared_rows": 1, "split__eval_rows": 1, "split__train_rows": 1}
    assert check(context(MNIST, **black), "split").status is Status.PASS
    assert check(context(MNIST, **black), "validation").status is Status.PASS


def without_steps():
    """The claims of a loop with backward passes and no step."""
    told = context().told.model_dump(mode="json")
    passes = [entry | {"steps": 0, "step": 0} for entry in told["passes"]]
    return {"episodes": [], "passes": passes, "train_curve": [], "eval_curve": []}


def test_a_loop_without_steps_loses_what_comes_of_that_only():
    ctx = context(guess=predictions(SPECIES, wrong=2 / 3), **without_steps())
    assert lost(ctx) == {
        "training": Status.PARTIAL,
        "convergence": Status.FAIL,
        "held-out": Status.FAIL,
    }
    assert "no optimiser made a step" in check(ctx, "training").found


def test_a_loop_that_was_never_followed_by_judging_loses_validation_too():
    told = without_steps()
    ctx = context(guess=predictions(SPECIES, wrong=2 / 3), **(told | {"passes": told["passes"][:1]}))
    assert {"split", "validation"} <= set(lost(ctx))


def test_weights_without_a_module_are_for_a_person():
    ctx = context(guess=guesses(None), data={}, architecture=None, passes=[], losses=[], train_curve=[], split={})
    for criterion in ("split", "architecture", "validation", "training"):
        assert check(ctx, criterion).status in (Status.NEEDS_REVIEW, Status.PASS), criterion


def test_updates_by_hand_are_a_training():
    ctx = context(episodes__0__optimiser={"kind": "", "parameter_tensors": 4})
    assert lost(ctx) == {}
    assert check(ctx, "training").found.startswith("1,000 steps made by your own code")


def test_an_optimiser_of_another_net_is_named():
    still = {"weight_change": 0.0, "steps_with_empty_gradients": 1000}
    held = {f"episodes__0__{name}": value for name, value in still.items()}
    ctx = context(architecture__parameter_list__0__in_optimiser=False, **held)
    found = check(ctx, "training")
    assert found.status is Status.FAIL
    assert "none of the weights of the net" in found.gap
    assert "none of the weights" not in check(context(**held), "training").gap


def test_probabilities_over_the_batch_cost_points_of_the_loss():
    for task, kind in ((SPECIES, "binary_cross_entropy"), (MNIST, "cross_entropy"), (SPECIES, "nll_loss")):
        ctx = context(task, losses__0__columns_sum_to_one=True, losses__0__kind=kind)
        assert lost(ctx) == {"loss": Status.PARTIAL}
        assert "over the batch" in check(ctx, "loss").found


def test_too_short_a_training_loses_convergence_and_held_out_only():
    """Five epochs of the mass net: a loss still falling along a straight line, above that of the mean."""
    line = [{"step": 13 * (i + 1), "loss": 1.0 - i * 0.1} for i in range(6)]
    ctx = context(MASS, guess=predictions(MASS, wrong=600.0), train_curve=line)
    assert lost(ctx) == {"convergence": Status.FAIL, "held-out": Status.FAIL}
    assert check(ctx, "convergence").share == pytest.approx(0.3)


def test_reaching_the_level_excuses_a_falling_loss():
    line = [{"step": i, "loss": 1.0 - i * 0.01} for i in range(60)]
    assert check(context(train_curve=line), "convergence").status is Status.PASS
    assert check(context(train_curve=line, guess=weak()), "convergence").status is Status.PARTIAL


def with_band(ctx, *, low=0.05, usual=0.1, high=0.2, loss="cross_entropy"):
    """The context with a reference solution whose training loss ends between these multiples of the constant's."""
    first = ctx.calibration.first.model_copy(
        update={"band": Band(train=[(13.0, 0.9, 0.95, 1.0), (999.0, low, usual, high)]), "loss": loss}
    )
    return replace(ctx, calibration=ctx.calibration.model_copy(update={"manners": [first]}))


def falling(end):
    """A straight line from 1.1 to ``end``, which has not settled; always naming the best class has a loss of 1.1."""
    return [{"step": i, "loss": 1.1 + (end - 1.1) * i / 59} for i in range(60)]


def test_a_loss_that_ends_where_the_reference_ends_has_converged():
    """Even where it is still falling and the held-out level is not reached."""
    ctx = context(train_curve=falling(0.0), guess=weak())
    found = check(with_band(ctx, high=0.2), "convergence")
    assert found.status is Status.PASS
    assert "reference solution's" in found.found
    assert check(with_band(ctx, high=0.01), "convergence").status is Status.PARTIAL


def test_who_has_not_converged_is_told_how_far_it_got():
    found = check(with_band(context(train_curve=falling(0.55), guess=weak()), usual=0.1), "convergence")
    assert found.status is Status.PARTIAL
    assert "% of the way" in found.gap


def test_losses_of_another_kind_are_not_compared():
    ctx = context(train_curve=falling(0.0), guess=weak())
    assert check(with_band(ctx, loss="mse_loss"), "convergence").status is Status.PARTIAL


def test_another_kind_of_net_that_reaches_the_level_gets_a_fair_word():
    """The criterion stays what it is, and the points for held-out data are given."""
    linear = {"architecture__operations": ops("t", "addmm"), "architecture__linearity": 0.0}
    good, poor = context(**linear), context(guess=weak(), **linear)
    assert "all the same" in check(good, "architecture").gap
    assert check(good, "held-out").status is Status.PASS
    assert "all the same" not in check(poor, "architecture").gap


def cut(reason="converged", step=1000, **more):
    """A training that the grader cut short after so many of its 1,000 steps."""
    return [{"reason": reason, "model_id": 0, "step": step, "epochs": 100, **more}]


def test_who_was_cut_short_for_having_converged_has_settled():
    """The curve is that of a training that was not let go on."""
    line = [{"step": i, "loss": 1.0 - i * 0.01} for i in range(60)]
    assert check(context(train_curve=line, guess=weak()), "convergence").status is Status.PARTIAL
    assert lost(context(train_curve=line, guess=weak(), shortened=cut())) == {"held-out": Status.PARTIAL}


@pytest.mark.parametrize(
    "claims", [cut(step=900), cut("budget"), [cut()[0] | {"model_id": 1}], [*cut(), *cut("budget")]]
)
def test_a_cut_that_was_not_the_end_or_not_for_convergence_settles_nothing(claims):
    line = [{"step": i, "loss": 1.0 - i * 0.01} for i in range(60)]
    assert check(context(train_curve=line, guess=weak(), shortened=claims), "convergence").status is Status.PARTIAL


def test_a_training_whose_time_was_over_is_told_so():
    line = [{"step": i, "loss": 1.0 - i * 0.01} for i in range(60)]
    found = check(context(train_curve=line, guess=weak(), shortened=cut("budget")), "convergence")
    assert "budget for training was spent" in found.gap
    assert found.share == pytest.approx(0.65)


def test_validating_on_training_data_is_told_in_both_places():
    assert lost(context(split__shared_rows=60)) == {"split": Status.FAIL, "validation": Status.PARTIAL}


def test_failed_training_blocks_convergence():
    assert lost(context(guess=weak(), episodes__0__weight_change=0.0))["convergence"] is Status.BLOCKED


@pytest.mark.parametrize(("wrong", "waits"), [(0.6, False), (1.0, True)])
def test_only_what_was_not_met_at_all_blocks(wrong, waits):
    """A fail that keeps points is something to build on."""
    rubric, ctx = load_rubric(SPECIES), context(guess=predictions(SPECIES, wrong=wrong))
    criteria = [c.model_copy(update={"depends_on": ["held-out"]}) if c.id == "outputs" else c for c in rubric.criteria]
    results = run_checks(ctx, rubric.model_copy(update={"criteria": criteria}))
    found = dict(zip([c.id for c in criteria], results, strict=True))
    assert found["held-out"].status is Status.FAIL
    assert (found["outputs"].status is Status.BLOCKED) == waits


# --- held-out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "reached"), [(0.0, None), (1 / 3, 2 / 3), (0.5, 0.5), (2 / 3, 1 / 3), (1.0, 0.0)])
def test_held_out_is_a_straight_line_between_guessing_and_the_calibrated_level(wrong, reached):
    ctx = context(guess=predictions(SPECIES, wrong=wrong))
    level = ctx.calibration.reference
    share = 1.0 if reached is None else max(0.0, (reached - 1 / 3) / (level - 1 / 3))
    found = check(ctx, "held-out")
    assert found.share == pytest.approx(share)
    nearer = Status.PARTIAL if share >= 0.5 else Status.FAIL
    assert found.status is (Status.PASS if reached is None else nearer)


def test_outputs_on_own_validation_data_stay_open():
    from grader.types import Method

    result = check(context(guess=predictions(SPECIES, method=Method.RECORDED_VALIDATION)), "held-out")
    assert (result.status, result.share) == (Status.NEEDS_REVIEW, 0.0)
    assert "at most 50% of them" in result.gap


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("task", [MASS, ELLIPSE])
def test_predictions_that_are_no_numbers_count_as_a_blind_guess(task, bad):
    result = check(context(task, guess=guesses(values=np.full_like(predictions(task).values, bad))), "held-out")
    assert result.status is Status.FAIL
    assert "60 predictions could not be used" in result.found
    one = predictions(task).values.copy()
    one[0] = bad
    assert check(context(task, guess=guesses(values=one)), "held-out").status is Status.PASS


@pytest.mark.parametrize("task", [MASS, ELLIPSE])
def test_absurd_predictions_earn_nothing(task):
    values = predictions(task).values.copy()
    values[0] = 1e308
    assert check(context(task, guess=guesses(values=values)), "held-out").share == 0.0


def test_labels_beyond_the_classes_count_as_wrong():
    result = check(context(guess=guesses(labels=np.full(60, 2**62))), "held-out")
    assert result.status is Status.FAIL
    assert "60 predictions could not be used" in result.found


def test_predictions_of_another_length_are_for_a_person():
    assert check(context(guess=guesses(labels=np.zeros(7, dtype=np.int64))), "held-out").status is Status.NEEDS_REVIEW


def test_a_trained_net_that_could_not_be_run_is_for_a_person():
    result = check(context(guess=guesses(None, refused=("the data set needs a file",))), "held-out")
    assert result.status is Status.NEEDS_REVIEW
    assert "needs a file" in result.found


def test_no_attempt_of_the_grader_is_the_graders_fault():
    assert check(context(guess=guesses(None), doc={"heldout": None}), "held-out").status is Status.HARNESS_ERROR


def test_right_predictions_without_an_optimiser_are_for_a_person():
    ctx = untouched()
    seen = context(doc={"claims": ctx.document.claims.model_dump()}, data={})
    assert check(seen, "training").status is Status.NEEDS_REVIEW
    assert check(seen, "held-out").status is Status.PASS


# --- no evidence --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "more", "status"),
    [
        ("not-started", {}, Status.HARNESS_ERROR),
        ("finished", {}, Status.HARNESS_ERROR),
        ("finished", {"problems": ["evidence.json is too large"]}, Status.NEEDS_REVIEW),
        ("crashed", {}, Status.NEEDS_REVIEW),
        ("memory", {}, Status.NEEDS_REVIEW),
        ("wall-time", {}, Status.NEEDS_REVIEW),
    ],
)
@pytest.mark.parametrize("task", TaskId)
def test_missing_evidence_is_never_a_zero(task, host, more, status):
    doc = {"claims": None, "heldout": None, "host": {"isolation": "process", "exit": host}} | more
    ctx = context(task, guess=guesses(None), data={}, doc=doc)
    rubric = load_rubric(task)
    for criterion, result in zip(rubric.criteria, run_checks(ctx, rubric), strict=True):
        assert result.status is status or criterion.id == "runs"


def test_a_run_that_was_cut_short_leaves_what_cannot_be_told_open():
    ctx = context(guess=guesses(None, refused=("the process was gone",)), architecture=None, complete=False)
    assert lost(ctx) == {"architecture": Status.NEEDS_REVIEW, "held-out": Status.NEEDS_REVIEW}
    assert (
        check(
            context(architecture__operations=[], architecture__trace_error="TypeError: x", architecture__layers=[]),
            "architecture",
        ).status
        is Status.NEEDS_REVIEW
    )
