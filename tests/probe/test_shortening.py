"""Trainings that have converged past full marks, or have no time left, are cut short; all others are left alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.evidence.model import Claims

pytestmark = pytest.mark.xdist_group("shortening scenarios")
PROBE = Path(__file__).parents[2] / "grader" / "probe"
WHOLE = 5  # batches of an epoch
CUT = [
    "course",
    "much_validation",
    "one_hot",
    "loss_of_its_own",
    "mass_in_means",
    "mass_standardised",
    "far_past_and_dear",
    "far_past_and_cheap",
    "one_cycle",
    "best_state",
    "whole_in_the_end",
    "accumulation",
    "another_optimiser",
    "teacher",
    "without_validation",
    "without_validation_but_a_test",
    "judged_on_training_data",
    "judged_every_third_epoch",
    "judged_as_one_tensor",
    "workers",
]
LEFT_ALONE = [
    "course_in_full",
    "below_the_level",
    "by_next",
    "closure",
    "two_nets_at_once",
    "judged_in_training_mode",
    "without_loader",
    "new_loader_each_epoch",
    "averaged",
    "rule_that_cannot_be_read",
    "no_time_by_next",
    "no_time_without_loader",
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """All scenarios, run once in a process of their own."""
    folder = tmp_path_factory.mktemp("shortening")
    shutil.copytree(PROBE, folder / "grader_probe")
    script = Path(__file__).with_name("shortening_scenarios.py")
    done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    for found in result.values():
        Claims.model_validate(found["claims"])
    return result


def epochs(found):
    """Epochs of that cell before its first cut."""
    return found["cuts"][0]["epochs"]


@pytest.mark.parametrize("name", CUT)
def test_a_training_past_full_marks_goes_on_over_single_batches_and_changes_nothing(seen, name):
    """The student's lists are as long as ever, their losses are finite, and nothing was noted as failing."""
    found = seen[name]
    assert [cut["reason"] for cut in found["cuts"]] == ["converged"]
    before, after = found["batches"][: epochs(found)], found["batches"][epochs(found) : 40]
    assert set(before) == {WHOLE}
    assert set(after) == {1}
    assert after
    moves = found["moves"][:39]
    assert moves == [True] * (epochs(found) - 1) + [False] * (len(moves) + 1 - epochs(found))
    assert found["finite"]
    assert found["claims"]["notes"] == []


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_a_training_that_might_become_better_or_cannot_be_followed_is_left_alone(seen, name):
    found = seen[name]
    assert found["cuts"] == []
    assert len(set(found["batches"])) == 1
    assert all(found["moves"])


def test_the_evidence_is_what_it_would_be_had_the_training_ended_at_the_cut(seen):
    """Curves, passes, loaders, counts, and every array, to the bit."""
    cut, ended = seen["course"], seen["course_until_the_cut"]
    assert len(cut["batches"]) > len(ended["batches"]) == epochs(cut)
    assert cut["arrays"] == ended["arrays"]
    assert cut["claims"] | {"shortened": []} == ended["claims"]
    assert cut["cuts"][0]["step"] == ended["claims"]["episodes"][0]["steps"]
    assert cut["moves"][: epochs(cut) - 1] == ended["moves"]


def test_nothing_is_different_before_the_cut(seen):
    cut, full = seen["course"], seen["course_in_full"]
    assert cut["figures"][: epochs(cut)] == full["figures"][: epochs(cut)]


def test_a_small_validation_set_is_gone_through_whole_so_that_its_figures_stay_right(seen):
    found = seen["course"]
    assert {count for _, count in found["figures"]} == {80}
    assert len({right for right, _ in found["figures"][epochs(found) :]}) == 1


def test_a_large_validation_set_gives_one_batch_too(seen):
    found = seen["much_validation"]
    assert [count for _, count in found["figures"]] == [200] * epochs(found) + [25] * (40 - epochs(found))


def test_the_figure_is_in_the_tasks_unit_whatever_the_targets_scale(seen):
    for name in ("mass_in_means", "mass_standardised"):
        cut = seen[name]["cuts"][0]
        assert cut["metric"] == "mae"
        assert 20 < cut["value"] < 250


def test_weights_that_the_code_puts_back_stay_and_are_judged_whole(seen):
    found = seen["best_state"]
    assert found["kept"]
    assert found["judged"][1] == 200


def test_what_is_judged_after_the_loop_is_judged_whole(seen):
    assert seen["whole_in_the_end"]["judged"] == [200, 200]


def test_gradients_are_left_as_they_were(seen):
    """Many single batches would have piled up in them."""
    assert seen["accumulation"]["gradients"] == seen["accumulation_in_full"]["gradients"]


def test_new_data_after_the_loop_is_on_record(seen):
    without, with_test = seen["without_validation"]["claims"], seen["without_validation_but_a_test"]["claims"]
    assert [p["phase"] for p in without["passes"]].count("eval") == 0
    [judged] = [p for p in with_test["passes"] if p["phase"] == "eval"]
    assert (judged["samples"], judged["step"]) == (80, with_test["shortened"][0]["step"])
    assert with_test["split"]["eval_rows"] == 80


