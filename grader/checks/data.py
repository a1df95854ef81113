"""What data reaches the net: suitable inputs, the answer not among them, sides kept apart, mixed batches."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grader.checks.context import Context
from grader.checks.result import CheckResult, count, failed, graded, passed, percent
from grader.checks.sides import shared_share, tolerated_share
from grader.checks.unreached import unreached
from grader.evidence.model import DatasetClaim, LoaderClaim, PassClaim
from grader.limits import MAX_TABLE_WIDTH
from grader.predictions import recorded

Floats = NDArray[np.float64]
COLUMNS_AIM = "Several measurements of each penguin reach the net, and the answer itself is not one of them."
IMAGES_AIM = "The images reach the net as arrays of pixels."
SPLIT_AIM = "The net is judged on data it was not trained on."
BATCHES_AIM = "The training data comes in batches that mix all kinds of items."
LEAK_ROWS = 30  # rows below which a perfect relation may be chance
LEAK_CORRELATION = 0.9995
MOST_SEEN = 0.5  # of the items, where most of them are called unseen
SORTED_SCORE = 6.0  # standard deviations away from a random order


def columns(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """Tabular inputs: enough columns, none of which is the answer."""
    if (gate := ctx.without_claims(COLUMNS_AIM)) is not None:
        return gate
    if not ctx.attempted:
        return unreached(ctx, _loaded(ctx, COLUMNS_AIM, params["loaded_share"]))
    inputs, targets = ctx.array("train_inputs"), ctx.array("train_targets")
    if inputs is None:
        return passed(COLUMNS_AIM, "A net was trained on the data; nothing speaks against its inputs.")
    rows = inputs.reshape(len(inputs), -1)
    leak = leaking_column(rows, targets, classifies=ctx.classifies)
    if leak is not None:
        return failed(
            aim=COLUMNS_AIM,
            found=f"Input column {leak + 1} alone gives the target away.",
            gap="The net can read the answer off its inputs.",
            next=(
                "Print one row of inputs beside its target. Which of these numbers would you not have for a new "
                "penguin?"
            ),
        )
    width = rows.shape[1]
    found = f"{count(width, 'column')} of inputs and the target kept out of them."
    if width >= params["min_columns"]:
        return passed(COLUMNS_AIM, found)
    if ctx.architecture is not None and ctx.architecture.input_tensors > 1:
        return passed(COLUMNS_AIM, f"{count(ctx.architecture.input_tensors, 'tensor')} of inputs reach the net.")
    return graded(
        width / params["min_columns"],
        aim=COLUMNS_AIM,
        found=found,
        gap=f"At least {params['min_columns']:g} columns are expected.",
        next=(
            "Plot two of the other measurements against each other: do they tell the penguins apart better than one "
            "does?"
        ),
    )


def leaking_column(rows: Floats, targets: Floats | None, *, classifies: bool) -> int | None:
    """The first column of ``rows`` (n, k) that alone determines the target, or None. Measured numbers that happen to
    separate the classes are not meant: for classes the column must be a code or an indicator of the class itself."""
    if targets is None or len(targets) != len(rows) or len(rows) < LEAK_ROWS or not np.isfinite(targets).all():
        return None
    if rows.shape[1] > MAX_TABLE_WIDTH:  # no table has so many columns
        return None
    flat = targets.reshape(len(targets), -1)
    if classifies:
        labels = flat.argmax(axis=1) if flat.shape[1] > 1 else flat[:, 0].astype(np.int64)
        return next((i for i in range(rows.shape[1]) if _codes_class(rows[:, i], labels)), None)
    if flat.shape[1] != 1:
        return None
    return next((i for i in range(rows.shape[1]) if _correlation(rows[:, i], flat[:, 0]) > LEAK_CORRELATION), None)


def _codes_class(column: Floats, labels: NDArray[np.int64]) -> bool:
    values = np.unique(column)
    classes = np.unique(labels)
    if len(classes) < 2 or not 2 <= len(values) <= len(classes) or not np.isfinite(column).all():
        return False
    pairs = len(np.unique(np.column_stack([np.searchsorted(values, column), labels]), axis=0))
    if pairs == len(classes):  # each class has one value of its own, or shares it
        return len(values) == len(classes) or any((labels[column == v] == labels[column == v][0]).all() for v in values)
    return False


def _correlation(a: Floats, b: Floats) -> float:
    if not np.isfinite(a).all() or np.ptp(a) == 0 or np.ptp(b) == 0 or max(np.abs(a).max(), np.abs(b).max()) > 1e100:
        return 0.0
    with np.errstate(all="ignore"):
        found = float(abs(np.corrcoef(a, b)[0, 1]))
    return found if np.isfinite(found) else 0.0


def images(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """Image inputs: pixels that differ from item to item."""
    if (gate := ctx.without_claims(IMAGES_AIM)) is not None:
        return gate
    if not ctx.attempted:
        return unreached(ctx, _loaded(ctx, IMAGES_AIM, params["loaded_share"]))
    inputs = recorded.as_seen(ctx.evidence, "train_inputs")
    if inputs is None:
        return passed(IMAGES_AIM, "A net was trained on the data; nothing speaks against its inputs.")
    shape = " x ".join(str(n) for n in inputs.shape[1:])
    if len(inputs) > 1 and recorded.finite(inputs) and all((image == inputs[0]).all() for image in inputs):
        return graded(
            0.2,
            aim=IMAGES_AIM,
            found=f"The inputs are {shape} numbers, and they are the same for every image.",
            gap="Nothing of the images is left in them.",
            next="Show one batch with imshow right before it enters the net; then go back one transform at a time.",
        )
    if inputs[0].size >= 49:
        return passed(IMAGES_AIM, f"Images of {shape} numbers each reach the net.")
    return graded(
        0.5,
        aim=IMAGES_AIM,
        found=f"Only {count(int(inputs[0].size), 'number')} per image reach the net.",
        gap="Most of each image is lost.",
        next="Print the shape of one batch after every step that it passes on the way to the net.",
    )


def _loaded(ctx: Context, aim: str, share: float) -> CheckResult:
    if ctx.claims is not None and (ctx.claims.datasets or ctx.claims.loaders):
        return graded(
            share,
            aim=aim,
            found="The data is loaded, but no net was trained on it yet.",
            gap="It has not reached a net.",
            next="Take one batch from the loader, print its shape, and pass it through a net.",
        )
    return failed(
        aim=aim,
        found="Not attempted yet: no data set was handed to a loader or a net.",
        next="Load the data and look at one item: its inputs and its target.",
    )


def split(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """Rows or items that were trained on must not be those the net is judged on."""
    if (gate := ctx.without_claims(SPLIT_AIM)) is not None:
        return gate
    if (gate := ctx.unfollowed(SPLIT_AIM)) is not None:
        return gate
    if not ctx.attempted:
        return unreached(ctx, _unused_sides(ctx.told.datasets, params["unseen_share"]))
    if not ctx.later_evaluations:
        return graded(
            params["unseen_share"],
            aim=SPLIT_AIM,
            found="The net was trained, but not judged on any other data.",
            gap="There is no validation side.",
            next="Keep some of the data away from the training and compute the loss on it after each epoch.",
        )
    overlap = shared_share(ctx)
    if overlap is None or overlap <= tolerated_share(ctx, params["tolerance"]):
        return passed(
            SPLIT_AIM,
            "The data the net was judged on was not trained on."
            if overlap is not None
            else "No sign of shared data on both sides.",
        )
    return failed(
        aim=SPLIT_AIM,
        found=f"{percent(overlap)} of what the net was judged on had been trained on.",
        gap="It shows how much the net remembers, not how well it does on new data.",
        next=(
            "Which data set does the loop that judges the net run over? Print the length and the first item of both "
            "sides."
        ),
    )


def _unused_sides(datasets: Sequence[DatasetClaim], share: float) -> CheckResult:
    if {d.split for d in datasets} >= {"train", "valid"}:
        return graded(
            share,
            aim=SPLIT_AIM,
            found="Both sides are loaded; no net was trained on them yet.",
            gap="Not used yet.",
            next="Train on one side and judge on the other.",
        )
    return failed(
        aim=SPLIT_AIM,
        found="Not attempted yet: nothing was trained.",
        next="Make one data set to train on and one to judge by.",
    )


def batches(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """Batches that differ from step to step and mix the classes."""
    if (gate := ctx.without_claims(BATCHES_AIM)) is not None:
        return gate
    episode, claims = ctx.episode, ctx.told
    if not ctx.attempted:
        return unreached(ctx, _unused_loader(claims.loaders))
    size = episode.batch_sizes[0] if episode is not None and episode.batch_sizes else 0
    total = _items(ctx)
    if episode is not None and episode.steps >= 20 and episode.distinct_batches == 1 and size and size < 0.25 * total:
        return graded(
            0.2,
            aim=BATCHES_AIM,
            found=f"All {episode.steps:,} steps used the same {count(size, 'item')}.",
            gap="The rest of the training data was never seen.",
            next="Print the sum of the inputs at each of the first three steps. Should it change?",
        )
    loaders = _training_loaders(ctx)
    if _first_batch_only(ctx, loaders):
        return graded(
            0.4,
            aim=BATCHES_AIM,
            found="Each epoch ended after its first batch.",
            gap=(
                "The net makes one step where it could make many."
                if _sees_most(ctx, loaders)
                else "Most of the training data was never seen."
            ),
            next=(
                "Count the batches inside the loop over the loader. Which line ends the loop, and how far is it "
                "indented?"
            ),
        )
    if _in_order(ctx, loaders, size):
        return graded(
            params["unshuffled_share"],
            aim=BATCHES_AIM,
            found="The training data comes in its sorted order: neighbours in a batch are alike.",
            gap="One kind of penguin after the other pulls the weights to and fro.",
            next="Print the targets of the first three batches. What would a shuffled deck look like?",
        )
    return passed(
        BATCHES_AIM, f"Batches of {count(size, 'item')}." if size else "The net was trained in steps on the data."
    )


def _unused_loader(loaders: Sequence[LoaderClaim]) -> CheckResult:
    if any(loader.batch_size for loader in loaders):
        return graded(
            0.5,
            aim=BATCHES_AIM,
            found="A loader hands out batches; no net was trained on them yet.",
            gap="Not used yet.",
            next="Pass one batch through the net.",
        )
    return failed(
        aim=BATCHES_AIM,
        found="Not attempted yet: nothing was trained.",
        next="Let a DataLoader hand out the training data and print the shape of one batch.",
    )


def _items(ctx: Context) -> int:
    claims = ctx.claims
    lengths = [d.length or 0 for d in claims.datasets] if claims else []
    return max([len(ctx.world.training), *lengths]) if ctx.tabular else max([1000, *lengths])


def _training_passes(ctx: Context) -> list[PassClaim]:
    return [p for p in ctx.claims.passes if p.phase == "train"] if ctx.claims else []


def _training_loaders(ctx: Context) -> list[LoaderClaim]:
    used = {p.loader for p in _training_passes(ctx) if p.loader is not None}
    return [loader for loader in ctx.claims.loaders if loader.id in used] if ctx.claims else []


def _first_batch_only(ctx: Context, loaders: list[LoaderClaim]) -> bool:
    passes = _training_passes(ctx)
    if len(passes) < 3 or not loaders or any(p.forwards > 1 or p.loader is None for p in passes):
        return False
    if _sees_most(ctx, loaders) and not _judged_after_each(ctx):  # a batch at a time, all of the data in the end
        return False
    return all(
        (loader.batches or 0) >= 3 and loader.abandoned >= 3 and loader.abandoned == loader.iterations
        for loader in loaders
    )


def _sees_most(ctx: Context, loaders: Sequence[LoaderClaim]) -> bool:
    """Whether most items were trained on at some time."""
    items = sum((loader.batches or 0) * (loader.batch_size or 1) for loader in loaders)
    return ctx.told.split.train_rows > MOST_SEEN * items


def _judged_after_each(ctx: Context) -> bool:
    """Whether most runs over training data are followed by one that judges: then each was meant as an epoch."""
    phases = [p.phase for p in ctx.told.passes]
    followed = sum(pair == ("train", "eval") for pair in pairwise(phases))
    return 2 * followed > phases.count("train")


def _in_order(ctx: Context, loaders: list[LoaderClaim], size: int) -> bool:
    targets = ctx.array("train_targets")
    if not ctx.tabular or targets is None or any(loader.shuffles is not False for loader in loaders):
        return False
    if not size or size > len(targets) / 3 or len(targets) < LEAK_ROWS or not np.isfinite(targets).all():
        return False
    flat = targets.reshape(len(targets), -1)
    order = flat.argmax(axis=1).astype(np.float64) if flat.shape[1] > 1 else flat[:, 0]
    return (sortedness(order) if loaders else batch_differences(order, size)) > SORTED_SCORE


def batch_differences(values: Floats, size: int) -> float:
    """How many standard deviations the means of batches of ``size`` lie further apart than in a random order: their
    variance as a part of that of all values, which for m batches is 1/size give or take sqrt(2 / (m - 1)) of that."""
    batches = values[: len(values) // size * size].reshape(-1, size)
    if len(batches) < 3 or np.ptp(values) == 0 or np.abs(values).max() > 1e100:
        return 0.0
    ratio = size * batches.mean(axis=1).var(ddof=1) / values.var()
    return float((ratio - 1) * np.sqrt((len(batches) - 1) / 2))


def sortedness(values: Floats) -> float:
    """How many standard deviations neighbours are more alike than in a random order (lag-1 autocorrelation times the
    root of n)."""
    if len(values) < 3 or np.ptp(values) == 0 or np.abs(values).max() > 1e100:
        return 0.0
    centred = values - values.mean()
    return float((centred[:-1] * centred[1:]).sum() / np.square(centred).sum() * np.sqrt(len(values)))
