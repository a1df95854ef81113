"""Correct submissions of the two exercises on images."""

from collections.abc import Iterator
from dataclasses import replace

from grader.types import TaskId
from tests.validity import digits, ellipses, losses
from tests.validity import optimisers as by
from tests.validity.recipe import ZERO_AFTER, Recipe
from tests.validity.rows import Row, made

N = digits.ROUNDS


DIGITS_ROWS: tuple[Row, ...] = (
    (
        "loaders",
        digits.loaders(),
        digits.lenet(),
        losses.CROSS_ENTROPY,
        by.adam("1e-3"),
        N,
        "functions usual notebook plot",
    ),
    (
        "one-cycle",
        digits.loaders(batch=64),
        digits.pooled(end="log-softmax"),
        losses.LIKELIHOOD_INSIDE,
        by.one_cycle(by.adam("1e-3"), "0.01", N),
        N,
        "arguments short notebook table",
    ),
    (
        "coloured",
        digits.coloured(),
        digits.sequential(channels=3),
        losses.CROSS_ENTROPY,
        by.adam("2e-3"),
        N,
        "trainer course notebook plot",
    ),
    (
        "slices",
        digits.by_hand(),
        digits.sequential(),
        losses.CROSS_ENTROPY_FUNCTION,
        by.sgd("0.05"),
        N,
        "top letters script plot",
    ),
    (
        "slices-residual",
        digits.by_hand(batch=32),
        digits.residual(),
        losses.SMOOTHED,
        by.adamw("2e-3"),
        N,
        "functions french notebook print",
    ),
    (
        "one-hot-logits",
        digits.one_hot(),
        digits.sequential(),
        losses.BINARY_LOGITS,
        by.adam("2e-3"),
        N,
        "one-pass usual notebook plot",
    ),
    (
        "one-hot-soft",
        digits.one_hot(),
        digits.pooled(),
        losses.SOFT_CROSS_ENTROPY,
        by.sgd("0.05", update=ZERO_AFTER),
        N,
        "fit long notebook plot",
    ),
    (
        "random-split",
        digits.split(),
        digits.lenet(),
        losses.LIKELIHOOD_OUTSIDE,
        by.rmsprop("1e-3"),
        N,
        "arguments usual script plot",
    ),
    ("stream", digits.generator(), digits.lenet(), losses.CROSS_ENTROPY, by.adam("1.5e-3"), N, "top short script best"),
    (
        "own-data",
        digits.own_dataset(),
        digits.lenet(side=32),
        losses.CROSS_ENTROPY,
        by.adam("1e-3"),
        N,
        "functions long notebook plot",
    ),
    (
        "separable",
        digits.loaders(),
        digits.separable(),
        losses.CROSS_ENTROPY,
        by.cosine(by.adam("5e-3"), N),
        N,
        "top usual notebook plot",
    ),
    (
        "in-main",
        digits.one_hot(),
        digits.lenet(),
        losses.BINARY_OUTSIDE,
        by.adam("1e-3"),
        N,
        "main course module print",
    ),
)


def _digits() -> Iterator[Recipe]:
    for index, row in enumerate(DIGITS_ROWS):
        yield replace(made(TaskId.MNIST_CLASSIFICATION, "digits-", row), seed=index if index % 3 else None)
    patches: Row = (
        "transformer",
        digits.loaders(many=40),
        digits.transformer(),
        losses.CROSS_ENTROPY,
        by.cosine(by.adamw("2e-3"), N),
        N,
        "fit usual notebook plot",
    )
    yield made(TaskId.MNIST_CLASSIFICATION, "digits-", patches)


ELLIPSE_ROWS: tuple[Row, ...] = (
    (
        "loaders",
        ellipses.course(),
        ellipses.contrast(),
        losses.SQUARED,
        by.cosine(by.adam("3e-3"), 45),
        45,
        "functions course notebook plot",
    ),
    (
        "sigmoid",
        ellipses.course(batch=20),
        ellipses.contrast(),
        losses.SIGMOID_OUTSIDE,
        by.cosine(by.adam("5e-3"), 28),
        28,
        "top usual notebook plot",
    ),
    (
        "standardised",
        ellipses.course("standardised"),
        ellipses.with_places(),
        losses.SMOOTH,
        by.one_cycle(by.adamw("1e-3"), "8e-3", 20),
        20,
        "arguments short notebook table",
    ),
    (
        "drawn-once",
        ellipses.fixed(items=2000),
        ellipses.contrast(),
        losses.SQUARED_FUNCTION,
        by.cosine(by.adam("5e-3"), 24),
        24,
        "fit usual notebook plot",
    ),
    (
        "absolute",
        ellipses.fixed("standardised", items=2000),
        ellipses.two_heads(),
        losses.ABSOLUTE,
        by.cosine(by.adamw("4e-3"), 15),
        15,
        "one-pass french notebook plot",
    ),
    (
        "slices",
        ellipses.by_hand(items=2000),
        ellipses.two_heads(),
        losses.SQUARED,
        by.cosine(by.adam("3e-3"), 15),
        15,
        "top long script print",
    ),
    (
        "stream",
        ellipses.generator(),
        ellipses.contrast(last="torch.sigmoid({})"),
        losses.SQUARED,
        by.cosine(by.adam("5e-3"), 28),
        28,
        "functions usual script plot",
    ),
    (
        "pixels",
        ellipses.wrapped(),
        ellipses.contrast(scale=" * 20 + 40"),
        losses.SMOOTH,
        by.cosine(by.adam("3e-3"), 20),
        20,
        "trainer course notebook plot",
    ),
    (
        "instance-norm",
        ellipses.course(),
        ellipses.normed(),
        losses.SQUARED,
        by.cosine(by.adam("4e-3"), 30),
        30,
        "top letters module plot",
    ),
)


def _ellipses() -> Iterator[Recipe]:
    for index, row in enumerate(ELLIPSE_ROWS):
        yield replace(made(TaskId.ELLIPSE_REGRESSION, "ellipse-", row), seed=index if index % 2 else None)


DIGITS: tuple[Recipe, ...] = tuple(_digits())
ELLIPSES: tuple[Recipe, ...] = tuple(_ellipses())
