"""What the recorder claims of trainings in many manners; every claim validates against the evidence model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.evidence.model import Claims, HeldOutClaims
from grader.probe.direct import names_forward

pytestmark = pytest.mark.xdist_group("recorder scenarios")
PROBE = Path(__file__).parents[2] / "grader" / "probe"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """All scenarios, run once in a process of their own."""
    folder = tmp_path_factory.mktemp("probe")
    shutil.copytree(PROBE, folder / "grader_probe")
    script = Path(__file__).with_name("scenarios.py")
    done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    result["claims"] = {k: Claims.model_validate(v) for k, v in result["claims"].items()}
    result["heldout"] = {k: HeldOutClaims.model_validate(v) for k, v in result["heldout"].items()}
    return result


def test_weights_with_and_without_the_recorder_are_bit_identical(seen):
    assert seen["neutral"]


def test_reference_manner(seen):
    claims = seen["claims"]["reference"]
    episode = claims.marked
    assert (episode.steps, episode.backwards, episode.zero_grads) == (50, 50, 50)
    assert episode.stale_backwards == episode.steps_in_eval_mode == episode.zeroed_before_step == 0
    assert episode.weight_change > 0
    phases = [p for p in claims.passes if p.loader is not None]
    assert [p.phase for p in phases] == [*(["train", "eval"] * 5), "eval"]
    epochs = phases[:10]  # then comes one batch that was only looked at
    assert all(p.in_training_mode == 0 and p.with_gradients == 0 for p in epochs if p.phase == "eval")
    assert all(p.in_training_mode == p.forwards for p in epochs if p.phase == "train")
    assert claims.split.shared_rows == 0
    assert claims.split.eval_rows == 40
    assert len(claims.eval_curve) == 5
    assert [(d.split, d.length) for d in claims.datasets] == [("train", 160), ("valid", 40)]
    assert [loader.shuffles for loader in claims.loaders] == [True, False]


def test_reference_architecture_is_traced(seen):
    architecture = seen["claims"]["reference"].architecture
    names = [o.name for o in architecture.operations]
    assert names.count("addmm") == 2
    assert "relu" in names
    assert architecture.linearity > 1e-3
    assert architecture.has_batchnorm
    assert architecture.has_dropout
    assert all(p.gradient == "yes" and p.in_optimiser for p in architecture.parameter_list)


def test_validation_rows_are_kept_although_a_later_cell_looked_at_others(seen):
    assert {"eval_inputs", "eval_outputs", "eval_loss_inputs", "eval_targets"} <= set(seen["arrays"]["reference"])
    assert seen["claims"]["reference"].split.eval_rows == 40


def test_dataset_is_rebuilt_for_the_held_out_world(seen):
    attempts = {a.method: a for a in seen["heldout"]["reference"].attempts}
    assert attempts["replay"].ok
    assert not attempts["predict"].ok
    assert "replay_outputs" in seen["arrays"]["reference"]


def test_samplers_that_share_a_data_set_keep_its_sides_apart(seen):
    split = seen["claims"]["samplers_on_one_data_set"].split
    assert (split.train_rows, split.eval_rows, split.shared_rows, split.shared_indices) == (160, 40, 0, 0)


def test_evidence_survives_indices_of_nothing_and_torchscript(seen):
    claims = seen["claims"]["a_sampler_that_picks_what_is_not_there"]
    assert (claims.marked.steps, claims.split.eval_rows, claims.split.shared_indices) == (10, 8, None)
    scripted = seen["claims"]["made_with_torchscript"]
    assert scripted.marked.steps == 10
    assert scripted.architecture.output_shape == [8, 3]
    assert seen["claims"]["made_with_torchscript_after_training"].marked.steps == 50


def test_only_calls_of_forward_count_as_that():
    yes = ["net.forward(x)", "%matplotlib inline\ny = net . forward (x)", "class A:\n def p(self, x): self.forward(x)"]
    no = [
        "# net.forward(x)",
        "'net.forward(x)'",
        "super().forward(x)",
        "f = net.forward",
        "net.forward(",
        "\0.forward(",
    ]
    assert all(names_forward(text) for text in yes)
    assert not any(names_forward(text) for text in no)


@pytest.mark.parametrize("name", ["judged_by_a_method_of_the_net", "judged_by_forward_in_a_later_cell"])
def test_a_net_may_be_judged_through_forward_itself(seen, name):
    claims = seen["claims"][name]
    assert claims.split.eval_rows == 40
    assert claims.split.shared_rows == 0
    last = claims.passes[-1]
    assert (last.phase, last.samples, last.in_training_mode, last.with_gradients) == ("eval", 40, 0, 0)
    assert "eval_outputs" in seen["arrays"][name]


def test_missing_zero_grad_and_eval_are_seen(seen):
    claims = seen["claims"]["no_zero_grad_no_eval"]
    assert claims.marked.stale_backwards == claims.marked.backwards - 1
    assert claims.marked.zero_grads == 0
    evaluation = [p for p in claims.passes if p.phase == "eval"]
    assert len(evaluation) == 3
    assert all(p.in_training_mode == p.forwards and p.with_gradients == p.forwards for p in evaluation)


@pytest.mark.parametrize("name", ["accumulation", "closure", "direct_forward_without_loader", "one_hot_softmax_bce"])
def test_unusual_but_correct_loops_leave_no_stale_gradients(seen, name):
    episode = seen["claims"][name].marked
    assert episode.stale_backwards == 0
    assert episode.steps_with_empty_gradients == 0
    assert episode.zeroed_before_step == 0


def test_closure_counts_all_its_backwards(seen):
    episode = seen["claims"]["closure"].marked
    assert episode.steps == 3
    assert episode.backwards > 3


@pytest.mark.parametrize("name", ["steps_by_hand", "steps_by_hand_from_handed_out_gradients"])
def test_updates_without_an_optimiser_are_steps(seen, name):
    claims = seen["claims"][name]
    episode = claims.marked
    assert (episode.optimiser.kind, episode.steps, episode.backwards) == ("", 30, 30)
    assert (episode.stale_backwards, episode.steps_with_empty_gradients, episode.steps_in_eval_mode) == (0, 0, 0)
    assert episode.weight_change > 0
    assert [(p.phase, p.step, p.forwards) for p in claims.passes] == [
        ("train", 10, 10),
        ("eval", 10, 3),
        ("train", 20, 10),
        ("eval", 20, 3),
        ("train", 30, 10),
        ("eval", 30, 3),
    ]
    assert len(claims.train_curve) == 30
    assert all(p.in_optimiser and p.gradient == "yes" and p.change > 0 for p in claims.architecture.parameter_list)
    assert {"train_inputs", "eval_inputs"} <= set(seen["arrays"][name])


def test_weights_may_be_replaced_by_hand(seen):
    claims = seen["claims"]["steps_by_hand_with_new_parameters"]
    assert (claims.marked.steps, claims.marked.stale_backwards) == (30, 0)
    assert all(p.in_optimiser for p in claims.architecture.parameter_list)


def test_a_look_between_gradient_and_update_hides_no_step(seen):
    assert seen["claims"]["steps_by_hand_after_a_look"].marked.steps == 30


def test_an_earlier_training_by_hand_is_not_the_last(seen):
    claims = seen["claims"]["by_hand_and_then_another_net"]
    assert (claims.marked.optimiser.kind, claims.marked.steps) == ("Adam", 10)
    assert sorted(episode.steps for episode in claims.episodes) == [10, 10]
    assert [p.phase for p in claims.passes][:2] == ["train", "eval"]


def test_a_net_may_be_judged_between_gradient_and_step(seen):
    claims = seen["claims"]["judged_between_backward_and_step"]
    assert (claims.marked.steps, claims.marked.steps_in_eval_mode) == (30, 0)
    assert (claims.split.train_rows, claims.split.eval_rows, claims.split.shared_rows) == (160, 40, 0)


def test_gradients_of_another_net_are_no_old_ones(seen):
    episodes = seen["claims"]["two_nets_by_turns"].episodes
    assert [(episode.steps, episode.stale_backwards) for episode in episodes] == [(30, 0), (30, 0)]


def test_moves_within_a_step_are_no_steps(seen):
    [episode] = seen["claims"]["one_long_step"].episodes
    assert (episode.optimiser.kind, episode.steps) == ("LBFGS", 1)
    assert episode.backwards > 1


def test_weights_that_cannot_be_read_any_more_end_no_record(seen):
    assert seen["claims"]["weights_gone_before_the_end"].losses[0].phase == "train"


def test_updates_by_hand_from_old_gradients_are_seen(seen):
    episode = seen["claims"]["steps_by_hand_with_old_gradients"].marked
    assert (episode.steps, episode.stale_backwards) == (30, 29)


def test_a_loop_without_steps_still_shows_its_data(seen):
    claims = seen["claims"]["backward_without_step"]
    assert claims.marked is None
    assert [p.phase for p in claims.passes] == ["train", "eval"] * 3
    assert claims.losses[0].phase == "train"
    assert {"train_inputs", "eval_inputs"} <= set(seen["arrays"]["backward_without_step"])
    assert (claims.split.train_rows, claims.split.eval_rows, claims.split.shared_rows) == (160, 40, 0)


@pytest.mark.parametrize("name", ["step_without_backward", "step_before_backward", "loss_without_a_past"])
def test_a_loop_whose_steps_follow_no_gradients_is_a_training_all_the_same(seen, name):
    claims = seen["claims"][name]
    assert claims.marked.steps == 30
    assert [(p.phase, p.forwards) for p in claims.passes] == [("train", 10), ("eval", 3)] * 3
    assert claims.marked.weight_change == 0
    assert claims.losses[0].phase == "train"
    assert claims.split.shared_rows == 0


def test_steps_on_another_net_count_for_the_net_that_gave_the_loss(seen):
    claims = seen["claims"]["optimiser_of_another_net"]
    assert claims.marked.steps == claims.marked.steps_with_empty_gradients == 10
    assert not any(p.in_optimiser for p in claims.architecture.parameter_list)
    assert all(p.gradient == "yes" for p in claims.architecture.parameter_list)
    assert [(p.phase, p.forwards) for p in claims.passes] == [("train", 10), ("eval", 3)]


def test_probabilities_over_the_batch_are_seen(seen):
    assert seen["claims"]["softmax_over_the_batch"].losses[0].columns_sum_to_one
    assert not seen["claims"]["one_hot_softmax_bce"].losses[0].columns_sum_to_one


def test_direct_forward_finds_the_whole_model(seen):
    claims = seen["claims"]["direct_forward_without_loader"]
    assert claims.marked.model_class == "Sequential"
    assert claims.marked.steps == 40
    assert claims.losses[0].kind == "custom"
    assert claims.architecture.parameters == sum(
        p.shape[0] * [*p.shape, 1][1] for p in claims.architecture.parameter_list
    )
    assert claims.architecture.linearity > 1e-3


def test_erased_gradients_are_seen(seen):
    episode = seen["claims"]["erased_gradients"].marked
    assert episode.zeroed_before_step == episode.steps_with_empty_gradients == episode.steps == 10
    assert episode.weight_change == 0


def test_softmax_before_bce_on_one_hot_targets(seen):
    loss = seen["claims"]["one_hot_softmax_bce"].losses[0]
    assert (loss.kind, loss.target_form, loss.rows_sum_to_one) == ("binary_cross_entropy", "one-hot", True)
    assert loss.graph[:2] == ["BinaryCrossEntropyBackward0", "SoftmaxBackward0"]


def test_last_trained_model_is_marked_and_linear_stack_is_linear(seen):
    claims = seen["claims"]["two_models_and_random_split"]
    assert [e.marked for e in claims.episodes] == [False, True]
    assert claims.architecture.parameters == 5 * 8 + 8 + 8 * 3 + 3
    assert claims.architecture.linearity < 1e-9
    assert claims.split.shared_indices == 0


def test_ready_made_tensors_cannot_be_replayed(seen):
    attempts = {a.method: a for a in seen["heldout"]["two_models_and_random_split"].attempts}
    assert not attempts["replay"].ok
    assert "ready-made" in attempts["replay"].reason


def test_losses_that_are_not_finite_become_none_and_a_count(seen):
    claims = seen["claims"]["diverged"]
    assert claims.marked.non_finite_losses > 0
    assert claims.train_curve[-1].loss is None


def test_model_returned_by_train_is_marked(seen):
    claims = seen["claims"]["returned_by_train"]
    assert claims.marked.steps == 1


def test_nothing_trained(seen):
    claims = seen["claims"]["nothing"]
    assert claims.marked is None
    assert claims.episodes == []


def test_the_last_of_very_many_nets_is_marked(seen):
    claims = seen["claims"]["search_over_many_nets"]
    assert claims.marked.steps == 2
    assert claims.marked.model_id == 99
    assert claims.architecture.parameters == 5 * 101 + 101 + 101 * 3 + 3
    assert claims.notes == []


def test_what_cannot_be_recorded_does_not_end_the_code(seen):
    claims = seen["claims"]["tensors_without_memory"]
    assert any("could not be recorded" in note for note in claims.notes)


def test_a_net_that_exits_ends_only_its_own_way_of_predicting(seen):
    attempts = {a.method: a for a in seen["heldout"]["exits_when_asked"].attempts}
    assert list(attempts) == ["predict", "input-map", "replay"]
    assert attempts["replay"].reason == "SystemExit: 0"


def test_a_compiled_net_and_the_plain_one_are_the_same(seen):
    claims = seen["claims"]["compiled_and_plain"]
    assert claims.architecture.class_name == "Sequential"
    assert (claims.split.eval_rows, claims.split.shared_rows) == (40, 0)
    assert [p.phase for p in claims.passes] == ["train", "eval"] * 3


def test_an_average_of_the_weights_may_be_judged_in_their_place(seen):
    claims = seen["claims"]["judged_by_an_average"]
    assert claims.marked.steps == 30
    assert (claims.split.eval_rows, claims.split.shared_rows) == (40, 0)
    assert [p.phase for p in claims.passes] == ["train", "eval"] * 3
    assert [point.step for point in claims.eval_curve] == [10, 20, 30]


@pytest.mark.parametrize("name", ["a_teacher_and_no_validation", "judged_in_the_place_of_another"])
def test_other_nets_are_no_validation(seen, name):
    claims = seen["claims"][name]
    assert {p.phase for p in claims.passes} == {"train"}
    assert claims.split.eval_rows == 0


def test_a_copy_may_be_changed_after_it_was_judged(seen):
    assert seen["claims"]["a_copy_that_was_rebuilt"].marked.steps == 30


def test_a_teacher_on_rows_made_anew_is_no_validation(seen):
    split = seen["claims"]["a_teacher_on_noise"].split
    assert (split.eval_rows, split.shared_rows, split.shared_indices) == (40, 0, None)


def test_a_copy_that_train_returns_stands_for_the_trained_net(seen):
    claims = seen["claims"]["the_best_copy_is_returned"]
    assert (claims.split.train_rows, claims.split.eval_rows, claims.split.shared_rows) == (160, 40, 0)
    assert [p.phase for p in claims.passes] == ["train", "eval"] * 3


def test_targets_are_those_of_the_loss(seen):
    assert "train_loss_inputs" in seen["arrays"]["classes_of_a_loss_beside_other_columns"]


def test_a_net_that_may_be_told_more_is_traced_without(seen):
    architecture = seen["claims"]["classes_may_be_given"].architecture
    assert architecture.linearity > 1e-3
    assert not any("loss" in o.name for o in architecture.operations)


def test_copies_of_a_net_that_is_called_directly_are_their_own(seen):
    assert seen["claims"]["copies_of_a_net_called_directly"].marked.steps == 10


def test_a_net_that_is_trained_later_is_nobodys_copy(seen):
    claims = seen["claims"]["judged_before_its_training"]
    assert [point.step for point in claims.eval_curve] == [10, 20, 30]
    assert [(p.phase, p.step) for p in claims.passes][:2] == [("eval", 0), ("train", 10)]


def test_weights_without_a_net_are_nobodys(seen):
    claims = seen["claims"]["weights_in_a_dictionary"]
    assert claims.marked.steps == 30
    assert claims.architecture is None


def test_an_answer_in_parts_is_put_together(seen):
    claims, heldout = seen["claims"]["an_answer_in_parts"], seen["heldout"]["an_answer_in_parts"]
    assert claims.architecture.output_shape == [8, 3]
    assert claims.architecture.linearity > 1e-3
    assert claims.split.eval_rows == 40
    assert any(attempt.ok for attempt in heldout.attempts)


def test_a_net_of_several_inputs_is_traced(seen):
    architecture = seen["claims"]["two_inputs"].architecture
    assert architecture.trace_error is None
    assert architecture.output_shape == [8, 3]
    assert [o.name for o in architecture.operations].count("addmm") == 2


@pytest.mark.parametrize("name", ["a_single_layer", "a_single_layer_by_hand"])
def test_a_net_of_a_single_layer(seen, name):
    claims = seen["claims"][name]
    assert claims.marked.steps == claims.marked.backwards == 10
    assert [(loss.kind, loss.calls) for loss in claims.losses if loss.phase == "train"] == [("cross_entropy", 10)]
