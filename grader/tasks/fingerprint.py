"""Tells whether two worlds are made of the same data, whatever key cut them."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from grader.tasks.model import Floats, RawInputs, Truth, World
from grader.tasks.variants import RECIPE
from grader.types import TaskId

Wholes = NDArray[np.int64]
LETTERS = 16  # of the digest, in hexadecimal


def fingerprint(world: World) -> str:
    """The first 16 hexadecimal digits of a SHA-256 digest over what all items of a world are, shown or held out.

    Which items a key holds out does not matter, except that the ellipses that are held out are drawn by the key: they
    are left out. Of variants of other items, only how they are made and how many there are counts.
    """
    parts = [_as_written(world)]
    if world.task is not TaskId.ELLIPSE_REGRESSION:
        parts.append((world.heldout, world.heldout_truth))
    numbers = np.concatenate([_targets(truth) for _, truth in parts])
    digest = hashlib.sha256(f"{world.task} {world.origin}".encode())
    digest.update(np.sort(numbers).astype("<f8").tobytes())
    sums = np.concatenate([_sums(inputs) for inputs, _ in parts])
    digest.update(np.sort(sums).astype("<i8").tobytes())
    if world.made:
        digest.update(f"{len(world.made)} {RECIPE}".encode())
    return digest.hexdigest()[:LETTERS]


def _as_written(world: World) -> tuple[RawInputs, Truth]:
    inputs, truth = world.training, world.training_truth
    if not world.made or inputs.images is None or truth.labels is None:
        return inputs, truth
    made = np.arange(world.made.start, world.made.stop)
    return RawInputs(images=np.delete(inputs.images, made, axis=0)), Truth(labels=np.delete(truth.labels, made))


def _targets(truth: Truth) -> Floats:
    found = truth.labels if truth.labels is not None else truth.values
    return np.zeros(0) if found is None else found.astype(np.float64).reshape(-1)


def _sums(inputs: RawInputs) -> Wholes:
    if inputs.images is None:
        return np.zeros(0, dtype=np.int64)
    found: Wholes = inputs.images.reshape(len(inputs.images), -1).sum(axis=1, dtype=np.int64)
    return found
