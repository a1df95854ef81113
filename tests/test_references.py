"""The reference solutions earn full marks, and their held-out figures agree with an independent evaluation."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, root_mean_squared_error

from grader import predictions
from grader.intake import read_path
from grader.pipeline import Settings, Work, mark_evidence, run_file
from grader.resources import reference_solutions_dir
from grader.types import Isolation, TaskId, TaskStatus

pytestmark = pytest.mark.slow
NAMES = [
    "01_penguin_classification.ipynb",
    "01_penguin_classification_module.py",
    "02_penguin_regression.ipynb",
    "03_mnist_classification.ipynb",
    "04_ellipse_regression.ipynb",
]


def independent(task, world, found):
    """The task's metric by scikit-learn, from the predictions and the host's truth."""
    truth = world.heldout_truth
    if task in (TaskId.PENGUINS_CLASSIFICATION, TaskId.MNIST_CLASSIFICATION):
        return accuracy_score(truth.labels, found.labels)
    if task is TaskId.PENGUINS_REGRESSION:
        return mean_absolute_error(truth.values, found.values)
    return root_mean_squared_error(truth.values.reshape(-1), found.values.reshape(-1))


@pytest.mark.parametrize("name", NAMES)
def test_reference_earns_at_least_95(name, tmp_path, request):
    cache = Path(str(request.config.cache.mkdir("worlds")))
    settings = Settings(isolation=Isolation.AUTO, data_dir=tmp_path, cache_dir=cache)
    [submission] = read_path(reference_solutions_dir() / name)
    evidence, world = run_file(Work("reference", submission.files[0], settings))
    marked = mark_evidence(evidence, world, settings).result
    shown = [f"{c.id}: {c.status} {c.points:g}/{c.max_points:g} {c.found} {c.gap}" for c in marked.criteria]
    assert marked.status is TaskStatus.MARKED, "\n".join([*shown, *marked.notes])
    assert marked.points >= 95, "\n".join(shown)
    found = predictions.resolve(world, evidence)
    value = independent(marked.task, world, found)
    assert marked.held_out.value == pytest.approx(value, rel=1e-9)
    assert marked.held_out.n == len(world.heldout)
    assert np.isfinite(value)
