"""Forged extremes: whatever validates as evidence, every check answers with a share in [0, 1] and finite words."""

import numpy as np
import pytest
from evidence_examples import context, document, guesses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.checks import run_checks
from grader.checks.constants import constant_loss
from grader.checks.convergence import settled
from grader.checks.data import leaking_column, sortedness
from grader.checks.result import CheckResult, by_scale, graded, number, percent
from grader.checks.scoring import share_between
from grader.evidence.model import Claims, LossClaim
from grader.rubric import load_rubric
from grader.types import Status, TaskId

HUGE = 2**53
counts = st.sampled_from([0, 1, 2, 3, 16, 1000, HUGE])
floats = st.sampled_from([None, 0.0, -0.0, 1e-320, -1.0, 0.5, 1e308, -1e308])
shapes = st.none() | st.lists(st.sampled_from([0, 1, 2, 3, 10, 2**40]), max_size=4)
flags = st.sampled_from([None, True, False])


@st.composite
def hostile_claims(draw):
    """Claims that validate and make no sense."""
    curves = st.lists(st.fixed_dictionaries({"step": counts, "loss": floats}), max_size=8)
    episode = {
        "optimiser": {"kind": draw(st.sampled_from(["", "Adam", "<script>"])), "lr": draw(floats)},
        "model_class": "",
        "marked": draw(st.booleans()),
    }
    for name in (
        "steps",
        "backwards",
        "zero_grads",
        "steps_with_empty_gradients",
        "stale_backwards",
        "zeroed_before_step",
        "steps_in_eval_mode",
        "detached_backwards",
    ):
        episode[name] = draw(counts)
    episode |= {
        "weight_change": draw(floats),
        "batch_sizes": draw(st.lists(counts, max_size=2)),
        "distinct_batches": draw(counts),
        "non_finite_losses": draw(counts),
    }
    kinds = st.sampled_from(
        ["cross_entropy", "nll_loss", "mse_loss", "custom", "binary_cross_entropy_with_logits", "smooth_l1_loss", "?"]
    )
    loss = st.fixed_dictionaries(
        {
            "kind": kinds,
            "phase": st.sampled_from(["train", "eval"]),
            "calls": counts,
            "input_shape": shapes,
            "target_shape": shapes,
            "input_max": floats,
            "rows_sum_to_one": flags,
            "target_form": st.sampled_from(["index", "one-hot", "float", "unknown"]),
        }
    )
    passes = st.fixed_dictionaries(
        {
            "phase": st.sampled_from(["train", "eval"]),
            "loader": st.sampled_from([None, 0, 7]),
            "dataset": st.sampled_from([None, 0, 7]),
            "forwards": counts,
            "samples": counts,
            "step": counts,
            "steps": counts,
            "in_training_mode": counts,
            "with_gradients": counts,
        }
    )
    operation = st.fixed_dictionaries(
        {"name": st.sampled_from(["addmm", "relu", "convolution", "", "x"]), "output_shape": st.just([0])}
    )
    net = st.none() | st.fixed_dictionaries(
        {
            "class_name": st.just(""),
            "parameters": counts,
            "trainable_parameters": counts,
            "operations": st.lists(operation, max_size=4),
            "output_shape": shapes,
            "linearity": floats,
            "has_dropout": st.booleans(),
            "trace_error": st.sampled_from([None, "", "E: x"]),
        }
    )
    return {
        "schema_version": 1,
        "task": "penguins-classification",
        "complete": draw(st.booleans()),
        "architecture": draw(net),
        "episodes": [episode],
        "losses": draw(st.lists(loss, max_size=2)),
        "train_curve": draw(curves),
        "passes": draw(st.lists(passes, max_size=3)),
        "loaders": draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "id": st.just(0),
                        "batches": st.none() | counts,
                        "iterations": counts,
                        "abandoned": counts,
                        "shuffles": flags,
                    }
                ),
                max_size=1,
            )
        ),
        "datasets": draw(
            st.lists(
                st.fixed_dictionaries({"id": st.just(0), "kind": st.just("D"), "length": st.none() | counts}),
                max_size=1,
            )
        ),
        "split": draw(
            st.fixed_dictionaries(
                {
                    "eval_rows": counts,
                    "train_rows": counts,
                    "shared_rows": st.none() | counts,
                    "shared_indices": st.none() | counts,
                }
            )
        ),
    }


values = st.sampled_from([0.0, 1.0, 2.0, np.nan, np.inf, -np.inf, 1e308, 1e-320])


