"""Facts about one run that do not go together: found for a person to look at, never a mark and never an accusation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from grader.checks.context import Context
from grader.checks.disagreements import trained_on_held_out, two_ways, validation_against_held_out
from grader.checks.result import count, number
from grader.evidence.model import Claims, CurvePoint, EpisodeClaim
from grader.types import CellStatus, Exit

Floats = NDArray[np.float64]
Rule = Callable[[Context], str | None]

STEP_S = 1e-5  # processor time below which no watched optimiser step is possible
BACKWARD_S = 2e-5  # the same for a backward pass
ALL_EPISODES = 32  # so many episodes are listed at most; fewer are all there were
ALL_PARAMETERS = 400  # the same for parameters
ALL_SIZES = 16  # the same for batch sizes
FORWARDS_PER_STEP = 33  # as many batches at most lead to one step in the log
SLACK = 16  # steps that an interrupt at an odd moment may leave counted on one side only
FEWEST_STEPS = 200  # below, a loss may fall by the order of the data alone
FEWEST_POINTS = 20
COMPARED_POINTS = 4  # points of the curve that passes span at least where both are compared
APART = 0.25  # how far their means may differ where the passes end at points of the curve; both are then the same sum
FAR_APART = 2 / 3  # the same where they end between points
STILL = 1e-12  # relative change of weights that counts as none


@dataclass(frozen=True)
class Contradiction:
    """Two facts that do not go together. ``id``: which pair of facts; ``sentence``: both of them, in plain words."""

    id: str
    sentence: str


def contradictions(ctx: Context) -> list[Contradiction]:
    """All contradictions of one run, none for an honest one. Pure; never raises for what the evidence holds."""
    with np.errstate(all="ignore"):  # forged numbers may overflow
        found = [(name, rule(ctx)) for name, rule in RULES.items()]
    return [Contradiction(name, sentence) for name, sentence in found if sentence is not None]


def _steps(claims: Claims) -> int:
    return sum(episode.steps for episode in claims.episodes)


def _too_fast(ctx: Context) -> str | None:
    """More steps than the processor time that the host measured has room for."""
    host, claims = ctx.document.host, ctx.claims
    if claims is None:
        return None
    steps, backwards = _steps(claims), sum(episode.backwards for episode in claims.episodes)
    needed = STEP_S * steps + BACKWARD_S * backwards
    for seconds, what in ((host.cpu_s, "of processor time"), (_cell_seconds(ctx), "for all its cells")):
        if seconds is not None and needed > seconds > 0:
            return (
                f"The log says {count(steps, 'optimiser step')} and "
                f"{count(backwards, 'backward pass', 'backward passes')}, yet the run used {number(seconds)} s {what}."
            )
    return None


def _cell_seconds(ctx: Context) -> float | None:
    """Seconds in which a notebook's cells ran; None for other files, whose code may run outside of cells."""
    return sum(cell.wall_s for cell in ctx.document.cells) if ctx.document.file.endswith(".ipynb") else None


def _nothing_ran(ctx: Context) -> str | None:
    """Training in a notebook of which no cell was run."""
    ran = [cell for cell in ctx.document.cells if cell.status is not CellStatus.NOT_RUN]
    if ctx.claims is None or ran or not ctx.document.file.endswith(".ipynb") or not _steps(ctx.claims):
        return None
    return f"The log says {count(_steps(ctx.claims), 'optimiser step')}, yet no cell of the notebook was run."


def _ended_and_complete(ctx: Context) -> str | None:
    """A log that was closed in good order, out of a process that ended before the host asked for it.

    The host asks for the log, then for predictions; whatever fails from then on is named among the problems.
    """
    document = ctx.document
    if ctx.claims is None or not ctx.claims.complete or document.heldout is not None or document.problems:
        return None
    if document.host.exit in (Exit.FINISHED, Exit.NOT_STARTED):
        return None
    return "The log says that the run came to its end, yet its process had ended before the log was asked for."


def _parameter_counts(ctx: Context) -> str | None:
    """The number of parameters beside the list of them."""
    net = ctx.architecture
    if net is None:
        return None
    listed = sum(prod(parameter.shape) for parameter in net.parameter_list)
    largest = max((layer.parameters for layer in net.layers), default=0)
    whole = 0 < len(net.parameter_list) < ALL_PARAMETERS
    if listed > net.parameters or (whole and listed < net.parameters):
        return (
            f"The log says that the net has {count(net.parameters, 'parameter')}, yet those that it lists make up "
            f"{listed:,}."
        )
    if max(largest, net.trainable_parameters) > net.parameters:
        return (
            f"The log says that the net has {count(net.parameters, 'parameter')}, yet a part of it has "
            f"{max(largest, net.trainable_parameters):,}."
        )
    return None


