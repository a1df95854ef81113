"""Image pipelines: layout, pixel scale, size and target order are read off, or a reason is given."""

import numpy as np
import pytest

from grader.limits import MAX_ARRAY_BYTES
from grader.predictions import links, plan, resolve
from grader.predictions.ellipse_map import shown
from grader.predictions.image_map import infer
from grader.predictions.model import NotProven
from grader.predictions.resizing import resized
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
    "resized": lambda r: resized(r, 32, "bilinear")[:, None] / 255.0,
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
    for name in ("sigmoid", "tanh", "softplus", "relu"):  # then rescaled, together or each column by itself
        made, each = links.FUNCTIONS[name](outputs), np.array([1.0, 20.0, 300.0, 4.0])
        for wanted in (3600 * made + 2700, each * made - each / 2):
            found = links.infer(outputs, wanted)
            assert found.name == name
            np.testing.assert_allclose(found.apply(outputs), wanted, rtol=1e-6, atol=1e-6)
    with pytest.raises(NotProven):  # any two numbers lie on a line
        links.infer(outputs[:2], rng.normal(size=(2, 4)))
    with pytest.raises(NotProven):
        links.infer(np.zeros((50, 4)), rng.normal(size=(50, 4)))
    assert links.infer(rng.normal(size=(50, 1)), None) is links.IDENTITY
    with pytest.raises(NotProven):
        links.infer(outputs, rng.normal(size=(50, 4)))
    with pytest.raises(NotProven):
        links.infer(outputs, rng.normal(size=(50, 3)))


def by_torch(size, **how):
    """A batch resized as a tensor, without rounding to whole grey levels."""

    def resize(raw):
        torch = pytest.importorskip("torch")
        batch = torch.from_numpy(raw / 255.0)[:, None]
        return torch.nn.functional.interpolate(batch, size=(size, size), **how).numpy()

    return resize


@pytest.mark.parametrize("size", [14, 32, 64])
@pytest.mark.parametrize(
    "how",
    [
        {"mode": "nearest"},
        {"mode": "bilinear"},
        {"mode": "bilinear", "antialias": True},
        {"mode": "bilinear", "align_corners": True},
        {"mode": "bicubic"},
        {"mode": "bicubic", "antialias": True},
    ],
    ids=str,
)
def test_resizing_as_torch_does_it_is_reproduced(worlds, size, how):
    world, resize = worlds[DIGITS], by_torch(size, **how)
    written = world.training.images[: world.made.start]  # small pictures of variants look alike
    found, rows = infer(resize(written[40:72]), written)
    np.testing.assert_array_equal(rows, np.arange(40, 72))
    held_out = world.heldout.images[:20]
    np.testing.assert_allclose(found.apply(held_out), resize(held_out), atol=1e-4)


@pytest.mark.parametrize("form", ["bilinear", "bicubic"])
def test_resizing_as_pil_does_it_is_reproduced(worlds, form):
    world = worlds[DIGITS]
    found, rows = infer(resized(world.training.images[40:72], 48, form)[:, None], world.training.images)
    assert found.form == form
    np.testing.assert_array_equal(rows, np.arange(40, 72))


def test_cropped_digits_are_reproduced(worlds):
    raw = worlds[DIGITS].training.images
    found, rows = infer(raw[40:72, 2:26, 2:26].astype(float)[:, None], raw)
    assert found.form == "crop"
    np.testing.assert_array_equal(rows, np.arange(40, 72))


def test_large_digits_are_sent_as_far_as_they_fit_and_a_short_answer_is_refused(worlds, make_evidence):
    """A sandbox that hands back fewer answers than inputs does not choose which items count."""
    world = worlds[DIGITS]
    inputs = np.repeat(resized(world.training.images[:16], 224, "bilinear")[:, None] / 255, 3, axis=1)
    seen = {"eval_inputs": inputs, "eval_targets": world.training_truth.labels[:16]}
    sent = plan(world, make_evidence(DIGITS, **seen))["mapped_inputs"]
    assert sent.nbytes <= MAX_ARRAY_BYTES
    count = len(sent)
    assert 0 < count < len(world.heldout)
    answers = np.eye(10)[world.heldout_truth.labels[:count]]
    found = resolve(world, make_evidence(DIGITS, **seen, mapped_outputs=answers))
    assert found.method is Method.INPUT_MAP
    assert len(found.labels) == len(found.truth.labels) == count
    short = resolve(world, make_evidence(DIGITS, **seen, mapped_outputs=answers[:1]))
    assert short.method is None
    assert any(f"1 predictions for {count} inputs" in reason for reason in short.refused)


def test_augmented_training_images_do_not_spoil_what_validation_shows(worlds, make_evidence):
    """Ellipses turned by an augmentation contradict their targets; those of validation still tell the scale."""
    world = worlds[ELLIPSE]
    images, values = ellipses.draw(np.random.default_rng(7), 24)
    inputs = (images / 255.0).transpose(0, 3, 1, 2)
    evidence = make_evidence(
        ELLIPSE,
        train_inputs=inputs[:, :, ::-1],
        train_targets=values / 128,
        eval_inputs=inputs,
        eval_targets=values / 128,
        mapped_outputs=(world.heldout_truth.values / 128),
    )
    count = len(plan(world, evidence)["mapped_inputs"])
    arrays = dict(evidence.arrays) | {"mapped_outputs": evidence.arrays["mapped_outputs"][:count]}
    found = resolve(world, make_evidence(ELLIPSE, **arrays))
    assert found.method is Method.INPUT_MAP
    np.testing.assert_allclose(found.values, world.heldout_truth.values[:count], atol=1e-3)


def test_an_image_of_more_than_two_colours_shows_no_ellipse():
    images, _ = ellipses.draw(np.random.default_rng(5), 4)
    noisy = images.transpose(0, 3, 1, 2) + np.random.default_rng(0).random((4, 3, 128, 128))
    assert np.isnan(shown(noisy)).all()


def test_one_wild_prediction_does_not_turn_fractions_into_pixels(worlds, make_evidence):
    world = worlds[ELLIPSE]
    answer = world.heldout_truth.values / 128
    answer[0, 0] = 40
    found = resolve(world, make_evidence(ELLIPSE, predict_outputs=answer))
    np.testing.assert_allclose(found.values[1:], world.heldout_truth.values[1:], atol=1e-3)


def test_larger_inputs_do_not_buy_a_smaller_held_out_set(worlds, make_evidence):
    """Inputs so large that only a few held-out items could be sent are refused, however few answers come back."""
    world = worlds[DIGITS]
    raw, labels = world.training.images[:8], world.training_truth.labels[:8]
    huge = np.pad(raw / 255.0, ((0, 0), (500, 500), (500, 500)))[:, None]
    truth = world.heldout_truth.labels
    for answered in (1, 14, len(truth)):
        evidence = make_evidence(
            DIGITS, eval_inputs=huge, eval_targets=labels, mapped_outputs=np.eye(10)[truth[:answered]]
        )
        assert plan(world, evidence) == {}
        assert resolve(world, evidence).method is not Method.INPUT_MAP


def test_answers_for_fewer_items_than_were_sent_are_refused(worlds, make_evidence):
    world = worlds[DIGITS]
    raw, labels = world.training.images[:40], world.training_truth.labels[:40]
    truth = world.heldout_truth.labels
    evidence = make_evidence(
        DIGITS,
        eval_inputs=FORMS["one channel"](raw),
        eval_targets=labels,
        mapped_outputs=np.eye(10)[truth[:1]],
    )
    found = resolve(world, evidence)
    assert found.method is None
    assert any("1 predictions for 300" in reason for reason in found.refused)
