"""Worlds of the same data have the same fingerprint whatever the key; worlds of other data have another."""

from dataclasses import replace

import pytest

from grader.tasks import build_world
from grader.tasks.fingerprint import LETTERS, fingerprint
from grader.tasks.model import RawInputs, Truth
from grader.types import TaskId


@pytest.mark.parametrize("task", TaskId)
def test_the_key_does_not_matter(task, tmp_path):
    one, other = (build_world(task, key=key, cache_dir=tmp_path) for key in ("one", "other"))
    assert one.digest != other.digest
    assert fingerprint(one) == fingerprint(other)
    assert len(fingerprint(one)) == LETTERS


def test_tasks_differ(tmp_path):
    assert len({fingerprint(build_world(task, cache_dir=tmp_path)) for task in TaskId}) == len(TaskId)


def test_fewer_digits_are_other_data(tmp_path):
    task = TaskId.MNIST_CLASSIFICATION
    few, all_ = (build_world(task, cache_dir=tmp_path, train_limit=limit) for limit in (200, None))
    assert fingerprint(few) != fingerprint(all_)


def test_another_pixel_or_label_is_other_data(tmp_path):
    world = build_world(TaskId.MNIST_CLASSIFICATION, cache_dir=tmp_path)
    images = world.training.images.copy()
    images[0, 0, 0] ^= 1
    labels = world.training_truth.labels.copy()
    labels[0] = (labels[0] + 1) % 10
    changed = [replace(world, training=RawInputs(images=images)), replace(world, training_truth=Truth(labels=labels))]
    assert all(fingerprint(other) != fingerprint(world) for other in changed)
