"""Each contradiction is found where one claim was forged, and nothing is found in the honest twin."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evidence_examples import claims, context, guesses, untouched
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_hostile_numbers import hostile_claims

from grader import tasks
from grader.checks.contradictions import RULES, contradictions
from grader.checks.sides import shared_share
from grader.evidence.bundle import Evidence
from grader.tasks.model import Truth
from grader.types import Method, TaskId

SPECIES, MASS, MNIST, ELLIPSE = TaskId
PROBE = Path(__file__).parents[2] / "grader" / "probe"
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]


def ids(ctx):
    """Which pairs of facts do not go together."""
    return [found.id for found in contradictions(ctx)]


def host(**facts):
    """The document's host facts after a normal run of a notebook, with some changed."""
    return {"host": {"isolation": "bubblewrap", "exit": "finished", "wall_s": 9.0, "cpu_s": 8.0} | facts}


def cells(status="ok", seconds=1.0):
    return {"cells": [{"index": i, "status": status, "lines": 4, "wall_s": seconds} for i in range(4)]}


@pytest.mark.parametrize("task", TaskId)
def test_sound_and_unfinished_work_has_none(task):
    assert contradictions(context(task)) == []
    assert contradictions(untouched(task)) == []
    assert contradictions(context(task, doc={"claims": None, "heldout": None}, guess=guesses(None))) == []


def test_honest_trainings_in_unusual_manners_have_none(tmp_path):
    """What the recorder really writes goes together, whatever the manner of the training."""
    shutil.copytree(PROBE, tmp_path / "grader_probe")
    script = Path(__file__).with_name("odd_trainings.py")
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert len(seen) >= 15
    assert sum(any(episode["marked"] for episode in told["episodes"]) for told in seen.values()) >= len(seen) - 1
    found = {name: contradictions(context(doc={"claims": told} | host(), data={})) for name, told in seen.items()}
    assert {name: odd for name, odd in found.items() if odd} == {}


