"""A pass is measured in the task's unit however targets were encoded, and what is not known is not measured."""

import math

import pytest
import torch

from grader.probe.level import Level
from grader.probe.plateau import FEWEST, WINDOW, far_past, levelled_off

ACCURACY = {"metric": "accuracy", "level": 0.96, "baseline": 0.45, "outputs": 3}
MASS = {"metric": "mae", "level": 300.0, "baseline": 690.0, "outputs": 1, "spread": [800.0]}
PIXELS = {"metric": "rmse", "level": 1.8, "baseline": 18.0, "outputs": 4, "spread": [24.0, 24.0, 8.0, 8.0]}


def generator():
    return torch.Generator().manual_seed(0)


def mass(count=400, error=200.0):
    """Grams (n, 1) with a standard deviation of 800, and answers off by ``error`` either way."""
    raw = torch.randn(count, 1, generator=generator(), dtype=torch.float64)
    grams = 4200 + 800 * (raw - raw.mean()) / raw.std(correction=0)
    return grams, grams + error * (1 - 2 * (torch.arange(count) % 2))[:, None]


def ellipses(error=1.0, count=1000):
    """Parameters in pixels (n, 4) and answers that are off by ``error`` either way in each of them."""
    raw = torch.randn(count, 4, generator=generator(), dtype=torch.float64)
    pixels = 64 + torch.tensor([24.0, 24.0, 8.0, 8.0]) * (raw - raw.mean(0)) / raw.std(0, correction=0)
    return pixels, pixels + error * (1 - 2 * (torch.arange(count) % 2))[:, None]


def value(rule, given, wanted):
    level = Level(rule)
    return level.measure(level.sums(given, wanted))[0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("form", ["index", "column", "one-hot"])
def test_accuracy_does_not_depend_on_the_order_of_classes_or_their_form(order, form):
    classes = torch.tensor(order)[torch.arange(60) % 3]
    logits = torch.nn.functional.one_hot(classes, 3).float()
    logits[:6] = logits[:6].roll(1, 1)
    wanted = {"index": classes, "column": classes[:, None], "one-hot": torch.nn.functional.one_hot(classes, 3).float()}
    assert value(ACCURACY, logits, wanted[form]) == pytest.approx(0.9)


@pytest.mark.parametrize(("factor", "shift"), [(1, 0), (1 / 4200, 0), (1 / 800, -5.25), (-0.01, 3)])
def test_the_mass_error_is_in_grams_however_the_mass_was_scaled(factor, shift):
    wanted, given = (part * factor + shift for part in mass())
    assert value(MASS, given.float(), wanted.float()) == pytest.approx(200, rel=1e-3)
    assert value(MASS, given.float()[:, 0], wanted.float()[:, 0]) == pytest.approx(200, rel=1e-3)


def test_the_unit_of_ellipses_is_told_by_how_much_each_parameter_varies():
    wanted, given = ellipses()
    assert value(PIXELS, given / 128, wanted / 128) == pytest.approx(1, rel=1e-3)
    assert value(PIXELS, given, wanted) == pytest.approx(1, rel=1e-3)


def test_of_standardised_ellipse_parameters_the_worst_decides():
    """Their order is not known, so the largest spread is taken for each."""
    scale = torch.tensor([24.0, 24.0, 8.0, 8.0])
    wanted, given = (part / scale for part in ellipses())
    assert value(PIXELS, given, wanted) == pytest.approx(3, rel=1e-2)


@pytest.mark.parametrize("columns", [[2, 3, 0, 1], [0, 2, 1, 3]])
def test_ellipse_parameters_in_another_order_are_not_measured(columns):
    wanted, given = (part[:, columns] for part in ellipses())
    level = Level(PIXELS)
    assert level.measure(level.sums(given, wanted)) is None


@pytest.mark.parametrize(
    ("rule", "given", "wanted"),
    [
        (ACCURACY, torch.zeros(40, 4), torch.zeros(40, dtype=torch.long)),
        (ACCURACY, torch.zeros(40, 3), torch.zeros(40)),
        (ACCURACY, torch.zeros(40, 3), torch.zeros(39, dtype=torch.long)),
        (ACCURACY, torch.zeros(40), torch.zeros(40, dtype=torch.long)),
        (ACCURACY, torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)),
        (ACCURACY, torch.tensor(1.0), torch.tensor(1)),
        (ACCURACY, None, torch.zeros(40, dtype=torch.long)),
        (MASS, torch.zeros(40, 1), torch.zeros(40)),
        (MASS, torch.zeros(40, 1), torch.zeros(40, 1, dtype=torch.long)),
        (PIXELS, torch.zeros(40), torch.zeros(40)),
    ],
)
def test_tensors_of_another_form_are_not_measured(rule, given, wanted):
    assert Level(rule).sums(given, wanted) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_not_measured(bad):
    wanted, given = mass()
    given[3] = bad
    level = Level(MASS)
    assert level.measure(level.sums(given, wanted)) is None


