"""Forged evidence that validates: planning, resolving and marking give a report with points that were earned."""

import math
import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import pipeline, tasks
from grader.checks import scoring
from grader.evidence.bundle import Evidence
from grader.evidence.model import Claims, EvidenceDocument, HeldOutClaims
from grader.predictions import plan, resolve
from grader.rubric import load_calibration, load_rubric
from grader.tasks import ellipses
from grader.tasks.model import RawInputs, Truth
from grader.types import Status, TaskId, TaskStatus

EXAMPLES = settings.get_profile("fuzz")
TABLE = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
HUGE = 2**53
SHOWN = 15  # held-out images
COUNTS = [0, 1, 2, 16, 1_000, HUGE]
NUMBERS = [None, 0.0, -0.0, 5e-324, -1.0, 0.5, 1e308, -1e308]
fills = st.sampled_from([0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf, 3e38, 1e308, 5e-324, 2.0**31, 255.0])
sizes = st.sampled_from([0, 1, 2, 14, 15, 16, 59, 60, 61, 300])
widths = st.sampled_from(
    [(), (0,), (1,), (3,), (4,), (10,), (33,), (300,), (1, 28, 28), (28, 28), (784,), (3, 32, 32), (2, 2, 2, 2)]
)
kinds = st.sampled_from(["f4", "f8", "f2", "i8", "u1", "i1", "?"])
NAMES = [f"{side}_{part}" for side in ("train", "eval") for part in ("inputs", "outputs", "loss_inputs", "targets")]
ANSWERS = ["predict_outputs", "replay_inputs", "replay_outputs", "replay_targets", "mapped_outputs"]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """A world for each task, with stand-in digits and few ellipses."""
    empty, cache_dir = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("cache")
    return {task: small(tasks.build_world(task, cache_dir=cache_dir, data_dir=empty)) for task in TaskId}


def small(world):
    """The world with fewer items: what is done with each does not depend on their number."""
    if world.heldout.images is None:
        training = RawInputs(table=world.training.table.iloc[::6])
        truth = Truth(
            *(None if t is None else t[::6] for t in (world.training_truth.labels, world.training_truth.values))
        )
        return replace(world, training=training, training_truth=truth)
    training = world.training
    if training.images is not None:
        training = RawInputs(images=training.images[:100])
    return replace(
        world,
        training=training,
        training_truth=part(world.training_truth, slice(100)),
        heldout=RawInputs(images=world.heldout.images[:SHOWN]),
        heldout_truth=part(world.heldout_truth, slice(SHOWN)),
        decoys=part(world.decoys, slice(SHOWN)),
    )


def part(truth, which):
    """Some of the targets."""
    return Truth(
        labels=None if truth.labels is None else truth.labels[which],
        values=None if truth.values is None else truth.values[which],
    )


def honest(world):
    """Arrays of a run in which all went well: raw inputs, targets as they are, and answers that are all wrong."""
    task, classes = world.task, world.training_truth.labels is not None
    if world.training.table is not None:
        columns = [name for name in TABLE if name in world.training.table]
        whole = (~world.training.table.isna().any(axis=1)).to_numpy()
        inputs = world.training.table[whole][columns].to_numpy(dtype=float)[:160]
        truth = (world.training_truth.labels if classes else world.training_truth.values)[whole][:160]
        shown = world.heldout.table[columns].to_numpy(dtype=float)
    elif task is TaskId.ELLIPSE_REGRESSION:
        images, truth = ellipses.draw(np.random.default_rng(1), 4)
        inputs, shown = (images / 255.0).transpose(0, 3, 1, 2), np.zeros((SHOWN, 1))
    else:
        inputs = world.training.images[:24, None] / 255.0
        truth, shown = world.training_truth.labels[:24], np.zeros((SHOWN, 1))
    width = tasks.get(task).outputs
    outputs = np.zeros((len(truth), width))
    answers = np.zeros((len(world.heldout), width))
    decoys = world.decoys.labels if classes else world.decoys.values
    found = {f"{side}_inputs": inputs for side in ("train", "eval")} | {"replay_inputs": shown}
    found |= {f"{side}_targets": truth for side in ("train", "eval")} | {"replay_targets": decoys}
    found |= {name: outputs for name in NAMES if "outputs" in name or "loss" in name}
    found |= {name: answers for name in ANSWERS if "outputs" in name}
    return {name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in found.items()}


@st.composite
def array(draw, original):
    """An array of any numeric type, shape and content, or the original with something wrong in it."""
    how = draw(st.sampled_from(["made", "made", "holes", "cut", "repeated", "scaled", "constant", "typed", "mixed"]))
    fill = draw(fills)
    if how == "made" or not original.size:
        return np.full((draw(sizes), *draw(widths)), fill).astype(draw(kinds))
    if how == "holes":
        copy = original.astype(np.float64)
        copy.reshape(-1)[:: draw(st.sampled_from([1, 2, 7, 1_000]))] = fill
        return copy
    if how == "cut":
        return original[: draw(sizes)]
    if how == "repeated":
        return np.repeat(original[:40], draw(st.sampled_from([2, 3])), axis=draw(st.integers(0, original.ndim - 1)))
    if how == "scaled":
        return original * np.float64(fill)
    if how == "constant":
        return np.broadcast_to(original[:1], original.shape).copy()
    if how == "typed":
        return original.astype(draw(kinds))
    return original[np.random.default_rng(draw(st.integers(0, 9))).permutation(len(original))]


