"""Points: what is decided is given or lost, what is open is neither; and the report draws what was predicted."""

import numpy as np
import pytest
from evidence_examples import context, guesses, predictions, untouched

from grader.checks import run_checks
from grader.checks.result import harness_error
from grader.grade.grading import grade, mark
from grader.grade.model import TaskReport
from grader.rubric import load_rubric
from grader.types import Method, Status, TaskId, TaskStatus

SPECIES, MASS, MNIST, ELLIPSE = TaskId


def marked(ctx) -> TaskReport:
    """The report by the bundled rubric."""
    return mark(ctx, load_rubric(ctx.document.task))


@pytest.mark.parametrize("task", TaskId)
def test_sound_work_earns_all_points(task):
    result = marked(context(task)).result
    assert (result.points, result.max_points, result.status) == (100.0, 100.0, TaskStatus.MARKED)
    assert result.held_out.method is Method.REPLAY
    assert result.model.layers[-1].startswith("Linear")


@pytest.mark.parametrize("task", TaskId)
def test_nothing_attempted_earns_few_points_and_is_marked(task):
    report = marked(untouched(task))
    assert 0 <= report.result.points <= 8
    assert report.result.status is TaskStatus.MARKED
    assert report.result.held_out is None
    assert report.pictures == []


def test_points_are_the_sum_of_the_criteria():
    result = marked(context(guess=predictions(SPECIES, wrong=0.3))).result
    assert result.points == pytest.approx(sum(c.points for c in result.criteria))
    assert 70 < result.points < 100


def test_open_points_are_neither_given_nor_lost_silently():
    result = marked(context(guess=guesses(None, refused=("the data set needs a file",)))).result
    assert result.status is TaskStatus.NEEDS_REVIEW
    assert result.points == 70
    assert any("30.0 points are still open" in note for note in result.notes)


def test_recorded_validation_is_marked_as_such():
    result = marked(context(guess=predictions(SPECIES, method=Method.RECORDED_VALIDATION))).result
    assert (result.points, result.status) == (70.0, TaskStatus.NEEDS_REVIEW)
    assert any("validation data" in note for note in result.notes)


def test_a_run_that_never_started_is_a_harness_error():
    doc = {
        "claims": None,
        "heldout": None,
        "cells": [],
        "host": {"isolation": "process", "exit": "not-started", "sentence": "No space."},
    }
    result = marked(context(guess=guesses(None), data={}, doc=doc)).result
    assert (result.points, result.status) == (0.0, TaskStatus.HARNESS_ERROR)
    assert all(c.status is Status.HARNESS_ERROR for c in result.criteria)
    assert "No space." in result.notes


def test_the_same_evidence_gives_the_same_report():
    assert marked(context(ELLIPSE)) == marked(context(ELLIPSE))


def test_results_must_fit_the_rubric():
    ctx = context()
    rubric = load_rubric(SPECIES)
    with pytest.raises(ValueError, match="zip"):
        grade(ctx, rubric, run_checks(ctx, rubric)[:-1])


def test_stand_in_digits_are_named():
    assert "stand-in digits" in marked(context(MNIST, stand_in=True)).result.notes[0]
    assert not any("stand-in" in note for note in marked(context(MNIST)).result.notes)


def test_confusion_and_misread_digits():
    report = marked(context(MNIST, guess=predictions(MNIST, wrong=0.5)))
    confusion, digits = report.pictures
    assert sum(map(sum, confusion.matrix)) == 60
    assert sum(confusion.matrix[i][i] for i in range(10)) == 30
    assert len(digits.images) == len(digits.truth) == 24
    assert all(len(image) == 28 * 28 for image in digits.images)
    assert all(t != p for t, p in zip(digits.truth, digits.predicted, strict=True))


def test_scatter_and_ellipses():
    (scatter,) = marked(context(MASS)).pictures
    assert (scatter.kind, scatter.unit, len(scatter.truth)) == ("scatter", "g", 60)
    (ellipses,) = marked(context(ELLIPSE)).pictures
    assert (ellipses.kind, len(ellipses.images), ellipses.image_shape) == ("ellipses", 12, [128, 128, 3])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308])
def test_reports_hold_finite_numbers_only(bad):
    for task, width in ((MASS, 1), (ELLIPSE, 4)):
        report = marked(context(task, guess=guesses(values=np.full((60, width), bad))))
        text = report.model_dump_json(exclude={"pictures": {"__all__": {"images"}}})
        assert "NaN" not in text
        assert "Infinity" not in text
        assert report.result.points <= 70


