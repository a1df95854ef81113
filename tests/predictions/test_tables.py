"""Penguin pipelines in many manners: columns, class order and scale are read off, or a reason is given."""

import numpy as np
import pandas as pd
import pytest

from grader.predictions import plan, resolve, units
from grader.predictions.model import NotProven
from grader.predictions.table_map import Affine, Coded, infer
from grader.types import Method, TaskId

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
SPECIES, MASS = TaskId.PENGUINS_CLASSIFICATION, TaskId.PENGUINS_REGRESSION


def standardised(values, like=None):
    like = values if like is None else like
    return (values - like.mean(axis=0)) / like.std(axis=0)


def sex(table):
    return (table["sex"] == "male").to_numpy(float)[:, None]


def islands(table):
    return np.stack([(table["island"] == name).to_numpy(float) for name in ("Biscoe", "Dream", "Torgersen")], axis=1)


MANNERS = {
    "as they are": lambda t: np.hstack([t[NUMBERS], sex(t)]),
    "standardised": lambda t: np.hstack([standardised(t[NUMBERS].to_numpy(float)), sex(t)]),
    "everything standardised": lambda t: standardised(np.hstack([t[NUMBERS], islands(t), sex(t)])),
    "min-max": lambda t: (
        (t[NUMBERS].to_numpy(float) - t[NUMBERS].min().to_numpy()) / np.ptp(t[NUMBERS].to_numpy(float), axis=0)
    ),
    "fractions of the mean": lambda t: t[NUMBERS].to_numpy(float) / t[NUMBERS].mean().to_numpy(),
    "logarithms": lambda t: np.hstack([np.log(t[NUMBERS].to_numpy(float)), sex(t)]),
    "two columns": lambda t: standardised(t[NUMBERS[:2]].to_numpy(float)),
    "one-hot islands": lambda t: np.hstack([t[NUMBERS], islands(t)]),
}


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("rows", [None, 60])
def test_map_is_found_and_holds_for_rows_it_never_saw(worlds, manner, rows):
    world = worlds[SPECIES]
    known = world.training.table.dropna().sample(frac=1, random_state=1)
    inputs = MANNERS[manner](known).astype(np.float32).astype(float)
    found = infer(inputs[:rows], world.training.table)
    both = pd.concat([known, world.heldout.table])
    # the student's statistics are those of the training rows: map the held-out rows with them
    expected = found.apply(both)[: len(known)]
    np.testing.assert_allclose(expected, inputs, rtol=1e-3, atol=1e-4 * np.abs(inputs).max())
    assert np.isfinite(found.apply(world.heldout.table)).all()


def test_nonsense_is_not_explained(worlds):
    rng = np.random.default_rng(0)
    with pytest.raises(NotProven):
        infer(rng.normal(size=(200, 4)), worlds[SPECIES].training.table)
    known = worlds[SPECIES].training.table.dropna()
    ratio = (known["bill_length_mm"] / known["bill_depth_mm"]).to_numpy()[:, None]
    with pytest.raises(NotProven):
        infer(np.hstack([known[NUMBERS], ratio]), worlds[SPECIES].training.table)


def test_columns_are_named(worlds):
    known = worlds[SPECIES].training.table.dropna()
    found = infer(MANNERS["one-hot islands"](known).astype(float), worlds[SPECIES].training.table)
    assert [c.column for c in found.columns] == [*NUMBERS, "island", "island", "island"]
    assert found.columns[0] == Affine("bill_length_mm", 1.0, 0.0)
    assert isinstance(found.columns[4], Coded)