def test_targets_that_do_not_vary_and_passes_of_few_items_are_not_measured():
    level = Level(MASS)
    assert level.measure(level.sums(torch.ones(40, 1), torch.full((40, 1), 4.2))) is None
    wanted, given = mass(count=29)
    assert level.measure(level.sums(given, wanted)) is None


@pytest.mark.parametrize(
    "change",
    [{"metric": "f1"}, {"level": 0.4}, {"level": math.nan}, {"metric": "mae"}, {"metric": "mae", "spread": [0, 1, 1]}],
)
def test_a_rule_that_makes_no_sense_is_refused(change):
    with pytest.raises(ValueError, match="level"):
        Level(ACCURACY | change)


def accuracies(*right, count):
    return [torch.tensor([float(count), float(n)], dtype=torch.float64) for n in right]


def test_full_marks_in_every_pass_and_a_level_course_is_what_it_takes():
    level = Level(ACCURACY)
    assert levelled_off(level, accuracies(*[60] * WINDOW, count=60)) == 1
    assert levelled_off(level, accuracies(*[60] * (WINDOW - 1), count=60)) is None
    assert levelled_off(level, accuracies(*[60] * WINDOW, count=60), 2) is None
    assert levelled_off(level, accuracies(57, *[60] * (WINDOW - 1), count=60)) is None
    assert levelled_off(level, accuracies(57, *[60] * WINDOW, count=60)) == 1


def test_few_items_must_be_better_than_many():
    """At 97.5%, one standard error below costs more than may be lost with 40 items, and nothing with 2,000."""
    level = Level(ACCURACY)
    assert levelled_off(level, accuracies(*[39] * WINDOW, count=40)) is None
    assert levelled_off(level, accuracies(*[1950] * WINDOW, count=2000)) is not None


def test_a_long_training_must_rest_for_longer():
    level = Level(ACCURACY)
    late = accuracies(*[40] * 90, *[60] * 20, count=60)
    assert levelled_off(level, late) is None
    assert levelled_off(level, [*late, *accuracies(*[60] * 10, count=60)]) is not None


@pytest.mark.parametrize("slope", [3.0, -3.0])
def test_who_still_gets_better_or_worse_has_not_levelled_off(slope):
    level = Level(MASS)
    figures = [level.sums(*reversed(mass(error=200 + slope * i))) for i in range(WINDOW)]
    assert levelled_off(level, figures) is None


def test_a_course_may_jump_a_little():
    """By more, the mark would depend on the very epoch in which the training ends."""
    level = Level(MASS)
    for jump, calm in ((3, True), (10, False)):
        figures = [level.sums(*reversed(mass(error=200 + jump * (-1) ** i))) for i in range(WINDOW)]
        assert (levelled_off(level, figures) is not None) == calm


LAX = {"metric": "accuracy", "level": 0.76, "baseline": 0.11, "outputs": 10}


def test_who_is_far_past_the_level_need_not_come_to_rest():
    level = Level(LAX)
    rising = accuracies(1900, 1930, 1950, 1960, count=2000)
    assert levelled_off(level, rising) is None
    assert far_past(level, rising) == 0.98  # the latest


def test_four_passes_must_be_far_past_the_level():
    level = Level(LAX)
    assert far_past(level, accuracies(*[1900] * (FEWEST - 1), count=2000)) is None
    assert far_past(level, accuracies(1000, *[1900] * (FEWEST - 1), count=2000)) is None
    assert far_past(level, accuracies(1000, *[1900] * FEWEST, count=2000)) == 0.95
    assert far_past(level, accuracies(*[1650] * FEWEST, count=2000)) is None  # 6.5 points to the level, before errors


def test_far_is_by_how_much_figures_vary():
    level = Level(LAX)
    assert far_past(level, accuracies(1950, 1830, 1950, 1830, count=2000)) is None
    assert far_past(level, accuracies(*[36] * FEWEST, count=40)) is None  # few items


def test_who_becomes_worse_is_not_past_the_level_for_good():
    level = Level(LAX)
    assert far_past(level, accuracies(1980, 1970, 1950, 1940, count=2000)) is None
    mass_level = Level(MASS)
    worse = [mass_level.sums(*reversed(mass(error=100 + 8 * i))) for i in range(FEWEST)]
    assert far_past(mass_level, worse) is None
    assert far_past(mass_level, worse[::-1]) is not None