def test_labels_beyond_the_classes_are_left_out_of_pictures():
    report = marked(context(MNIST, guess=guesses(labels=np.full(60, -(2**62)))))
    assert [p.kind for p in report.pictures] == ["confusion"]
    assert sum(map(sum, report.pictures[0].matrix)) == 0


def test_curves_carry_the_best_constant():
    curve = marked(context(MNIST)).curve
    assert curve.loss == "cross_entropy"
    assert 2.0 < curve.baseline < 2.31
    assert len(curve.train) == 100


def test_images_are_not_shown_beside_predictions_on_other_data():
    report = marked(context(ELLIPSE, guess=predictions(ELLIPSE, method=Method.RECORDED_VALIDATION)))
    assert report.pictures == []


def test_contradictions_ask_for_a_person_and_take_nothing_away():
    """The same points as without it, another status, and the sentence in the result."""
    sound, odd = marked(context()).result, marked(context(architecture__parameters=1_000_000)).result
    assert (odd.points, odd.max_points) == (sound.points, sound.max_points) == (100.0, 100.0)
    assert (sound.status, odd.status) == (TaskStatus.MARKED, TaskStatus.NEEDS_REVIEW)
    assert sound.contradictions == []
    assert [found.id for found in odd.contradictions] == ["parameter-counts"]
    assert "1,000,000 parameters" in odd.contradictions[0].sentence
    assert not any("open" in note for note in odd.notes)


def test_a_contradiction_does_not_hide_that_the_grader_failed():
    ctx = context(architecture__parameters=1_000_000)
    rubric = load_rubric(ctx.document.task)
    failed = [harness_error("aim", "found") for _ in rubric.criteria]
    result = grade(ctx, rubric, failed).result
    assert result.status is TaskStatus.HARNESS_ERROR
    assert result.contradictions


def test_what_a_stand_in_answered_is_said():
    names = ["seaborn.pairplot", "matplotlib.pyplot.show", "umap.UMAP", "<b>x</b>", "a b"]
    notes = marked(context(stood_in=names)).result.notes
    (said,) = [note for note in notes if "seaborn.pairplot" in note]
    assert "umap.UMAP" in said
    assert "--full" in said
    assert "<b>" not in said
    assert "show" not in said
    assert not [note for note in marked(context()).result.notes if "nothing is marked by it" in note]


def test_the_report_says_that_and_where_a_training_was_cut_short():
    """One sentence for each cell and reason, with the last cut of it; the figures are in the result."""
    claims = [
        {"reason": "converged", "model_id": 0, "cell": 2, "step": 900, "epochs": 90, "metric": "accuracy", "value": 1},
        {"reason": "converged", "model_id": 0, "cell": 2, "step": 1000, "epochs": 98, "metric": "accuracy", "value": 1},
        {"reason": "budget", "model_id": 1, "cell": 3, "step": 1000, "epochs": 5},
        {"reason": "budget", "model_id": 2, "cell": 99, "step": 0, "epochs": 0},
        {"reason": "time", "model_id": 1, "cell": 1, "step": 1000, "epochs": 5},
    ]
    result = marked(context(shortened=claims)).result
    assert [(cut.cell, cut.epochs, cut.steps, cut.value) for cut in result.shortened] == [
        (2, 90, 900, 1.0),
        (2, 98, 1000, 1.0),
        (3, 5, 1000, None),
        (None, 0, 0, None),
        (1, 5, 1000, None),
    ]
    rest = " With --full it is trained to the end."
    level = "its own accuracy of 100% was safely past the level of full marks."
    over = "the rubric's budget for training was spent"
    slow = "this machine, slow or busy, took longer over it than the rubric allows"
    assert [note.removesuffix(rest) for note in result.notes if note.endswith(rest)] == [
        f"The training in cell 2 was cut short after 98 epochs, since {level}",
        f"The training in cell 3 was cut short after 5 epochs, since {over}; the net is marked as it was then.",
        f"The training was not begun, since {over}.",
        f"The training in cell 1 was cut short after 5 epochs, since {slow}; the net is marked as it was then.",
    ]
    assert result.points == 100
    assert marked(context()).result.shortened == []


@pytest.mark.parametrize(
    ("task", "metric", "words"),
    [(MASS, "mae", "mean absolute error of 251 g"), (ELLIPSE, "rmse", "root mean squared error of 1.25 pixels")],
)
def test_the_figure_of_a_cut_is_told_in_the_tasks_unit(task, metric, words):
    value = {"mae": 251.2, "rmse": 1.25}[metric]
    claim = {"reason": "converged", "model_id": 0, "step": 10, "epochs": 1, "metric": metric, "value": value}
    assert any(words in note for note in marked(context(task, shortened=[claim])).result.notes)
