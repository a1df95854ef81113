"""Correct submissions of the species exercise."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from grader.types import TaskId
from tests.validity import dense, losses, species
from tests.validity import optimisers as by
from tests.validity.recipe import GRADIENTS_TO_NONE, TWO_BATCHES_A_STEP, ZERO_AFTER, Habits, Optimiser, Recipe
from tests.validity.rows import UNFOLLOWED, UNJUDGED, Row, made

ROWS: tuple[Row, ...] = (
    (
        "course-blocks",
        species.course("alphabet"),
        dense.blocks(5, 3),
        losses.CROSS_ENTROPY,
        by.adam("2e-3"),
        120,
        "functions course notebook plot",
    ),
    (
        "course-one-hot",
        species.course("backwards", one_hot=True),
        dense.blocks(5, 3, p=0.05),
        losses.BINARY_OUTSIDE,
        by.adam("5e-3"),
        100,
        "arguments usual notebook table",
    ),
    (
        "course-softmax-inside",
        species.course("other", one_hot=True),
        dense.sequential(5, 3, norm=True, end="softmax"),
        losses.BINARY_INSIDE,
        by.nadam(),
        100,
        "trainer course notebook print",
    ),
    (
        "rows-relu",
        species.rows("mixed"),
        dense.functional(4, 3),
        losses.CROSS_ENTROPY,
        by.adamw(),
        60,
        "top short notebook plot",
    ),
    (
        "rows-nll",
        species.rows("alphabet"),
        dense.functional(4, 3, act="torch.tanh", end="log-softmax"),
        losses.LIKELIHOOD_INSIDE,
        by.sgd("0.05"),
        80,
        "functions long notebook best",
    ),
    (
        "rows-two-batches",
        species.rows("other"),
        dense.sequential(4, 3, act="Mish"),
        losses.CROSS_ENTROPY,
        by.adam("0.01", update=TWO_BATCHES_A_STEP),
        80,
        "functions usual script plot",
    ),
    (
        "arrays-wide",
        species.arrays("other"),
        dense.wide(4, 3),
        losses.CROSS_ENTROPY_FUNCTION,
        by.stepped(by.adam("0.01"), 30),
        80,
        "fit usual script plot",
    ),
    (
        "arrays-squared",
        species.arrays("alphabet", one_hot=True),
        dense.sequential(4, 3, act="ELU"),
        losses.SQUARED_ONE_HOT,
        by.rmsprop("3e-3"),
        80,
        "one-pass short notebook plot",
    ),
    (
        "arrays-few-epochs",
        species.arrays("backwards", batch=4),
        dense.sequential(4, 3),
        losses.CROSS_ENTROPY,
        by.adam("3e-3"),
        15,
        "top french notebook print",
    ),
    (
        "arrays-full-batch",
        species.arrays("other", batch=400),
        dense.sequential(4, 3),
        losses.CROSS_ENTROPY,
        by.adam("0.02"),
        250,
        "fit letters notebook plot",
    ),
    (
        "arrays-closure",
        species.arrays("alphabet", batch=300),
        dense.wide(4, 3),
        losses.CROSS_ENTROPY,
        by.lbfgs(),
        40,
        "top usual notebook plot",
    ),
    (
        "in-main",
        species.arrays("mixed"),
        dense.functional(4, 3),
        losses.LOG_OF_SOFTMAX,
        by.rmsprop(),
        60,
        "main usual module print",
    ),
    (
        "slices",
        species.by_hand("backwards"),
        dense.sequential(6, 3),
        losses.CROSS_ENTROPY,
        by.sgd("0.05", update=ZERO_AFTER),
        60,
        "top letters script plot",
    ),
    (
        "slices-listed",
        species.by_hand("mixed"),
        dense.listed(6, 3),
        losses.LIKELIHOOD_OUTSIDE,
        by.adam("3e-3", update=GRADIENTS_TO_NONE),
        80,
        "functions french notebook table",
    ),
    (
        "stream-residual",
        species.generator("alphabet"),
        dense.residual(4, 3),
        losses.CROSS_ENTROPY,
        by.adamw("3e-3"),
        60,
        "functions usual script plot",
    ),
    (
        "stream-logits",
        species.generator("other", one_hot=True),
        dense.sequential(4, 3, act="GELU"),
        losses.BINARY_LOGITS,
        by.adam("0.01"),
        80,
        "top short notebook plot",
    ),
    (
        "sklearn-trainer",
        species.sklearn(),
        dense.subclass(4, 3),
        losses.CROSS_ENTROPY,
        by.cosine(by.adam("0.01"), 80),
        80,
        "trainer usual notebook plot",
    ),
    (
        "sklearn-one-cycle",
        species.sklearn(one_hot=True),
        dense.blocks(4, 3),
        losses.SOFT_CROSS_ENTROPY,
        by.one_cycle(by.adam("1e-3"), "0.02", 60),
        60,
        "arguments long notebook print",
    ),
    (
        "pairs-smoothed",
        species.pairs("alphabet"),
        dense.sequential(7, 3, act="SELU"),
        losses.SMOOTHED,
        by.sgd("0.02"),
        60,
        "fit french script plot",
    ),
    (
        "rows-averaged",
        species.rows("alphabet"),
        dense.sequential(4, 3, act="GELU"),
        losses.AVERAGED,
        by.averaged(),
        60,
        "functions usual notebook plot",
    ),
    (
        "arrays-compiled",
        species.arrays("mixed"),
        dense.sequential(4, 3, act="SiLU"),
        losses.COMPILED,
        by.compiled(),
        60,
        "top short notebook print",
    ),
    (
        "pairs-own-loss",
        species.pairs("backwards"),
        dense.wide(7, 3, act="ReLU"),
        losses.OWN_CROSS_ENTROPY,
        by.adam("5e-3"),
        50,
        "top usual module best",
    ),
)


ODD: tuple[tuple[Row, dict[str, Any]], ...] = (  # with the fields in which they differ from the rows above
    (
        (
            "unjudged",
            species.by_hand("alphabet"),
            dense.sequential(6, 3),
            losses.CROSS_ENTROPY,
            by.adam("5e-3"),
            60,
            "top short notebook plot",
        ),
        {"habits": Habits(validate=False), "may_lose": UNJUDGED},
    ),
    (
        (
            "linear",
            species.arrays("alphabet"),
            dense.linear(4, 3),
            losses.CROSS_ENTROPY,
            by.sgd("0.1"),
            100,
            "top usual notebook plot",
        ),
        {"may_lose": frozenset({"architecture"})},
    ),
    (
        (
            "no-optimiser",
            species.arrays("mixed"),
            dense.sequential(4, 3),
            losses.CROSS_ENTROPY,
            by.by_hand(),
            120,
            "top usual notebook plot",
        ),
        {},
    ),
    (
        (
            "bare-tensors",
            species.arrays("backwards"),
            dense.weights(4, 3),
            losses.CROSS_ENTROPY,
            Optimiser("Adam", "$opt = torch.optim.Adam(weights, lr=0.01)"),
            80,
            "top long script plot",
        ),
        {"habits": Habits(train_mode=False, eval_mode=False), "may_lose": UNFOLLOWED},
    ),
)


def _recipes() -> Iterator[Recipe]:
    task, prefix = TaskId.PENGUINS_CLASSIFICATION, "penguin-species-"
    for index, row in enumerate(ROWS):
        yield replace(made(task, prefix, row), seed=None if index % 2 else index)
    for row, changes in ODD:
        yield replace(made(task, prefix, row), **changes)


RECIPES: tuple[Recipe, ...] = tuple(_recipes())