def recorded(world, make_evidence, order, answers, one_hot=False, **extra):
    """Evidence of a classification whose class order is ``order`` and whose held-out outputs are ``answers``."""
    known = world.training.table.copy()
    truth = world.training_truth.labels
    keep = ~known.isna().any(axis=1)
    inputs = MANNERS["as they are"](known[keep])
    index = np.array([order.index(c) for c in truth[keep]])
    targets = np.eye(3)[index] if one_hot else index
    outputs = np.eye(3)[[order.index(c) for c in answers]] * 5
    return make_evidence(
        SPECIES, train_inputs=inputs.astype(float), train_targets=targets, mapped_outputs=outputs, **extra
    )


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
@pytest.mark.parametrize("one_hot", [True, False])
def test_any_class_order_is_read_off_the_targets(worlds, make_evidence, order, one_hot):
    world = worlds[SPECIES]
    answers = world.heldout_truth.labels
    evidence = recorded(world, make_evidence, order, answers, one_hot)
    assert plan(world, evidence)["mapped_inputs"].shape == (60, 5)
    found = resolve(world, evidence)
    assert found.method is Method.INPUT_MAP
    np.testing.assert_array_equal(found.labels, answers)


def test_class_order_is_not_taken_from_the_held_out_truth(worlds, make_evidence):
    world = worlds[SPECIES]
    wrong = (world.heldout_truth.labels + 1) % 3
    found = resolve(world, recorded(world, make_evidence, [0, 1, 2], wrong))
    assert (found.labels != world.heldout_truth.labels).all()


def test_targets_of_two_classes_under_one_number_are_refused(worlds, make_evidence):
    world = worlds[SPECIES]
    evidence = recorded(world, make_evidence, [0, 1, 2], world.heldout_truth.labels)
    arrays = dict(evidence.arrays) | {"train_targets": np.minimum(evidence.arrays["train_targets"], 1)}
    found = resolve(world, make_evidence(SPECIES, **arrays))
    assert found.method is None
    assert any("one by one" in reason for reason in found.refused)


@pytest.mark.parametrize(
    "scaled", [lambda g: g, lambda g: g / 4200.0, lambda g: (g - 4200.0) / 800.0, lambda g: g / 1000]
)
def test_any_affine_scale_of_masses_is_undone(worlds, make_evidence, scaled):
    world = worlds[MASS]
    table = world.training.table
    keep = (~table.isna().any(axis=1)).to_numpy()
    inputs = np.hstack([table[keep][NUMBERS[:3]], sex(table[keep])]).astype(float)
    grams = world.heldout_truth.values
    evidence = make_evidence(
        MASS,
        train_inputs=inputs,
        train_targets=scaled(world.training_truth.values[keep]),
        train_outputs=scaled(world.training_truth.values[keep]),
        train_loss_inputs=scaled(world.training_truth.values[keep])[:, 0],
        mapped_outputs=scaled(grams),
    )
    found = resolve(world, evidence)
    assert found.method is Method.INPUT_MAP
    np.testing.assert_allclose(found.values, grams, rtol=1e-4)


def masses(world, make_evidence, answers):
    """A run whose targets come in grams, and whose loss was not seen. ``answers``: of the net, to true grams (n, 1)."""
    table = world.training.table
    keep = (~table.isna().any(axis=1)).to_numpy()
    grams = world.training_truth.values[keep]
    return make_evidence(
        MASS,
        eval_inputs=np.hstack([table[keep][NUMBERS[:3]], sex(table[keep])]).astype(float),
        eval_targets=grams,
        eval_outputs=answers(grams),
        mapped_outputs=answers(world.heldout_truth.values),
    )


def about(grams):
    """Predictions that are some 200 g off."""
    return grams + 250 * np.sin(grams)


@pytest.mark.parametrize("scaled", [lambda g: (g - 4200.0) / 800.0, lambda g: g / 1000, lambda g: g])
def test_a_loss_that_was_not_seen_may_have_scaled_the_targets(worlds, make_evidence, scaled):
    world = worlds[MASS]
    found = resolve(world, masses(world, make_evidence, lambda grams: scaled(about(grams))))
    wrong = np.abs(found.values - world.heldout_truth.values).mean()
    assert 100 < wrong < 250
    assert any("other units" in note for note in found.notes) == (abs(scaled(4200.0)) < 100)


@pytest.mark.parametrize("answers", [np.zeros_like, np.sin, lambda g: -g / 1000, lambda g: g * np.nan])
def test_answers_that_tell_nothing_have_no_units(worlds, make_evidence, answers):
    world = worlds[MASS]
    found = resolve(world, masses(world, make_evidence, answers))
    assert found.values is None or not np.abs(found.values - world.heldout_truth.values).mean() < 600


