"""Image pipelines: layout, pixel scale, size and target order are read off, or a reason is given."""

import numpy as np
import pytest

from grader.predictions import links, plan, resolve
from grader.predictions.ellipse_map import shown
from grader.predictions.image_map import infer, reshaped
from grader.predictions.model import NotProven
from grader.tasks import ellipses
from grader.types import Method, TaskId

DIGITS, ELLIPSE = TaskId.MNIST_CLASSIFICATION, TaskId.ELLIPSE_REGRESSION
FORMS = {
    "one channel": lambda r: (r / 255.0)[:, None],
    "three channels": lambda r: np.repeat((r / 255.0)[:, None], 3, axis=1),
    "normalised": lambda r: ((r / 255.0 - 0.1307) / 0.3081)[:, None],
    "channels last": lambda r: (r / 255.0)[..., None],
    "no channel": lambda r: r.astype(float),
    "flattened": lambda r: (r / 255.0).reshape(len(r), -1),
    "padded": lambda r: np.pad(r / 255.0, ((0, 0), (2, 2), (2, 2)))[:, None],
    "resized": lambda r: reshaped(r, 32, "bilinear")[:, None] / 255.0,
    "transposed": lambda r: (r / 255.0).transpose(0, 2, 1)[:, None],
    "inverted": lambda r: (1 - r / 255.0)[:, None],
}


@pytest.mark.parametrize("form", FORMS)
def test_digit_pipelines_are_reproduced_on_held_out_images(worlds, make_evidence, form):
    world = worlds[DIGITS]
    raw, labels = world.training.images[40:100], world.training_truth.labels[40:100]
    found, rows = infer(FORMS[form](raw).astype(np.float32).astype(float), world.training.images)
    np.testing.assert_array_equal(rows, np.arange(40, 100))
    np.testing.assert_allclose(found.apply(world.heldout.images), FORMS[form](world.heldout.images), atol=0.02)
    truth = world.heldout_truth.labels
    evidence = make_evidence(
        DIGITS,
        eval_inputs=FORMS[form](raw),
        eval_targets=(labels + 3) % 10,
        mapped_outputs=np.eye(10)[(truth + 3) % 10],
    )
    result = resolve(world, evidence)
    assert result.method is Method.INPUT_MAP
    np.testing.assert_array_equal(result.labels, truth)


def test_noise_and_odd_shapes_are_not_digits(worlds):
    raw = worlds[DIGITS].training.images
    rng = np.random.default_rng(0)
    for bad in (rng.random((8, 1, 28, 28)), rng.random((8, 5)), rng.random((8, 2, 28, 28)), np.zeros((8, 1, 28, 28))):
        with pytest.raises(NotProven):
            infer(bad, raw)


def test_replayed_digits_must_be_in_order(worlds, make_evidence):
    world = worlds[DIGITS]
    truth, decoys = world.heldout_truth.labels, world.decoys.labels
    inputs = FORMS["one channel"](world.heldout.images)
    good = make_evidence(DIGITS, replay_inputs=inputs, replay_outputs=np.eye(10)[truth], replay_targets=decoys)
    found = resolve(world, good)
    assert found.method is Method.REPLAY
    np.testing.assert_array_equal(found.labels, truth)
    mixed = make_evidence(
        DIGITS, replay_inputs=inputs, replay_outputs=np.eye(10)[truth], replay_targets=np.roll(decoys, 1)
    )
    assert resolve(world, mixed).method is None


def test_pixels_are_an_exact_oracle():
    images, values = ellipses.draw(np.random.default_rng(5), 40)
    np.testing.assert_array_equal(shown(images.transpose(0, 3, 1, 2).astype(float)), values)


@pytest.mark.parametrize("scale", [lambda v: v / 255.0, lambda v: v.astype(float), lambda v: v / 127.5 - 1])
@pytest.mark.parametrize("target", [lambda v: v / 128, lambda v: v, lambda v: (v[:, [1, 0, 3, 2]] - 40) / 20])
def test_ellipse_pipelines_are_reproduced(worlds, make_evidence, scale, target):
    world = worlds[ELLIPSE]
    images, values = ellipses.draw(np.random.default_rng(6), 24)
    inputs = scale(images).transpose(0, 3, 1, 2)
    outputs = target(values) - 0.01
    truth = world.heldout_truth.values
    evidence = make_evidence(
        ELLIPSE,
        eval_inputs=inputs,
        eval_targets=target(values),
        eval_outputs=outputs,
        eval_loss_inputs=outputs,
        mapped_outputs=target(truth),
    )
    sent = plan(world, evidence)["mapped_inputs"]
    np.testing.assert_allclose(sent, scale(world.heldout.images).transpose(0, 3, 1, 2)[: len(sent)], atol=1e-4)
    found = resolve(world, evidence)
    assert found.method is Method.INPUT_MAP
    np.testing.assert_allclose(found.values, truth, atol=1e-3)


def test_links_are_told_apart():
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(50, 4))
    for name in ("nothing", "relu", "sigmoid", "softmax", "log_softmax", "tanh", "exp", "softplus"):
        assert links.infer(outputs, links.FUNCTIONS[name](outputs)).name == name
    assert links.infer(outputs, 128 * outputs).scale == pytest.approx(128)
    assert links.infer(rng.normal(size=(50, 1)), None) is links.IDENTITY
    with pytest.raises(NotProven):
        links.infer(outputs, rng.normal(size=(50, 4)))
    with pytest.raises(NotProven):
        links.infer(outputs, rng.normal(size=(50, 3)))
