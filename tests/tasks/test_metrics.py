"""The metrics against scikit-learn's, and what happens at the edges."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, jaccard_score, mean_absolute_error, mean_squared_error

from grader.tasks import ellipses, get, metrics
from grader.tasks.model import Truth
from grader.types import TaskId

SPECIES, MASS = get(TaskId.PENGUINS_CLASSIFICATION), get(TaskId.PENGUINS_REGRESSION)
ELLIPSE = get(TaskId.ELLIPSE_REGRESSION)
RNG = np.random.default_rng(11)


def test_accuracy() -> None:
    """Accuracy agrees with scikit-learn."""
    true, guess = RNG.integers(0, 3, 80), RNG.integers(0, 3, 80)
    found = metrics.score(SPECIES, Truth(labels=true), Truth(labels=guess))
    assert (found.metric, found.unit, found.n) == ("accuracy", "", 80)
    assert found.value == pytest.approx(accuracy_score(true, guess))


def test_labels_that_are_no_class_are_wrong() -> None:
    """-1 stands for an unusable prediction and counts as wrong."""
    found = metrics.score(SPECIES, Truth(labels=np.array([0, 1])), Truth(labels=np.array([0, -1])))
    assert found.value == 0.5


def test_mass_errors() -> None:
    """Mean absolute and root mean squared error agree with scikit-learn."""
    true, guess = RNG.normal(4200, 800, (60, 1)), RNG.normal(4200, 800, (60, 1))
    found = metrics.score(MASS, Truth(values=true), Truth(values=guess))
    assert (found.metric, found.unit) == ("mae", "g")
    assert found.value == pytest.approx(mean_absolute_error(true, guess))
    assert found.others["rmse"] == pytest.approx(np.sqrt(mean_squared_error(true, guess)))


def test_ellipse_errors() -> None:
    """The errors in pixels and the intersection over union agree with scikit-learn."""
    true = ellipses.held_out("metrics")[1][:25]
    guess = true + RNG.normal(0, 3, true.shape)
    found = metrics.score(ELLIPSE, Truth(values=true), Truth(values=guess))
    assert (found.metric, found.unit) == ("rmse", "px")
    assert found.value == pytest.approx(np.sqrt(mean_squared_error(true, guess)))
    each = np.sqrt(mean_squared_error(true, guess, multioutput="raw_values"))
    assert [found.others[f"rmse {name}"] for name in ELLIPSE.target_names] == pytest.approx(list(each))
    overlap = [
        jaccard_score(ellipses.mask(t).ravel(), ellipses.mask(g).ravel()) for t, g in zip(true, guess, strict=True)
    ]
    assert found.others["iou"] == pytest.approx(np.mean(overlap))


def test_perfect_ellipses() -> None:
    """The truth has no error and covers itself."""
    true = ellipses.held_out("metrics")[1][:5]
    found = metrics.score(ELLIPSE, Truth(values=true), Truth(values=true))
    assert (found.value, found.others["iou"]) == (0.0, 1.0)


@pytest.mark.parametrize("guess", [[64, 64, 0, 5], [64, 64, -9, -9], [1e300, -1e300, 5, 5], [-500, 64, 10, 10]])
def test_ellipses_that_cover_nothing(guess: list[float]) -> None:
    """Radii without area and centres far outside overlap nothing."""
    true = np.array([64.0, 64.0, 10.0, 20.0])
    assert metrics.intersections_over_unions(true[None], np.array([guess], dtype=float)).tolist() == [0.0]


def test_an_ellipse_over_everything() -> None:
    """Huge radii cover the whole image."""
    assert ellipses.mask(np.array([64.0, 64.0, 1e300, 1e300])).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(bad: float) -> None:
    """They are refused, and the helper says which rows are concerned."""
    guess = np.array([[1.0], [bad], [3.0]])
    with pytest.raises(ValueError, match="not finite"):
        metrics.score(MASS, Truth(values=np.ones((3, 1))), Truth(values=guess))
    assert metrics.finite_rows(guess).tolist() == [True, False, True]


@pytest.mark.parametrize("shape", [(2, 1), (3,), (3, 2), (0, 1)])
def test_wrong_shapes(shape: tuple[int, ...]) -> None:
    """Predictions of another shape than the truth are refused."""
    with pytest.raises(ValueError, match="shape"):
        metrics.score(MASS, Truth(values=np.ones((3, 1))), Truth(values=np.ones(shape)))
    with pytest.raises(ValueError, match="shape"):
        metrics.score(SPECIES, Truth(labels=np.zeros(3, int)), Truth(labels=np.zeros(shape[0] + 4, int)))


def test_missing_targets() -> None:
    """Labels where values are due, and the other way round, are refused."""
    with pytest.raises(ValueError, match="values are missing"):
        metrics.score(MASS, Truth(values=np.ones((1, 1))), Truth(labels=np.ones(1, int)))
    with pytest.raises(ValueError, match="labels are missing"):
        metrics.score(SPECIES, Truth(labels=np.ones(1, int)), Truth())


def test_baselines() -> None:
    """The class that is most frequent among the held-out items, whichever that is in training, and the mean of the
    training targets."""
    held_out = Truth(labels=np.array([2, 0, 1, 2]))
    assert {metrics.baseline(SPECIES, Truth(labels=np.array(seen)), held_out) for seen in ([2, 2, 0], [1])} == {0.5}
    masses = metrics.baseline(MASS, Truth(values=np.array([[1.0], [3.0]])), Truth(values=np.array([[0.0], [5.0]])))
    assert masses == 2.5
