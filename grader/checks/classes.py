"""How the held-out items of each class fare, where a class is never named or mostly taken for another."""

from dataclasses import dataclass

import numpy as np

from grader.checks.context import Context
from grader.checks.result import percent

FEW = 5  # items of a class below which nothing is said of it
MOSTLY = 0.5


@dataclass(frozen=True)
class Classes:
    """``told``: the share of right answers of every class, in words. ``bad``: the classes that fare badly. Both are
    empty where none does, or where there are no classes."""

    told: str = ""
    bad: tuple[str, ...] = ()


def by_class(ctx: Context) -> Classes:
    """How the held-out items fare by their class, if some class fares badly."""
    truth = (ctx.predictions.truth or ctx.world.heldout_truth).labels
    guess, classes = ctx.predictions.labels, ctx.spec.classes
    if not ctx.classifies or truth is None or guess is None or truth.shape != guess.shape:
        return Classes()
    told, bad = [], []
    for at, name in enumerate(classes):
        items = int((truth == at).sum())
        if not items:
            continue
        right, named = float((guess[truth == at] == at).mean()), bool(np.any(guess == at))
        told.append(f"{name}: {percent(right)}" + ("" if named else " (never named)"))
        if items >= FEW and right < MOSTLY:
            bad.append(name)
    if not np.isin(guess, np.arange(len(classes))).any():
        return Classes()  # no answer of any use
    return Classes(f"Right by class: {', '.join(told)}.", tuple(bad)) if bad else Classes()