def _weight_changes(ctx: Context) -> str | None:
    """How far all weights moved beside how far each of them did."""
    net, episode = ctx.architecture, ctx.episode
    if net is None or episode is None or episode.weight_change is None:
        return None
    changes = [parameter.change for parameter in net.parameter_list]
    known = [change for change in changes if change is not None]
    if not known or len(known) < len(changes) or len(changes) >= ALL_PARAMETERS:
        return None
    if episode.weight_change > STILL and max(known) == 0:
        return "The log says that training moved the weights, yet by the same log none of the parameters changed."
    if episode.weight_change == 0 and max(known) > STILL:
        return "The log says that training did not move the weights, yet by the same log a parameter changed."
    return None


def _samples(ctx: Context) -> str | None:
    """Items that led to steps beside the steps and the sizes of their batches."""
    for episode in ctx.claims.episodes if ctx.claims else ():
        sizes = episode.batch_sizes
        if not sizes or len(sizes) >= ALL_SIZES:
            continue
        most = FORWARDS_PER_STEP * (episode.steps + SLACK) * max(sizes)
        if episode.samples > most or episode.samples < episode.distinct_batches * min(sizes):
            return (
                f"The log says that {count(episode.samples, 'item')} led to {count(episode.steps, 'step')}, yet its "
                f"{count(episode.distinct_batches, 'different batch', 'different batches')} had {min(sizes):,} to "
                f"{max(sizes):,} items each."
            )
    return None


def _several_marked(ctx: Context) -> str | None:
    """More than one training that is said to be the last."""
    marked = sum(episode.marked for episode in ctx.claims.episodes) if ctx.claims else 0
    return f"The log names {marked} trainings as the last one, yet there can be only one." if marked > 1 else None


def _shared_rows(ctx: Context) -> str | None:
    """Rows on both sides of the split beside the rows on each side."""
    split = ctx.claims.split if ctx.claims else None
    if split is None or split.shared_rows is None or split.shared_rows <= min(split.train_rows, split.eval_rows):
        return None
    return (
        f"The log says that {count(split.shared_rows, 'row')} were trained on and judged on, yet it counts only "
        f"{split.train_rows:,} and {split.eval_rows:,} of them."
    )


def _curve_beyond_steps(ctx: Context) -> str | None:
    """A loss curve that goes on after the last step."""
    claims = ctx.claims
    if claims is None or len(claims.episodes) >= ALL_EPISODES:
        return None
    steps = _steps(claims)
    curves = [point.step for curve in (claims.train_curve, claims.eval_curve) for point in curve]
    last = max([*curves, *(entry.step for entry in claims.passes)], default=0)
    if last > steps + SLACK:
        return f"The loss curves go up to step {last:,}, yet the log counts {count(steps, 'optimiser step')}."
    if len(claims.train_curve) > steps + SLACK:
        return (
            f"The training curve has {len(claims.train_curve):,} points, yet the log counts "
            f"{count(steps, 'optimiser step')}."
        )
    return None


def _cut_beyond_steps(ctx: Context) -> str | None:
    """A training that was cut short after more steps than were made."""
    claims = ctx.claims
    if claims is None or not claims.shortened or len(claims.episodes) >= ALL_EPISODES:
        return None
    last, steps = max(cut.step for cut in claims.shortened), _steps(claims)
    if last <= steps + SLACK:
        return None
    return f"The log says that a training was cut short after {count(last, 'step')}, yet it counts {steps:,} of them."


def _curve_beside_passes(ctx: Context) -> str | None:
    """The curve and the passes over the training data report the same losses, each in its own way.

    Only where a single net was trained: of several that step together a curve may hold another one's losses.
    """
    claims = ctx.claims
    if claims is None or not claims.train_curve or len({episode.model_id for episode in claims.episodes}) != 1:
        return None
    curve = _Summed(claims.train_curve)
    compared = []
    for first, last, loss in _spans(claims, COMPARED_POINTS * curve.stretch):
        mean = curve.mean(first, last)
        if mean is not None:
            size = max(abs(loss), curve.size(first, last))
            limit = APART if curve.has_points_at(first, last) else FAR_APART
            compared.append((loss, mean, abs(loss - mean) > size * limit))
    apart = [(loss, mean) for loss, mean, far in compared if far]
    if len(compared) < 2 or 2 * len(apart) <= len(compared):
        return None
    loss, mean = apart[-1]
    return (
        f"The training curve has a mean loss of {number(mean)} where the log of the same passes over the data says "
        f"{number(loss)}."
    )