@st.composite
def hostile_arrays(draw):
    """Arrays of any numeric type, shape and content."""
    found = {}
    for name in ("train_inputs", "train_targets", "train_outputs", "eval_inputs"):
        if draw(st.booleans()):
            shape = draw(
                st.sampled_from([(), (0,), (1,), (40,), (40, 1), (40, 3), (39, 3), (40, 2, 2), (2, 1, 28, 28)])
            )
            kind = draw(st.sampled_from(["f4", "f8", "i8", "?", "U3"]))
            with np.errstate(all="ignore"):
                found[name] = np.full(shape, "a") if kind == "U3" else np.full(shape, draw(values)).astype(kind)
    return found


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(told=hostile_claims(), data=hostile_arrays(), task=st.sampled_from(list(TaskId)), guess=values)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_check_answers_whatever_is_claimed(told, data, task, guess):
    outputs = {TaskId.PENGUINS_REGRESSION: 1, TaskId.ELLIPSE_REGRESSION: 4}.get(task)
    fake = (
        guesses(labels=np.zeros(60, dtype=np.int64))
        if outputs is None
        else guesses(values=np.full((60, outputs), guess))
    )
    ctx = context(task, guess=fake, data=data, doc={"claims": told | {"task": task}})
    assert isinstance(ctx.claims, Claims)
    for result in run_checks(ctx, load_rubric(task)):
        assert 0.0 <= result.share <= 1.0
        assert result.found
        assert "nan" not in result.found.split()


@pytest.mark.parametrize("share", [np.nan, np.inf, -np.inf, -1.0, 2.0])
def test_a_share_that_is_no_share_gives_nothing_away(share):
    assert graded(share, aim="a", found="f").share in (0.0, 1.0)
    assert share == 2.0 or graded(share, aim="a", found="f").status is Status.FAIL
    with pytest.raises(ValueError, match="share"):
        CheckResult(Status.PARTIAL, share, "a", "f")


@pytest.mark.parametrize(
    ("status", "share"), [(Status.FAIL, 1.0), (Status.FAIL, 0.5), (Status.PASS, 0.9), (Status.BLOCKED, 0.1)]
)
def test_a_status_bounds_its_share(status, share):
    with pytest.raises(ValueError, match=status.value):
        CheckResult(status, share, "a", "f")


@pytest.mark.parametrize(
    ("share", "status"),
    [(0.0, Status.FAIL), (0.49, Status.FAIL), (0.5, Status.PARTIAL), (0.99, Status.PARTIAL), (1.0, Status.PASS)],
)
def test_less_than_half_of_a_measured_way_is_a_fail_that_keeps_its_points(share, status):
    found = by_scale(share, aim="a", found="f", gap="g", next="n")
    assert (found.status, found.share) == (status, share)
    assert by_scale(np.nan, aim="a", found="f").share == 0.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (382.4, "382"),
        (12345.0, "12,300"),
        (1e300, "1e+300"),
        (float("nan"), "not a number"),
        (-4.567, "-4.57"),
    ],
)
def test_numbers_are_rounded_sensibly(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "50%"), (0.991, "99.1%"), (1.0, "100%"), (0.0, "0%"), (float("inf"), "an unknown share")]
)
def test_shares_are_read_as_percent(value, text):
    assert percent(value) == text


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_line_between_the_anchors_gives_nothing_for_no_number(bad):
    assert share_between(bad, 0.3, 0.9) == share_between(0.5, bad, 0.9) == share_between(0.5, 0.3, bad) == 0.0


def test_best_constants_agree_with_a_search():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 100).astype(float)
    shares = np.bincount(labels.astype(int)) / 100
    loss = LossClaim(kind="cross_entropy", phase="train", calls=1, target_form="index")
    assert constant_loss(loss, labels)[0] == pytest.approx(-(shares * np.log(shares)).sum())
    targets = rng.uniform(0, 1, (100, 1))
    grid = np.linspace(0.01, 0.99, 981)
    for kind, each in (
        ("mse_loss", lambda c: np.square(targets - c)),
        ("l1_loss", lambda c: np.abs(targets - c)),
        ("smooth_l1_loss", lambda c: 0.5 * np.square(targets - c)),
        ("binary_cross_entropy", lambda c: -targets * np.log(c) - (1 - targets) * np.log(1 - c)),
    ):
        best = min(each(c).mean() for c in grid)
        assert constant_loss(loss.model_copy(update={"kind": kind}), targets)[0] == pytest.approx(best, rel=1e-3)
    assert constant_loss(loss.model_copy(update={"reduction": "sum"}), labels) is None
    assert constant_loss(loss, np.array([np.nan])) is None
    assert constant_loss(loss, None) is None


def test_settled_tells_a_line_from_a_curve_that_has_levelled_out():
    steps = range(1, 101)
    assert not settled([(s, 1 - s / 100) for s in steps], 0.15)
    assert settled([(s, float(np.exp(-s / 10))) for s in steps], 0.15)
    assert not settled([(1, 1.0)], 0.15)
    assert settled([(5, 1.0)] * 9, 0.15)


def test_orders_and_leaks_of_degenerate_columns():
    assert sortedness(np.zeros(50)) == sortedness(np.array([1.0])) == 0.0
    rows = np.full((50, 2), np.nan)
    assert leaking_column(rows, np.arange(50) % 3, classifies=True) is None
    assert leaking_column(rows, np.arange(50.0), classifies=False) is None
    assert leaking_column(np.zeros((50, 1)), np.zeros(50), classifies=True) is None


def test_documents_are_built_from_validated_models():
    assert document(TaskId.MNIST_CLASSIFICATION).claims is not None