def test_units_of_few_rows_are_not_read_off():
    outputs = np.linspace(0, 1, 15)[:, None]
    assert units.read_off(outputs, 1000 + 10 * outputs) is None
    outputs = np.linspace(0, 1, 16)[:, None]
    assert units.read_off(outputs, 1000 + 10 * outputs).assumed


def test_replayed_rows_are_put_into_the_held_out_order(worlds, make_evidence):
    world = worlds[SPECIES]
    shuffle = np.random.default_rng(3).permutation(60)
    inputs = MANNERS["as they are"](world.heldout.table)[shuffle].astype(float)
    truth = world.heldout_truth.labels
    evidence = recorded(
        world,
        make_evidence,
        [0, 1, 2],
        truth,
        replay_inputs=inputs,
        replay_outputs=np.eye(3)[truth[shuffle]],
        replay_targets=world.decoys.labels[shuffle],
    )
    found = resolve(world, evidence)
    assert found.method is Method.REPLAY
    np.testing.assert_array_equal(found.labels, truth)


def test_replay_that_covers_too_little_gives_way(worlds, make_evidence):
    world = worlds[SPECIES]
    truth = world.heldout_truth.labels
    inputs = MANNERS["as they are"](world.heldout.table).astype(float)
    evidence = recorded(
        world, make_evidence, [0, 1, 2], truth, replay_inputs=inputs[:12], replay_outputs=np.eye(3)[truth[:12]]
    )
    found = resolve(world, evidence)
    assert found.method is Method.INPUT_MAP
    assert any("12 of 60" in reason for reason in found.refused)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_not_predictions(worlds, make_evidence, broken):
    world = worlds[SPECIES]
    evidence = recorded(world, make_evidence, [0, 1, 2], world.heldout_truth.labels)
    arrays = dict(evidence.arrays)
    arrays["mapped_outputs"] = np.full((60, 3), broken)
    assert (resolve(world, make_evidence(SPECIES, **arrays)).labels == -1).all()


@pytest.mark.parametrize("shape", [(60,), (60, 1), (59, 3), (1, 3), (60, 2, 2)])
def test_outputs_of_another_shape_never_raise(worlds, make_evidence, shape):
    world = worlds[SPECIES]
    evidence = recorded(world, make_evidence, [0, 1, 2], world.heldout_truth.labels)
    arrays = dict(evidence.arrays) | {"mapped_outputs": np.zeros(shape)}
    resolve(world, make_evidence(SPECIES, **arrays))


def test_predict_answers_names_indices_and_scores(worlds, make_evidence):
    world = worlds[SPECIES]
    truth = world.heldout_truth.labels
    names = [("Adelie", "Chinstrap", "Gentoo")[i] for i in truth]
    for evidence in (
        make_evidence(SPECIES, labels=names),
        make_evidence(SPECIES, predict_outputs=truth),
        make_evidence(SPECIES, predict_outputs=np.eye(3)[truth]),
    ):
        found = resolve(world, evidence)
        assert found.method is Method.PREDICT
        np.testing.assert_array_equal(found.labels, truth)


def test_nothing_recorded_gives_reasons(worlds, make_evidence):
    for task in TaskId:
        found = resolve(worlds[task], make_evidence(task))
        assert found.method is None
        assert len(found.refused) == 4
        assert plan(worlds[task], make_evidence(task)) == {}


def test_recorded_validation_is_the_last_way(worlds, make_evidence):
    world = worlds[SPECIES]
    keep = ~world.training.table.isna().any(axis=1)
    inputs = MANNERS["as they are"](world.training.table[keep])[:50].astype(float)
    truth = world.training_truth.labels[keep.to_numpy()][:100]
    inputs = MANNERS["as they are"](world.training.table[keep])[:200].astype(float)
    truth = world.training_truth.labels[keep.to_numpy()][:200]
    evidence = make_evidence(SPECIES, eval_inputs=inputs, eval_targets=truth, eval_outputs=np.eye(3)[truth])
    found = resolve(world, evidence)
    assert found.method is Method.RECORDED_VALIDATION
    np.testing.assert_array_equal(found.labels, found.truth.labels)
