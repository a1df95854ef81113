"""Variants of handwriting differ from each other and from what they are made of, and are always the same."""

import numpy as np
import pytest

from grader.tasks.digits import stand_in
from grader.tasks.variants import variants

SMALL = np.random.default_rng(0).uniform(0, 1, (12, 8, 8))
ROWS = np.arange(12)


def test_each_copy_of_each_row_is_another_one():
    found = variants(SMALL, ROWS, copies=3)
    assert (found.shape, found.dtype) == ((36, 28, 28), np.uint8)
    assert len({image.tobytes() for image in found}) == 36
    assert found.max() > 200


def test_a_variant_depends_on_its_row_and_copy_alone():
    some = np.array([7, 2])
    found = variants(SMALL, some, copies=2)
    everything = variants(SMALL, ROWS, copies=3)
    np.testing.assert_array_equal(found, np.concatenate([everything[some], everything[12 + some]]))


def test_a_variant_is_still_the_same_drawing():
    """A square in the middle stays one, about where and as large as it was."""
    square = np.zeros((40, 8, 8))
    square[:, 2:6, 2:6] = 1
    found = variants(square, np.arange(40), copies=1) / 255
    assert found[:, 13:15, 13:15].min() > 0.9
    assert found.sum((1, 2)) == pytest.approx(100, rel=0.6)
    assert not found[:, :4].any() or found[:, :4].sum() < 0.02 * found.sum()


def test_nothing_is_drawn_from_no_rows_or_copies():
    assert variants(SMALL, ROWS[:0], copies=2).shape == (0, 28, 28)
    assert variants(SMALL, ROWS, copies=0).shape == (0, 28, 28)


def test_every_training_digit_of_the_stand_in_keeps_its_label():
    """Digits come first, then their variants in the same order: a digit looks most like its own variants."""
    training = stand_in("a key").training
    first = directions(training.images[:1_297])
    for copy in range(1, 7):
        place = slice(1_297 * copy, 1_297 * (copy + 1))
        np.testing.assert_array_equal(training.labels[place], training.labels[:1_297])
        again = directions(training.images[place])
        own, other = ((first * images).sum(1) for images in (again, np.roll(again, 1, axis=0)))
        assert (own > other).mean() > 0.9


def directions(images):
    flat = images.reshape(len(images), -1).astype(float)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)