def claims(task, seed):
    """Claims that validate and make no sense. Chosen by one seed: drawn one by one they would take most of the time."""
    one = random.Random(seed).choice

    def curve():
        return [{"step": one(COUNTS), "loss": one(NUMBERS)} for _ in range(one([0, 1, 2, 6]))]

    fields = ["steps", "backwards", "zero_grads", "steps_with_empty_gradients", "zeroed_before_step", "samples"]
    episode = {name: one(COUNTS) for name in fields} | {
        "optimiser": {"kind": one(["Adam", ""]), "lr": one(NUMBERS)},
        "model_class": "Net",
        "marked": one([True, True, False]),
        "weight_change": one(NUMBERS),
    }
    kind = one(["cross_entropy", "nll_loss", "mse_loss", "custom", "l1_loss", "binary_cross_entropy"])
    loss = {"kind": kind, "phase": "train", "calls": one(COUNTS), "target_form": one(["index", "float"])}
    seen = {"phase": one(["train", "eval"]), "forwards": one(COUNTS), "samples": one(COUNTS)}
    net = {
        "class_name": "Net",
        "parameters": one(COUNTS),
        "trainable_parameters": one(COUNTS),
        "operations": [{"name": name, "output_shape": [1, 3]} for name in one([[], ["addmm"] * 3])],
        "output_shape": one([None, [], [0], [8, 3], [2**40] * 16]),
        "linearity": one(NUMBERS),
    }
    return {
        "schema_version": 1,
        "task": task,
        "complete": one([True, False]),
        "architecture": one([net, net, None]),
        "episodes": [episode],
        "losses": [loss],
        "train_curve": curve(),
        "eval_curve": curve(),
        "passes": [seen | {"step": one(COUNTS), "steps": one(COUNTS), "loss": one(NUMBERS)}],
        "split": {"train_rows": one(COUNTS), "eval_rows": one(COUNTS), "shared_rows": one([None, *COUNTS])},
        "names": one([[], ["predict"]]),
    }


@cache
def originals(world_id):
    """Honest arrays of a world, made once."""
    return honest(WORLDS[world_id])


WORLDS = {}


@st.composite
def evidence(draw):
    """One run whose claims validate, with some arrays as an honest run would have them and others forged."""
    task = draw(st.sampled_from(list(TaskId)))
    arrays = {}
    for name, sound in originals(task).items():
        what = draw(st.sampled_from(["sound", "sound", "forged", "missing"]))
        if what != "missing":
            with np.errstate(all="ignore"):
                arrays[name] = sound if what == "sound" else draw(array(sound))
    methods = ("predict", "replay", "input-map")
    heldout = {"schema_version": 1, "attempts": [{"method": m, "ok": draw(st.booleans())} for m in methods]}
    if draw(st.integers(0, 5)) == 0:
        heldout["predict_labels"] = draw(st.lists(st.sampled_from(["Adelie", "gentoo x", "", "7", "?"]), max_size=70))
    return document(
        task, claims=claims(task, draw(st.integers(0, 2**31))), heldout=draw(st.sampled_from([heldout, heldout, None]))
    ), arrays


def document(task, **fields):
    """A document as the host writes it around claims."""
    host = {"isolation": "process", "exit": "finished", "wall_s": 5.0, "cpu_s": 4.0}
    cells = [{"index": 0, "status": "ok", "lines": 4}]
    whole = {"student": "s", "task": task, "file": "a.ipynb", "digest": "d", "host": host, "cells": cells}
    return EvidenceDocument.model_validate(whole | fields)


@pytest.fixture(scope="module", autouse=True)
def known_worlds(worlds):
    """Worlds, rubrics and calibrations are the same for all examples, so each is made once."""
    WORLDS.update(worlds)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("rubric_for", "calibration_for"):
            patch.setattr(pipeline, name, once(getattr(pipeline, name)))
        yield


def once(function):
    """The function with its answers kept."""
    known = {}

    def answer(task, *rest, **settings):
        key = task, *sorted(settings.items())
        if key not in known:
            known[key] = function(task, *rest, **settings)
        return known[key]

    return answer


@cache
def checks_of(task):
    """The check of each criterion."""
    return {criterion.id: criterion.check for criterion in load_rubric(task).criteria}


@cache
def level_of(task, stand_in):
    """The held-out level for full marks."""
    return load_calibration(task, stand_in=stand_in).reference


def earned(world, found):
    """The share of the way from guessing to full marks that these predictions reach, worked out anew."""
    level = level_of(world.task, world.stand_in)
    measured = scoring.measure(tasks.get(world.task), world, found, reference=level)
    return 0.0 if measured is None else measured.share