def test_training_data_alone_is_believed_later_than_validation(seen):
    assert epochs(seen["judged_on_training_data"]) >= 16
    assert epochs(seen["without_validation"]) >= 16


def test_rare_validation_needs_as_many_passes(seen):
    assert epochs(seen["judged_every_third_epoch"]) >= 22


def test_a_net_that_is_trained_after_another_is_trained_from_its_first_batch(seen):
    found = seen["one_net_after_the_other"]
    first, second = found["cuts"]
    assert [first["model_id"], second["model_id"]] == [0, 1]
    expected = [WHOLE] * first["epochs"] + [1] * (40 - first["epochs"])
    expected += [WHOLE] * second["epochs"] + [1] * (40 - second["epochs"])
    assert found["batches"] == expected
    last = next(e for e in found["claims"]["episodes"] if e["marked"])
    assert (last["model_id"], last["steps"], last["samples"]) == (1, second["step"], 200 * second["epochs"])
    assert all(loader["abandoned"] == 0 for loader in found["claims"]["loaders"])


def test_another_optimiser_on_the_same_net_really_steps(seen):
    found = seen["another_optimiser"]
    assert found["moves"][-1]
    assert [e["steps"] for e in found["claims"]["episodes"]] == [found["cuts"][0]["step"], 1]


def test_a_later_cell_trains_on_and_may_be_cut_again(seen):
    found = seen["cell_after_cell"]
    assert [cut["cell"] for cut in found["cuts"]] == [0, 1, 2]
    assert [cut["step"] for cut in found["cuts"]] == [
        WHOLE * sum(cut["epochs"] for cut in found["cuts"][: i + 1]) for i in range(3)
    ]


def test_a_loop_that_waits_for_more_training_gets_it(seen):
    found = seen["waits"]
    assert 200 < len(found["batches"]) < 400
    assert found["batches"][-1] == WHOLE


def test_a_run_out_of_time_is_marked_on_what_it_reached(seen):
    """The second net, begun later, is not trained at all, so the first one stays the last that was trained."""
    found = seen["no_time"]
    assert [(cut["reason"], cut["cell"], cut["step"], cut["epochs"]) for cut in found["cuts"]] == [
        ("time", 0, WHOLE, 1),
        ("time", 1, 0, 0),
    ]
    assert found["batches"] == [WHOLE, 1, 1, 1]
    assert found["moves"] == [False] * 3
    claims = found["claims"]
    assert [(e["model_id"], e["steps"], e["marked"]) for e in claims["episodes"]] == [(0, WHOLE, True)]
    assert [(p["phase"], p["samples"]) for p in claims["passes"]] == [("train", 200), ("eval", 200)]


def test_work_is_a_budget_too(seen):
    work, clock = seen["no_work_allowed"]["cuts"], seen["no_time"]["cuts"]
    assert {cut["reason"] for cut in work} == {"budget"}
    assert [cut | {"reason": "time"} for cut in work] == clock
    assert seen["no_work_allowed"]["batches"] == seen["no_time"]["batches"]


def test_work_does_not_depend_on_the_clock(seen):
    quick, slow = seen["some_work_allowed"]["cuts"], seen["same_work_on_a_slow_machine"]["cuts"]
    assert len(quick) == 1 and quick == slow
    assert quick[0]["reason"] == "budget"
    assert WHOLE < quick[0]["step"] < 40 * WHOLE


def test_passes_whose_gradients_are_added_up_are_work_too(seen):
    """Five passes of an epoch make one step."""
    one, five = (seen[name]["cuts"][0]["step"] for name in ("some_work_allowed", "accumulated_work"))
    assert five == pytest.approx(one / 5, abs=1)


def test_an_epoch_is_ended_when_its_time_is_over(seen):
    """The batches until then count, and the epoch is not taken for one that the code left."""
    found = seen["no_time_left_in_an_epoch"]
    assert found["batches"] == [WHOLE, 3, 1, 1]
    assert found["claims"]["episodes"][0]["steps"] == WHOLE + 3
    assert found["cuts"][0]["step"] == WHOLE + 3
    assert [loader["abandoned"] for loader in found["claims"]["loaders"]] == [0, 0]


def test_a_step_that_computes_the_loss_anew_changes_nothing_once_the_time_is_over(seen):
    found = seen["no_time_for_a_closure"]
    assert [cut["epochs"] for cut in found["cuts"]] == [1]
    assert found["moves"] == [True] + [False] * 18  # it ended with the second step


def test_what_cannot_be_read_is_a_note(seen):
    [note] = seen["rule_that_cannot_be_read"]["claims"]["notes"]
    assert "could not be followed" in note


def test_a_dear_training_far_past_the_level_need_not_come_to_rest(seen):
    assert 4 <= epochs(seen["far_past_and_dear"]) < 8 <= epochs(seen["far_past_and_cheap"])


def test_a_loop_without_an_end_is_ended_as_if_by_hand_once_its_budget_is_spent(seen):
    found = seen["no_time_in_a_loop_without_an_end"]
    assert found["stopped"].startswith("BudgetSpent: The rubric's budget")
    assert found["batches"][0] == WHOLE
    assert set(found["batches"][1:]) == {1}
    assert 10 <= len(found["batches"]) <= 25
    assert found["claims"]["notes"] == []
