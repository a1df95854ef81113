"""Correct submissions of the mass exercise."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from grader.types import TaskId
from tests.validity import dense, losses, mass
from tests.validity import optimisers as by
from tests.validity.recipe import TWO_BATCHES_A_STEP, ZERO_AFTER, ZERO_BEFORE_BACKWARD, Habits, Recipe
from tests.validity.rows import UNJUDGED, Row, made

ROWS: tuple[Row, ...] = (
    (
        "course-mean",
        mass.course("by the mean"),
        dense.blocks(4, 1, p=0.02),
        losses.SQUARED,
        by.cosine(by.adam("5e-3"), 120),
        120,
        "functions course notebook plot",
    ),
    (
        "course-huber",
        mass.course("standardised"),
        dense.sequential(4, 1, norm=True),
        losses.HUBER,
        by.adam("3e-3"),
        100,
        "arguments usual notebook table",
    ),
    (
        "course-kg",
        mass.course("kg"),
        dense.blocks(4, 1, p=0.02),
        losses.ABSOLUTE,
        by.cosine(by.adamw("0.01"), 100),
        100,
        "trainer long notebook plot",
    ),
    (
        "course-bce",
        mass.course("0 to 1"),
        dense.sequential(4, 1, norm=True),
        losses.BINARY_NUMBER,
        by.adam("5e-3"),
        100,
        "fit usual script print",
    ),
    (
        "rows-fixed",
        mass.rows("fixed"),
        dense.functional(5, 1),
        losses.SQUARED,
        by.adam("5e-3"),
        80,
        "top short notebook plot",
    ),
    (
        "rows-flat",
        mass.rows("kg", flat=True),
        dense.functional(5, 1, act="torch.tanh", end="flat"),
        losses.SMOOTH,
        by.adam("5e-3"),
        100,
        "functions usual notebook best",
    ),
    (
        "rows-listed",
        mass.rows("standardised"),
        dense.listed(5, 1),
        losses.SQUARED_FUNCTION,
        by.sgd("0.01"),
        80,
        "top french notebook plot",
    ),
    (
        "rows-two-batches",
        mass.rows("kg"),
        dense.sequential(5, 1, act="LeakyReLU"),
        losses.SQUARED,
        by.adam("0.01", update=TWO_BATCHES_A_STEP),
        80,
        "functions usual script plot",
    ),
    (
        "arrays-kg",
        mass.arrays("kg"),
        dense.sequential(8, 1),
        losses.SQUARED,
        by.adam("0.01"),
        80,
        "fit long notebook plot",
    ),
    (
        "arrays-grams",
        mass.arrays("grams"),
        dense.sequential(8, 1, hidden=64),
        losses.ABSOLUTE,
        by.cosine(by.adam("0.05"), 150),
        150,
        "top usual notebook plot",
    ),
    (
        "arrays-flat",
        mass.arrays("standardised", flat=True),
        dense.wide(8, 1, end="flat"),
        losses.OWN_SQUARED,
        by.sgd("0.01"),
        100,
        "one-pass letters notebook plot",
    ),
    (
        "arrays-one-cycle",
        mass.arrays("0 to 1"),
        dense.sequential(8, 1, act="SiLU", end="sigmoid"),
        losses.SQUARED,
        by.one_cycle(by.adam("1e-3"), "0.02", 60),
        60,
        "arguments short script table",
    ),
    (
        "arrays-closure",
        mass.arrays("standardised", batch=300),
        dense.wide(8, 1),
        losses.SQUARED,
        by.lbfgs(),
        30,
        "top usual notebook plot",
    ),
    (
        "arrays-few-epochs",
        mass.arrays("fixed", batch=4),
        dense.sequential(8, 1),
        losses.SQUARED,
        by.adam("2e-3"),
        12,
        "functions french notebook print",
    ),
    (
        "arrays-full-batch",
        mass.arrays("by the mean", batch=400),
        dense.sequential(8, 1),
        losses.SQUARED,
        by.adam("0.01"),
        300,
        "fit short notebook plot",
    ),
    (
        "slices",
        mass.by_hand("standardised"),
        dense.sequential(4, 1, act="Tanh"),
        losses.SQUARED,
        by.sgd("0.05", update=ZERO_BEFORE_BACKWARD),
        100,
        "top letters script plot",
    ),
    (
        "slices-mean",
        mass.by_hand("by the mean"),
        dense.wide(4, 1, act="ReLU"),
        losses.HUBER,
        by.adam("5e-3", update=ZERO_AFTER),
        120,
        "functions usual notebook plot",
    ),
    (
        "stream",
        mass.generator("standardised"),
        dense.residual(6, 1),
        losses.SMOOTH,
        by.adamw("2e-3"),
        60,
        "functions course script plot",
    ),
    (
        "stream-exp",
        mass.generator("kg"),
        dense.sequential(6, 1),
        losses.EXPONENTIAL_OUTPUT,
        by.adam("3e-3"),
        60,
        "top french notebook plot",
    ),
    (
        "split-trainer",
        mass.split("kg"),
        dense.subclass(5, 1),
        losses.SQUARED,
        by.stepped(by.adam("0.01"), 40),
        100,
        "trainer usual notebook plot",
    ),
    (
        "split-root",
        mass.split("fixed"),
        dense.functional(5, 1),
        losses.OWN_ROOT,
        by.rmsprop("2e-3"),
        80,
        "top usual module plot",
    ),
    (
        "in-main",
        mass.split("standardised"),
        dense.sequential(5, 1),
        losses.SQUARED,
        by.adam("0.01"),
        60,
        "main long module print",
    ),
)


ODD: tuple[tuple[Row, dict[str, Any]], ...] = (  # with the fields in which they differ from the rows above
    (
        (
            "unjudged",
            mass.by_hand("kg"),
            dense.sequential(4, 1),
            losses.SQUARED,
            by.adam("5e-3"),
            100,
            "top short notebook plot",
        ),
        {"habits": Habits(validate=False), "may_lose": UNJUDGED},
    ),
    (
        (
            "no-optimiser",
            mass.by_hand("standardised"),
            dense.sequential(4, 1),
            losses.SQUARED,
            by.by_hand("0.05"),
            150,
            "top usual script plot",
        ),
        {},
    ),
)


def _recipes() -> Iterator[Recipe]:
    task, prefix = TaskId.PENGUINS_REGRESSION, "penguin-mass-"
    for index, row in enumerate(ROWS):
        yield replace(made(task, prefix, row), seed=None if index % 2 else index)
    for row, changes in ODD:
        yield replace(made(task, prefix, row), **changes)


RECIPES: tuple[Recipe, ...] = tuple(_recipes())