@EXAMPLES
@given(run=evidence())
@pytest.mark.filterwarnings("error")
def test_forged_evidence_is_marked_by_what_its_predictions_earn(run):
    told, arrays = run
    world = WORLDS[told.task]
    forged = Evidence(told, arrays)
    sent = plan(world, forged)
    assert all(array.dtype == np.float32 and len(array) <= len(world.heldout) for array in sent.values())
    found = resolve(world, forged)
    result = pipeline.mark_evidence(forged, world, pipeline.Settings()).result
    assert math.isfinite(result.points)
    assert 0 <= result.points <= result.max_points
    for criterion in result.criteria:
        assert math.isfinite(criterion.points)
        assert 0 <= criterion.points <= criterion.max_points
        assert "nan" not in criterion.found.split()
    held_out = next(c for c in result.criteria if checks_of(told.task)[c.id] == "held-out")
    assert held_out.points <= held_out.max_points * earned(world, found) + 0.01


@pytest.mark.parametrize("task", TaskId)
def test_the_originals_of_the_forgeries_are_read(task):
    """The mutations start from arrays that lead to a map, to targets and to predictions on held-out data."""
    world, arrays = WORLDS[task], dict(originals(task))
    told = document(task, heldout={"schema_version": 1})
    sent = plan(world, Evidence(told, arrays))["mapped_inputs"]
    assert len(sent)
    count = len(resolve(world, Evidence(told, arrays)).values if task in REGRESSION else world.heldout)
    assert count == len(world.heldout)


REGRESSION = (TaskId.PENGUINS_REGRESSION, TaskId.ELLIPSE_REGRESSION)


# --- what does not validate ---------------------------------------------------------------------------------------

REASON = "evidence.json does not have the agreed form at episodes: List should have at most 32 items."


@pytest.mark.parametrize("task", TaskId)
def test_evidence_that_does_not_validate_leaves_its_criteria_open(task):
    """No claims and a reason: every criterion that needs claims is open and says why, and none loses points for it."""
    told = document(task, problems=[REASON])
    result = pipeline.mark_evidence(Evidence(told), WORLDS[task], pipeline.Settings()).result
    assert result.status is TaskStatus.NEEDS_REVIEW
    for criterion in result.criteria:
        assert criterion.status is Status.NEEDS_REVIEW, criterion.id
        assert REASON in criterion.found, checks_of(task)[criterion.id]
    assert any("still open, not lost" in note for note in result.notes)
    assert REASON in result.notes


@pytest.mark.parametrize("exit", ["crashed", "wall-time"])
def test_a_run_that_died_and_left_nothing_is_open_where_claims_are_needed(exit):
    """What the cells did is known from outside; whatever else is asked for stays open."""
    task = TaskId.PENGUINS_CLASSIFICATION
    host = {"isolation": "process", "exit": exit, "sentence": "The run was ended."}
    told = document(task, host=host, problems=["The run wrote no evidence.json."])
    result = pipeline.mark_evidence(Evidence(told), WORLDS[task], pipeline.Settings()).result
    assert result.status is TaskStatus.NEEDS_REVIEW
    for criterion in result.criteria:
        wanted = Status.PARTIAL if checks_of(task)[criterion.id] == "runs" else Status.NEEDS_REVIEW
        assert criterion.status is wanted, criterion.id


@pytest.mark.parametrize("task", TaskId)
def test_held_out_claims_that_do_not_validate_leave_one_criterion_open(task):
    """The claims hold and the net was trained: only the held-out criterion waits for a person, and says why."""
    reason = "heldout.json is not valid JSON."
    sound = Claims.model_validate(SOUND | {"task": task})
    told = document(task, claims=sound, heldout=None, problems=[reason])
    arrays = {name: array for name, array in originals(task).items() if name.startswith("train_")}
    result = pipeline.mark_evidence(Evidence(told, arrays), WORLDS[task], pipeline.Settings()).result
    assert result.status is TaskStatus.NEEDS_REVIEW
    held_out = next(c for c in result.criteria if checks_of(task)[c.id] == "held-out")
    assert held_out.status is Status.NEEDS_REVIEW
    assert reason in held_out.found
    assert [c for c in result.criteria if c.status is Status.HARNESS_ERROR] == []


SOUND = {
    "schema_version": 1,
    "task": "penguins-classification",
    "complete": True,
    "episodes": [
        {
            "optimiser": {"kind": "Adam"},
            "model_class": "Net",
            "marked": True,
            "steps": 100,
            "backwards": 100,
            "zero_grads": 100,
            "weight_change": 0.5,
        }
    ],
    "losses": [{"kind": "cross_entropy", "phase": "train", "calls": 100}],
}


def test_held_out_claims_without_their_arrays_are_no_answers():
    """``heldout.json`` that says all went well, and nothing beside it."""
    task = TaskId.PENGUINS_CLASSIFICATION
    attempts = [{"method": "predict", "ok": True}]
    told = document(task, heldout=HeldOutClaims.model_validate({"schema_version": 1, "attempts": attempts}))
    assert resolve(WORLDS[task], Evidence(told)).method is None
    assert replace(Evidence(told)).arrays == {}