def _spans(claims: Claims, fewest: float) -> Iterator[tuple[int, int, float]]:
    """Training passes that follow each other, together of at least ``fewest`` steps: first step, last step, mean loss.

    Only passes each of whose batches led to one step, so that their losses are those of the curve.
    """
    first = last = -1
    total = 0.0
    for entry in claims.passes:
        if entry.phase != "train":
            continue
        if entry.loss is None or not entry.steps or entry.steps != entry.forwards or entry.steps > entry.step:
            first = last = -1
            continue
        if entry.step - entry.steps != last:
            first, total = entry.step - entry.steps, 0.0
        last, total = entry.step, total + entry.loss * entry.steps
        if last - first >= fewest:
            yield first, last, total / (last - first)
            first, total = last, 0.0


class _Summed:
    """A curve of means over stretches, summed up over the steps."""

    def __init__(self, points: list[CurvePoint]) -> None:
        steps = np.array([0, *(point.step for point in points)], dtype=np.float64)
        values = np.array([np.nan if point.loss is None else point.loss for point in points], dtype=np.float64)
        lengths = np.diff(steps)
        self._steps, self.stretch = steps, float(lengths.max())
        self._unknown = _added(np.isnan(values) * lengths)
        self._sums = _added(np.nan_to_num(values) * lengths)
        self._sizes = _added(np.abs(np.nan_to_num(values)) * lengths)
        self._sorted = bool((lengths >= 0).all())

    def mean(self, first: int, last: int) -> float | None:
        """Mean loss from after step ``first`` to step ``last``; None if the curve does not tell."""
        return self._between(self._sums, first, last)

    def has_points_at(self, *steps: int) -> bool:
        """Whether a stretch of the curve ends at each of these steps."""
        return bool(np.isin(steps, self._steps).all())

    def size(self, first: int, last: int) -> float:
        """The same of the losses without their signs; 0 if the curve does not tell."""
        return self._between(self._sizes, first, last) or 0.0

    def _between(self, sums: Floats, first: int, last: int) -> float | None:
        if not self._sorted or last > self._steps[-1] or last <= first:
            return None
        unknown, sums = (np.diff(np.interp([first, last], self._steps, of))[0] for of in (self._unknown, sums))
        mean = float(sums / (last - first))
        return mean if np.isfinite(mean) and unknown == 0 else None


def _added(values: Floats) -> Floats:
    """``values`` summed up, from 0."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _learning_without_moving(ctx: Context) -> str | None:
    """A loss that falls strongly over many steps while all weights stay what they were."""
    claims, episode = ctx.claims, ctx.episode
    if claims is None or episode is None or not _still(ctx, episode) or not _only_one(claims, episode):
        return None
    losses = [point.loss for point in claims.train_curve]
    values = np.array([loss for loss in losses if loss is not None])
    if len(values) < max(FEWEST_POINTS, len(losses)) or episode.steps < FEWEST_STEPS:
        return None
    fifth = len(values) // 5
    start, end = float(values[:fifth].mean()), float(values[-fifth:].mean())
    if not (np.isfinite(start) and values.min() >= 0 and end < 0.5 * start):
        return None
    return (
        f"The training loss fell from {number(start)} to {number(end)} over {count(episode.steps, 'step')}, yet at the "
        "end every weight was what it had been before the first step."
    )


def _still(ctx: Context, episode: EpisodeClaim) -> bool:
    """Whether the optimiser held nothing but the net's weights, and none of them moved at all."""
    net = ctx.architecture
    if net is None or not net.parameter_list or len(net.parameter_list) >= ALL_PARAMETERS:
        return False
    held = sum(parameter.in_optimiser for parameter in net.parameter_list)
    changes = {parameter.change for parameter in net.parameter_list if parameter.change is not None}
    return episode.weight_change in (0, None) and changes == {0} and episode.optimiser.parameter_tensors <= held


def _only_one(claims: Claims, episode: EpisodeClaim) -> bool:
    """Whether this was the net's only training, by one loss of torch's own."""
    same = [other for other in claims.episodes if other.model_id == episode.model_id]
    kinds = {loss.kind for loss in claims.losses if loss.phase == "train"}
    return len(same) == 1 and len(claims.episodes) < ALL_EPISODES and len(kinds) == 1 and "custom" not in kinds


RULES: dict[str, Rule] = {
    "steps-and-time": _too_fast,
    "steps-and-cells": _nothing_ran,
    "complete-and-ended": _ended_and_complete,
    "several-last-trainings": _several_marked,
    "parameter-counts": _parameter_counts,
    "weight-changes": _weight_changes,
    "samples-and-batches": _samples,
    "shared-rows": _shared_rows,
    "curve-and-steps": _curve_beyond_steps,
    "cut-and-steps": _cut_beyond_steps,
    "curve-and-passes": _curve_beside_passes,
    "loss-and-weights": _learning_without_moving,
    "two-ways": two_ways,
    "validation-and-held-out": validation_against_held_out,
    "trained-on-held-out": trained_on_held_out,
}
