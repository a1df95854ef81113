"""Trainings that were cut short: as results, and as the sentences that say so."""

import re

from grader.checks import Context
from grader.checks.result import count, number, percent
from grader.evidence.model import ShortenedClaim
from grader.grade.model import ShortenedResult

FIGURES = {"accuracy": "accuracy", "mae": "mean absolute error", "rmse": "root mean squared error"}
UNITS = {"mae": " g", "rmse": " pixels"}
CALL = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)  # what was written beside the student's code may be anything
SLOW = "this machine, slow or busy, took longer over it than the rubric allows"
REST = "With --full it is trained to the end."


def shortened(ctx: Context) -> list[ShortenedResult]:
    """All cuts of a run, in order."""
    return [
        ShortenedResult(
            reason=claim.reason,
            cell=_cell(ctx, claim),
            epochs=claim.epochs,
            steps=claim.step,
            metric=claim.metric,
            value=claim.value,
        )
        for claim in (ctx.claims.shortened if ctx.claims else ())
    ]


def sentences(found: list[ShortenedResult]) -> list[str]:
    """One for each reason and cell: where its training was cut short last, and why."""
    last = {(cut.reason, cut.cell): cut for cut in found}
    return [_sentence(cut) for cut in last.values()]


def answered(ctx: Context) -> list[str]:
    """The sentence about calls that a stand-in answered, if any. That figures were closed needs none."""
    told = ctx.claims.stood_in if ctx.claims else ()
    names = [name for name in told if CALL.fullmatch(name) and not name.startswith("matplotlib")]
    if not names:
        return []
    return [f"Not drawn or computed, as nothing is marked by it: {', '.join(names)}. With --full it is."]


def _sentence(cut: ShortenedResult) -> str:
    where = "The training" if cut.cell is None else f"The training in cell {cut.cell}"
    spent = SLOW if cut.reason == "time" else "the rubric's budget for training was spent"
    if not cut.steps:
        return f"{where} was not begun, since {spent}. {REST}"
    when = f"{where} was cut short after {count(cut.epochs, 'epoch')}"
    if cut.reason != "converged":
        return f"{when}, since {spent}; the net is marked as it was then. {REST}"
    return f"{when}, since its own {_figure(cut)} was safely past the level of full marks. {REST}"


def _figure(cut: ShortenedResult) -> str:
    if cut.value is None:
        return "figures"
    value = percent(cut.value) if cut.metric == "accuracy" else f"{number(cut.value)}{UNITS.get(cut.metric, '')}"
    return f"{FIGURES.get(cut.metric, 'figure')} of {value}"


def _cell(ctx: Context, claim: ShortenedClaim) -> int | None:
    """The index of the cell that a claim counts among those that were run."""
    cells = ctx.document.cells
    return cells[claim.cell].index if claim.cell is not None and claim.cell < len(cells) else None
