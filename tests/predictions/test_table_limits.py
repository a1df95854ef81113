"""Tables that tell only part of the story: single columns, engineered columns, own statistics, missing values."""

import numpy as np
import pytest

from grader.predictions import plan, resolve
from grader.predictions.model import NotProven
from grader.predictions.table_map import infer
from grader.types import Method, TaskId

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
SPECIES, MASS = TaskId.PENGUINS_CLASSIFICATION, TaskId.PENGUINS_REGRESSION


def standardised(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


def masses(world, make_evidence, columns, **answers):
    """Evidence of a regression on these columns as they are, with targets in kilograms."""
    whole = (~world.training.table.isna().any(axis=1)).to_numpy()
    inputs = columns(world.training.table[whole]).astype(float)
    targets = world.training_truth.values[whole] / 1000
    return make_evidence(MASS, train_inputs=inputs, train_targets=targets, **answers)


def with_ratio(table):
    numbers = table[NUMBERS[:3]].to_numpy(float)
    return np.hstack([numbers, numbers[:, :1] / numbers[:, 1:2]])


@pytest.mark.parametrize("column", NUMBERS)
def test_one_standardised_measurement_is_recognised(worlds, column):
    known = worlds[SPECIES].training.table.dropna()
    found = infer(standardised(known[[column]].to_numpy(float)), worlds[SPECIES].training.table)
    assert [c.column for c in found.columns] == [column]


def test_one_measurement_scaled_in_no_usual_way_proves_nothing(worlds):
    known = worlds[SPECIES].training.table.dropna()
    with pytest.raises(NotProven):
        infer(known[["flipper_length_mm"]].to_numpy(float) * 7.3 + 11, worlds[SPECIES].training.table)


@pytest.mark.parametrize("shape", [np.sqrt, np.log1p, np.log10])
def test_usual_transformations_of_measurements_are_undone(worlds, shape):
    world = worlds[SPECIES]
    known = world.training.table.dropna()
    found = infer(shape(known[NUMBERS].to_numpy(float)), world.training.table)
    expected = shape(world.heldout.table[NUMBERS].to_numpy(float))
    np.testing.assert_allclose(found.apply(world.heldout.table), expected, rtol=1e-5)


@pytest.mark.parametrize("sex_of_missing", [0.0, 0.5, 1.0])
def test_rows_with_a_missing_category_are_known_rows(worlds, sex_of_missing):
    known = worlds[SPECIES].training.table.dropna(subset=NUMBERS)
    assert known["sex"].isna().any()
    sex = known["sex"].map({"male": 1.0, "female": 0.0}).fillna(sex_of_missing).to_numpy()[:, None]
    found = infer(np.hstack([known[NUMBERS], sex]).astype(float), worlds[SPECIES].training.table)
    assert found.complete


def test_a_column_made_of_others_is_no_hindrance_to_a_rebuilt_data_set(worlds, make_evidence):
    world = worlds[MASS]
    order = np.random.default_rng(3).permutation(60)
    grams = world.heldout_truth.values
    evidence = masses(
        world,
        make_evidence,
        with_ratio,
        replay_inputs=with_ratio(world.heldout.table)[order],
        replay_outputs=grams[order] / 1000,
        replay_targets=world.decoys.values[order] / 1000,
    )
    assert plan(world, evidence) == {}
    found = resolve(world, evidence)
    assert found.method is Method.REPLAY
    np.testing.assert_allclose(found.values, grams, rtol=1e-4)


def test_a_data_set_that_scales_by_its_own_statistics_gives_way_to_the_map(worlds, make_evidence):
    """The rebuilt rows are scaled in another way than those the net was trained on."""
    world = worlds[MASS]
    grams = world.heldout_truth.values
    evidence = masses(
        world,
        make_evidence,
        lambda t: standardised(t[NUMBERS[:3]].to_numpy(float)),
        replay_inputs=standardised(world.heldout.table[NUMBERS[:3]].to_numpy(float)),
        replay_outputs=np.zeros((60, 1)),
        replay_targets=world.decoys.values / 1000,
        mapped_outputs=grams / 1000,
    )
    found = resolve(world, evidence)
    assert found.method is Method.INPUT_MAP
    assert any("0 of 60" in reason for reason in found.refused)
    np.testing.assert_allclose(found.values, grams, rtol=1e-4)


def test_logarithms_of_masses_are_undone(worlds, make_evidence):
    world = worlds[MASS]
    whole = (~world.training.table.isna().any(axis=1)).to_numpy()
    evidence = make_evidence(
        MASS,
        train_inputs=world.training.table[whole][NUMBERS[:3]].to_numpy(float),
        train_targets=np.log(world.training_truth.values[whole]),
        mapped_outputs=np.log(world.heldout_truth.values),
    )
    np.testing.assert_allclose(resolve(world, evidence).values, world.heldout_truth.values, rtol=1e-4)


def test_predict_that_names_no_class_gives_way(worlds, make_evidence):
    found = resolve(worlds[SPECIES], make_evidence(SPECIES, predict_outputs=np.full(60, 7)))
    assert found.method is None
    assert any("none of its answers is a class" in reason for reason in found.refused)


def test_ways_of_different_length_are_compared_without_error(worlds, make_evidence):
    world = worlds[TaskId.ELLIPSE_REGRESSION]
    answer = world.heldout_truth.values
    images = (world.heldout.images[:16] / 255.0).transpose(0, 3, 1, 2)
    seen = {"eval_inputs": images, "eval_targets": answer[:16]}
    count = len(plan(world, make_evidence(world.task, **seen))["mapped_inputs"])
    found = resolve(world, make_evidence(world.task, **seen, predict_outputs=answer, mapped_outputs=answer[:count]))
    assert found.method is Method.PREDICT
    assert len(found.values) == len(world.heldout)


@pytest.mark.parametrize("size", [(8, 400_000), (200_000, 4), (1, 1), (3, 0, 4)])
@pytest.mark.parametrize("part", ["inputs", "outputs", "loss_inputs", "targets"])
def test_forged_sizes_cost_a_reason(worlds, make_evidence, size, part):
    world = worlds[MASS]
    evidence = masses(world, make_evidence, with_ratio, train_outputs=np.zeros((270, 1)))
    arrays = dict(evidence.arrays) | {f"train_{part}": np.ones(size), "mapped_outputs": np.ones((60, 1))}
    assert plan(world, make_evidence(MASS, **arrays)) == {}
    assert resolve(world, make_evidence(MASS, **arrays)).method is None


@pytest.mark.parametrize("broken", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("part", ["train_inputs", "train_targets", "replay_inputs", "replay_outputs", "replay_targets"])
def test_forged_numbers_never_raise(worlds, make_evidence, broken, part):
    world = worlds[MASS]
    evidence = masses(
        world,
        make_evidence,
        lambda t: t[NUMBERS[:3]].to_numpy(float),
        replay_inputs=world.heldout.table[NUMBERS[:3]].to_numpy(float),
        replay_outputs=world.decoys.values,
        replay_targets=world.decoys.values,
    )
    arrays = {name: array.copy() for name, array in evidence.arrays.items()}
    arrays[part][::2] = broken
    plan(world, make_evidence(MASS, **arrays))
    resolve(world, make_evidence(MASS, **arrays))