SLOW_CELLS = cells(seconds=0.005)
FORGED = {
    "steps-and-time": (
        {"doc": host(cpu_s=12.0), "episodes__0__steps": 600_000, "episodes__0__backwards": 600_000},
        {"doc": host(cpu_s=300.0), "episodes__0__steps": 600_000, "episodes__0__backwards": 600_000},
        "600,000 optimiser steps and 600,000 backward passes, yet the run used 12.0 s of processor time",
    ),
    "steps-and-cells": (
        {"doc": host() | cells("not-run", 0.0)},
        {"doc": host() | cells("not-run", 0.0) | {"file": "net.py"}},
        "1,000 optimiser steps, yet no cell of the notebook was run",
    ),
    "complete-and-ended": (
        {"doc": host(exit="memory") | {"heldout": None}},
        {"doc": host(exit="memory") | {"heldout": None}, "complete": False},
        "yet its process had ended",
    ),
    "several-last-trainings": (
        {"episodes": [claims(SPECIES)["episodes"][0]] * 2},
        {"episodes": [claims(SPECIES)["episodes"][0], claims(SPECIES)["episodes"][0] | {"marked": False}]},
        "names 2 trainings as the last one",
    ),
    "parameter-counts": (
        {"architecture__parameters": 1_000_000},
        {"architecture__parameters": 500},
        "1,000,000 parameters, yet those that it lists make up 500",
    ),
    "weight-changes": (
        {"architecture__parameter_list__0__change": 0.0},
        {"architecture__parameter_list__0__change": 1e-9},
        "moved the weights, yet by the same log none of the parameters changed",
    ),
    "samples-and-batches": (
        {"episodes__0__samples": 60_000_000},
        {"episodes__0__samples": 60_000},
        "60,000,000 items led to 1,000 steps",
    ),
    "shared-rows": (
        {"split__shared_rows": 61},
        {"split__shared_rows": 60},
        "61 rows were trained on and judged on, yet it counts only 160 and 60 of them",
    ),
    "curve-and-steps": (
        {"episodes__0__steps": 900},
        {"episodes__0__steps": 1000},
        "go up to step 1,000, yet the log counts 900 optimiser steps",
    ),
    "cut-and-steps": (
        {"shortened": [{"reason": "converged", "model_id": 0, "step": 5_000, "epochs": 9}]},
        {"shortened": [{"reason": "converged", "model_id": 0, "step": 1_000, "epochs": 9}]},
        "cut short after 5,000 steps, yet it counts 1,000 of them",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_log_that_contradicts_itself_or_the_host(name):
    forged, honest, words = FORGED[name]
    assert ids(context(**honest)) == []
    [found] = contradictions(context(**forged))
    assert found.id == name
    assert words in found.sentence
    assert found.sentence.endswith(".")


def test_more_steps_than_the_cells_had_time_for():
    """The processor may have been busy elsewhere; in a notebook training happens in cells."""
    forged = context(doc=host() | cells(seconds=0.005))
    assert "20,000" not in str(contradictions(forged))
    assert ids(forged) == ["steps-and-time"]
    assert "0.0200 s for all its cells" in contradictions(forged)[0].sentence
    assert ids(context(doc=host() | cells(seconds=0.2))) == []
    assert ids(context(doc=host() | cells(seconds=0.005) | {"file": "net.py"})) == []
    assert ids(context(doc=host(cpu_s=None))) == []


def test_a_curve_with_more_points_than_steps():
    flat = [{"step": 5, "loss": 1.0}] * 60
    few = {
        "episodes__0__steps": 12,
        "episodes__0__samples": 192,
        "episodes__0__distinct_batches": 12,
        "eval_curve": [],
        "passes": [],
    }
    assert ids(context(train_curve=flat, **few)) == ["curve-and-steps"]
    assert ids(context(train_curve=flat[:12], **few)) == []


def test_a_part_of_the_net_larger_than_the_whole():
    assert ids(context(architecture__layers__0__parameters=501)) == ["parameter-counts"]
    assert ids(context(architecture__trainable_parameters=501)) == ["parameter-counts"]
    assert ids(context(architecture__trainable_parameters=10)) == []


def test_moved_weights_in_a_training_that_moved_none():
    assert ids(context(episodes__0__weight_change=0.0)) == ["weight-changes"]
    assert ids(context(episodes__0__weight_change=None)) == []


def test_fewer_items_than_the_batches_held():
    assert ids(context(episodes__0__samples=800 * 16 - 1)) == ["samples-and-batches"]
    assert ids(context(episodes__0__samples=800 * 16)) == []
    assert ids(context(episodes__0__samples=0, episodes__0__batch_sizes=list(range(1, 17)))) == []


def epochs(losses):
    """Training passes of 100 steps each."""
    whole = {"phase": "train", "forwards": 100, "samples": 1600, "steps": 100, "in_training_mode": 100}
    return [whole | {"loss": loss, "step": 100 * (i + 1)} for i, loss in enumerate(losses)]


def test_a_forged_curve_beside_the_passes():
    """The curve fell, but the passes it is made of did not."""
    told = claims(SPECIES)["train_curve"]
    means = [float(np.mean([p["loss"] for p in told[10 * i : 10 * i + 10]])) for i in range(10)]
    assert ids(context(passes=epochs(means))) == []
    assert ids(context(passes=epochs([1.1] * 10))) == ["curve-and-passes"]
    assert ids(context(passes=epochs([1.2 * mean for mean in means]))) == []
    assert ids(context(passes=epochs([1.5 * mean for mean in means]))) == ["curve-and-passes"]
    between = [point | {"step": point["step"] - 3} for point in told] + [told[-1]]
    assert ids(context(passes=epochs([1.5 * mean for mean in means]), train_curve=between)) == []
    assert ids(context(passes=epochs([4.0 * mean for mean in means]), train_curve=between)) == ["curve-and-passes"]
    assert ids(context(passes=epochs([means[0], None, *means[2:]]))) == []
    assert ids(context(passes=epochs([1.1] * 10), train_curve=[{"step": 1000, "loss": 0.1}])) == []
    beside = [claims(SPECIES)["episodes"][0], claims(SPECIES)["episodes"][0] | {"marked": False, "model_id": 1}]
    assert ids(context(passes=epochs([1.1] * 10), episodes=beside)) == []
    unknown = [point | {"loss": None} for point in told]
    assert ids(context(passes=epochs([1.1] * 10), train_curve=unknown)) == []


def test_learning_without_moving():
    """Loss that falls over many steps while every weight stays what it was."""
    still = {
        "episodes__0__weight_change": 0.0,
        "episodes__0__optimiser__parameter_tensors": 1,
        "architecture__parameter_list__0__change": 0.0,
    }
    [found] = contradictions(context(**still))
    assert found.id == "loss-and-weights"
    assert "every weight was what it had been" in found.sentence
    level = [{"step": 10 * (i + 1), "loss": 1.1} for i in range(100)]
    assert ids(context(**still, train_curve=level)) == []
    assert ids(context(**still | {"episodes__0__optimiser__parameter_tensors": 2})) == []  # it learnt something else
    assert ids(context(**still, losses__0__kind="custom")) == []
    again = claims(SPECIES)["episodes"][0] | {"marked": False, "weight_change": 0.8}
    assert (
        ids(
            context(
                **{k: v for k, v in still.items() if "episodes" not in k},
                episodes=[claims(SPECIES)["episodes"][0] | {"weight_change": 0.0}, again],
            )
        )
        == []
    )


@pytest.mark.parametrize(("task", "slight", "strong"), [(SPECIES, 0.1, 0.6), (MASS, 0.3, 2.0)])
def test_two_ways_that_disagree_strongly(task, slight, strong):
    honest = context(task)
    assert ids(replace(honest, predictions=replace(honest.predictions, disagreement=slight))) == []
    [found] = contradictions(replace(honest, predictions=replace(honest.predictions, disagreement=strong)))
    assert found.id == "two-ways"
    assert f"{100 * strong:.0f}%" in found.sentence


# --- with real penguins -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    cache, empty = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("data")
    return {task: tasks.build_world(task, cache_dir=cache, data_dir=empty) for task in (SPECIES, MASS)}


def inputs_of(table, task):
    """Standardised measurements and the sex of rows without gaps."""
    values = table[NUMBERS].to_numpy(float)
    scaled = (values - [44.0, 17.0, 200.0]) / [5.5, 2.0, 14.0]
    return np.hstack([scaled, (table["sex"] == "male").to_numpy(float)[:, None]]).astype(np.float32)


def targets_of(truth, rows):
    return truth.labels[rows] if truth.labels is not None else truth.values[rows].astype(np.float32) / 1000


def answers(task, targets, *, right=True):
    """Outputs of a net that is right, or one that always says the same."""
    if task is MASS:
        return (targets if right else np.full_like(targets, 1.0)) + np.float32(0.01)
    return np.eye(3, dtype=np.float32)[targets if right else np.zeros_like(targets)]


def penguins(world, *, extra=None, share_right=True, held_right=False, method=Method.INPUT_MAP, **places):
    """A run on real penguins: the first 200 rows trained on, the others judged; ``extra``: rows trained on as well."""
    task = world.task
    usable = np.flatnonzero(~world.training.table.isna().any(axis=1).to_numpy())
    usable = np.random.default_rng(0).permutation(usable)
    first, rest = usable[:200], usable[200:]
    train = inputs_of(world.training.table.iloc[first], task)
    if extra is not None:
        train = np.concatenate([train, inputs_of(extra, task)])
    wanted = targets_of(world.training_truth, rest)
    arrays = {
        "train_inputs": train,
        "eval_inputs": inputs_of(world.training.table.iloc[rest], task),
        "eval_targets": wanted,
        "eval_outputs": answers(task, wanted, right=share_right),
        "eval_loss_inputs": answers(task, wanted, right=share_right),
    }
    n, truth = len(world.heldout), world.heldout_truth
    if task is MASS:
        held = guesses(method, values=truth.values + 1.0 if held_right else np.full((n, 1), 1010.0))
    else:
        held = guesses(method, labels=truth.labels if held_right else np.zeros(n, np.int64))
    judged = {"phase": "eval", "forwards": 8, "samples": len(rest), "step": 1000}
    passes = [claims(task)["passes"][0], judged]
    ctx = context(task, guess=held, data=arrays, **{"passes": passes, "train_curve": [], "eval_curve": []} | places)
    return replace(ctx, world=world, spec=tasks.get(task))


@pytest.mark.parametrize("task", [SPECIES, MASS])
def test_trained_on_rows_that_were_not_handed_out(worlds, task):
    world = worlds[task]
    assert ids(penguins(world, held_right=True)) == []
    assert ids(penguins(world, held_right=True, extra=world.heldout.table.iloc[:3])) == []
    [found] = contradictions(penguins(world, held_right=True, extra=world.heldout.table))
    assert found.id == "trained-on-held-out"
    assert "among the 60 held-out ones" in found.sentence
    noisy = world.heldout.table.copy()
    noisy[NUMBERS] += np.random.default_rng(1).normal(0, 0.3, (60, 3))
    assert ids(penguins(world, held_right=True, extra=noisy)) == []


@pytest.mark.parametrize("task", [SPECIES, MASS])
def test_nearly_perfect_validation_and_held_out_guesses(worlds, task):
    world = worlds[task]
    [found] = contradictions(penguins(world))
    assert found.id == "validation-and-held-out"
    assert ("right, yet of the held-out items 33%" if task is SPECIES else "g on validation rows") in found.sentence
    assert ids(penguins(world, held_right=True)) == []
    assert ids(penguins(world, share_right=False)) == []


@pytest.mark.parametrize(
    "excuse",
    [
        {"method": Method.PREDICT},  # a predict() with a fault of its own
        {"split__shared_rows": 60},  # it remembers what it was judged on
        {"split__shared_rows": None},
        {"passes__1__step": 500},  # trained on afterwards
        {"passes__1__in_training_mode": 8},  # BatchNorm by the statistics of each batch
        {"passes__1__samples": 3},  # the recorded rows are of an earlier pass
    ],
    ids=str,
)
def test_validation_that_cannot_be_compared(worlds, excuse):
    """What an honest fault explains as well is no contradiction."""
    world = worlds[SPECIES]
    base = penguins(world)
    assert ids(base) == ["validation-and-held-out"]
    if "method" in excuse:
        assert ids(penguins(world, **excuse)) == []
        return
    place, value = next(iter(excuse.items()))
    parts = place.split("__")
    if parts[0] == "passes":
        passes = [entry.model_dump() for entry in base.claims.passes]
        passes[1][parts[2]] = value
        passes[0]["step"] = 1000
        assert ids(penguins(world, passes=passes)) == []
    else:
        assert ids(penguins(world, **excuse)) == []


def test_a_target_among_the_inputs_is_no_contradiction(worlds):
    """With the answer among the inputs validation is perfect, and held-out rows come without it."""
    world = worlds[MASS]
    base = penguins(world)
    arrays = dict(base.evidence.arrays)
    usable = np.flatnonzero(~world.training.table.isna().any(axis=1).to_numpy())
    trained_on = np.random.default_rng(0).permutation(usable)[:200]
    for side, mass in (
        ("train", targets_of(world.training_truth, trained_on)),
        ("eval", arrays["eval_targets"]),
    ):
        arrays[f"{side}_inputs"] = np.hstack([arrays[f"{side}_inputs"], mass])
    assert ids(base) == ["validation-and-held-out"]
    assert ids(replace(base, evidence=Evidence(base.document, arrays))) == []


# --- which rows of the table both sides are made of ------------------------------------------------------------------


@pytest.mark.parametrize("task", [SPECIES, MASS])
def test_rows_are_known_again_although_each_side_was_standardised_by_itself(worlds, task):
    """Trained on all rows, judged on some of them, no number of one side being on the other."""
    world = worlds[task]
    base = penguins(world, split={"train_rows": 270, "eval_rows": 70, "shared_rows": 0})
    rest = base.evidence.arrays["eval_inputs"]

    def share(trained_on):
        arrays = base.evidence.arrays | {
            "train_inputs": (trained_on * np.float32(1.07) + np.float32(0.31)).astype(np.float32),
            "eval_inputs": rest,
        }
        return shared_share(replace(base, evidence=Evidence(base.document, arrays)))

    whole = np.concatenate([base.evidence.arrays["train_inputs"], rest])
    assert share(whole) == 1.0
    assert share(base.evidence.arrays["train_inputs"]) == 0.0
    assert shared_share(base) == 0.0
    noise = np.random.default_rng(0).normal(0, 0.05, whole.shape).astype(np.float32)
    assert share(whole + noise) == 0.0


# --- whatever is forged ---------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile_claims(), st.sampled_from([0.0, 1e-320, 1.0, 1e308]), st.sampled_from(list(TaskId)))
def test_nonsense_never_raises(forged, seconds, task):
    doc = host(cpu_s=seconds) | {"claims": forged | {"task": task}}
    values = np.array([[np.nan, 1e38, -0.0, 5.0]] * 12, np.float32)
    data = dict.fromkeys(("train_inputs", "eval_inputs", "eval_outputs", "eval_targets"), values)
    for guess in (None, guesses(Method.REPLAY, labels=np.full(60, -5), values=np.full((60, 1), np.inf))):
        found = contradictions(context(task, guess=guess, data=data, doc=doc))
        assert all(odd.id in RULES and odd.sentence.endswith(".") and "nan" not in odd.sentence for odd in found)


def test_a_held_out_truth_of_another_shape_is_left_alone(worlds):
    ctx = penguins(worlds[SPECIES])
    odd = replace(ctx.predictions, truth=Truth(labels=np.zeros(3, np.int64)))
    assert ids(replace(ctx, predictions=odd)) == []
