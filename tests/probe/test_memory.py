"""Remembered items never change a training, and whatever cannot be remembered safely is built each time."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("memory scenarios")
PROBE = Path(__file__).parents[2] / "grader" / "probe"
LEFT_ALONE = [
    "torch draws", "numpy draws", "python draws", "draws without use", "ellipses", "seldom", "unseen", "begins to draw",
    "in place", "no room", "gradients", "counting", "buffered",
]  # fmt: skip
REMEMBERED = [
    "deterministic", "one by one", "shared", "attribute", "global", "tensor in place", "cap", "workers", "random split",
    "two parts of one", "concatenated", "values", "inference mode", "cached", "exceptions", "channels last",
    "cut from a wider one", "expanded", "array views",
]  # fmt: skip
NEVER_ASKED = ["custom collate", "tensors"]
ROWS, EPOCHS = 48, 5


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """All scenarios, run once in a process of their own."""
    folder = tmp_path_factory.mktemp("memory")
    shutil.copytree(PROBE, folder / "grader_probe")
    script = Path(__file__).with_name("memory_scenarios.py")
    done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [*LEFT_ALONE, *REMEMBERED, *NEVER_ASKED, "index out of range"])
def test_batches_weights_random_states_and_errors_are_bit_identical(seen, name):
    assert seen[name]["same"]


@pytest.mark.parametrize("name", REMEMBERED)
def test_items_that_come_out_alike_are_built_a_few_times_only(seen, name):
    before, after = seen[name]["built"]
    assert seen[name]["remembered"] > 0
    assert after < before
    assert not any(seen[name]["left alone"])


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_data_sets_that_may_give_anything_else_are_left_alone_for_good(seen, name):
    assert seen[name]["left alone"] == [True]
    assert seen[name]["taken"] == 0


def test_an_item_is_really_built_twice_and_then_only_in_samples(seen):
    loops = 1 + EPOCHS + EPOCHS  # a look at one batch, training, validation; each begins with one real build
    checks = loops + ROWS * 2 * EPOCHS // 128
    assert 2 * ROWS <= seen["deterministic"]["built"][1] <= 2 * ROWS + checks
    assert seen["deterministic"]["remembered"] == ROWS


@pytest.mark.parametrize("name", ["attribute", "global", "tensor in place"])
def test_a_change_that_can_be_seen_forgets_everything_once(seen, name):
    assert seen[name]["remembered"] == 2 * ROWS
    assert 4 * ROWS <= seen[name]["built"][1] < seen[name]["built"][0]


@pytest.mark.parametrize("name", ["in place", "unseen", "begins to draw"])
def test_a_change_that_cannot_be_seen_is_found_by_a_real_build_at_the_start_of_the_pass(seen, name):
    assert seen[name]["remembered"] == ROWS
    assert seen[name]["left alone"] == [True]


def test_one_row_that_was_written_to_is_found_by_and_by(seen):
    assert 3 < seen["one row"] < 500


@pytest.mark.parametrize("name", ["torch draws", "numpy draws", "python draws", "draws without use", "seldom"])
def test_random_items_are_never_remembered(seen, name):
    assert seen[name]["remembered"] == 0
    assert seen[name]["built"][0] == seen[name]["built"][1]


def test_no_more_is_remembered_than_there_is_memory_for(seen):
    assert 15_000 < seen["cap"]["taken"] <= 20_000
    assert 0 < seen["cap"]["remembered"] < ROWS
    assert seen["no room"]["remembered"] == 0


@pytest.mark.parametrize("name", NEVER_ASKED)
def test_custom_collation_and_ready_tensors_are_none_of_its_business(seen, name):
    assert seen[name]["left alone"] == []
    assert seen[name]["built"][0] == seen[name]["built"][1]


def test_worker_processes_build_their_own_items(seen):
    assert seen["workers"]["remembered"] == ROWS  # by the validation loops, which have no workers


def test_parts_of_one_data_set_share_what_is_remembered(seen):
    """Indices of different types may mean different items, so each type has its own."""
    assert len(seen["two parts of one"]["left alone"]) == len(seen["random split"]["left alone"]) == 1
    assert seen["random split"]["remembered"] == ROWS


def test_items_before_a_failing_one_are_remembered_and_it_fails_each_time(seen):
    assert seen["exceptions"]["remembered"] == 40
    assert seen["index out of range"]["remembered"] == 0


def test_what_was_remembered_is_claimed(seen):
    assert seen["claimed"] == ROWS
