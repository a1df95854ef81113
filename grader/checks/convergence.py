"""Did the training converge: a finite loss that fell, ended below the best constant answer, and had settled?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from grader.checks.broken_off import BrokenOff, broken_off
from grader.checks.clock import from_scratch, on_time
from grader.checks.constants import constant_loss
from grader.checks.context import Context
from grader.checks.result import CheckResult, by_scale, failed, number, passed, percent, review
from grader.checks.unreached import unreached
from grader.evidence.model import CurvePoint

AIM = "The training loss falls well below that of a fixed answer and has levelled out by the end."
FALL = 0.02  # of the size of the first loss
CLEARLY = 0.1  # of the way from the best constant's loss to the lowest there is
SMALLER = "Repeat a few steps with a learning rate ten times smaller and compare the two curves."
TWICE = 2.0
FEW_POINTS = 5
EDGE = 5  # points of which the median is taken at either end, at most
PEAK = 10.0  # times its first value, from which a loss has exploded on the way


def convergence(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """The training curve of the marked net. Whoever reaches the held-out level for full marks has trained long
    enough."""
    if (gate := ctx.without_claims(AIM)) is not None:
        return gate
    episode, claims = ctx.episode, ctx.claims
    if episode is None or claims is None:
        found = failed(
            aim=AIM,
            found=(
                "No step changed the weights, so the loss could not fall."
                if ctx.attempted
                else "Not attempted yet: nothing was trained."
            ),
            next="Train for one epoch and print the mean loss before and after.",
        )
        return unreached(ctx, found)
    points = claims.train_curve
    if _not_finite(points) or 2 * episode.non_finite_losses > episode.steps:
        return failed(
            aim=AIM,
            found="The loss is no finite number at the end.",
            gap="The steps overshoot, or a number went wrong before.",
            next=(
                "Find the first step at which the loss is not a number, and print the inputs and the loss right "
                "before it. Then try smaller steps."
            ),
        )
    losses = [(p.step, p.loss) for p in points if p.loss is not None]
    if ctx.reached_level:
        return passed(AIM, _course(losses) + " The held-out level for full marks was reached.")
    if not losses:
        return (
            passed(AIM, "The loss was not recorded; the predictions show that the net has learnt.")
            if ctx.beats_guessing
            else review(aim=AIM, found="The loss on the way could not be recorded.")
        )
    result = on_time(ctx, _judged(ctx, params, losses))
    return from_scratch(ctx, result) if result.share > 0 else result  # a loss that does not fall has other reasons


def _not_finite(points: Sequence[CurvePoint]) -> bool:
    tail = points[-max(1, len(points) // 5) :]
    return bool(points) and any(p.loss is None for p in tail)


def ends(losses: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Loss at the start and at the end: medians over a few points each."""
    edge = max(1, min(EDGE, len(losses) // 5))
    return median(loss for _, loss in losses[:edge]), median(loss for _, loss in losses[-edge:])


def _course(losses: Sequence[tuple[int, float]]) -> str:
    if not losses:
        return "The loss was not recorded."
    start, end = ends(losses)
    return f"The training loss went from {number(start)} to {number(end)}."


def _judged(ctx: Context, params: Mapping[str, float], losses: Sequence[tuple[int, float]]) -> CheckResult:
    start, end = ends(losses)
    limits = _limits(ctx)
    below = limits is not None and end < limits[0]
    if _grew(start, end) and len(losses) >= FEW_POINTS and not below:
        return failed(
            aim=AIM,
            found=_course(losses),
            gap="The loss grew.",
            next=SMALLER,
        )
    well_below = limits is not None and end < limits[1]  # it fell before the first value that was seen
    exploded = limits is not None and not below and _peaked(losses, limits[2])
    start = losses[0][1] if exploded else start  # coming back from an explosion is no fall
    fell = well_below or (start - end > FALL * abs(start) and len(losses) > 1)
    below = below or (limits is None and fell)
    cut = ctx.cut.reason if ctx.cut is not None else None
    way = _way(ctx, end, limits)
    if way is not None and way.arrived:
        return passed(AIM, f"{_course(losses)} That is where the reference solution's ends.")
    calm = (cut == "converged" or settled(losses, params["steep"])) and fell
    reward = params["settled"] * (calm and (below or cut == "converged"))  # coming to rest high up is no convergence
    share = params["fell"] * fell + params["beats_baseline"] * below + reward
    whole = params["fell"] + params["beats_baseline"] + params["settled"]
    state = _State(fell, calm, below, exploded, out_of_time=cut in ("budget", "time"), broken=broken_off(ctx))
    gaps, steps = _advice(losses, state)
    if not below and limits is not None:
        gaps.append(f"Always giving the same best answer would have a loss of {number(limits[2])}.")
    elif way is not None and not calm:
        gaps.append(f"It got {percent(way.share)} of the way from always giving the same best answer to the reference.")
    return by_scale(
        share / whole if whole else 0.0, aim=AIM, found=_course(losses), gap=" ".join(gaps), next=" ".join(steps)
    )


@dataclass(frozen=True)
class _Way:
    """How far a training loss has come from a fixed answer's: ``share`` 1 is where the reference solution's ends, most
    often; ``arrived``: as low as nine of ten of its seeds get."""

    share: float
    arrived: bool


def _way(ctx: Context, end: float, limits: tuple[float, float, float] | None) -> _Way | None:
    """None where the loss is of another kind than the reference solution's, or either is not known."""
    first = ctx.calibration.first
    points = first.band.train if first is not None else []
    if limits is None or limits[2] <= 0 or not points or first is None or ctx.train_losses[0].kind != first.loss:
        return None
    _, _, usual, high = points[-1]
    relative = end / limits[2]
    share = (1 - relative) / (1 - usual) if usual < 1 else 0.0
    return _Way(min(1.0, max(0.0, share)), relative <= min(high, 1.0))


def _grew(start: float, end: float) -> bool:
    return end > TWICE * max(start, 0.0) and end - start > FALL * abs(start)


def _peaked(losses: Sequence[tuple[int, float]], constant: float) -> bool:
    """Whether the loss rose on its way far above both its first value and what a fixed answer would have."""
    return max(loss for _, loss in losses) > PEAK * max(losses[0][1], constant)


@dataclass(frozen=True)
class _State:
    """How a training ended. ``exploded``: the loss was far higher on the way; ``broken``: its cell ended in an error
    of its own."""

    fell: bool
    calm: bool
    below: bool
    exploded: bool
    out_of_time: bool
    broken: BrokenOff | None


def _advice(losses: Sequence[tuple[int, float]], state: _State) -> tuple[list[str], list[str]]:
    """What is missing, and what to try."""
    fell, calm, broken = state.fell, state.calm, state.broken
    if broken is not None:
        name = broken.cell.error.name if broken.cell.error is not None else "an error"
        return [f"Cell {broken.cell.index}, in which the net is trained, stops{broken.after} with {name}."], [
            f"Get cell {broken.cell.index} to run to its end, then look at the curve again."
        ]
    if state.exploded:
        highest = max(loss for _, loss in losses)
        return [f"On the way it rose from {number(losses[0][1])} to {number(highest)}."], [SMALLER]
    if len(losses) < FEW_POINTS and not (fell and calm):
        only = "There was only one step." if len(losses) == 1 else f"There were only {len(losses)} steps."
        return [only], ["Train for more steps and plot the loss against them."]
    if not fell:
        question = "Can the net learn a single batch by heart? If not, look at the loss and the steps; "
        return ["It hardly fell."], [question + "if so, at the learning rate."]
    if not calm and state.out_of_time:
        return ["It was still falling when the budget for training was spent and it was cut short."], [
            "Measure how long one epoch takes, and which of its parts takes longest."
        ]
    if not calm:
        return ["It was still falling when the training ended."], [
            "Plot the loss against the epochs, and see what twice as many epochs do to it."
        ]
    if not state.below:
        return [], [
            "Print the outputs for ten different items below each other: how far are they from one fixed answer?"
        ]
    return [], ["Plot training and validation loss in one figure. Where do they stop getting better?"]


def _limits(ctx: Context) -> tuple[float, float, float] | None:
    """A loss clearly under the best constant's, one half way down from it, and the best constant's; None if unknown."""
    losses = ctx.train_losses
    found = constant_loss(losses[0], ctx.array("train_targets")) if len(losses) == 1 else None
    if found is None:
        return None
    constant, lowest = found
    return constant - CLEARLY * (constant - lowest), constant - 0.5 * (constant - lowest), constant


def settled(losses: Sequence[tuple[int, float]], steep: float) -> bool:
    """Whether the last fifth of the steps brings no more than ``steep`` of the whole fall: its mean against the mean
    of the fifth before.

    A straight line down gains 0.2 from each fifth to the next; an exponential that has died down gains next to nothing.
    """
    if len(losses) < FEW_POINTS:
        return False
    first, last = losses[0][0], losses[-1][0]
    span = max(1, last - first)
    late = [loss for step, loss in losses if (step - first) / span >= 0.8]
    before = [loss for step, loss in losses if 0.6 <= (step - first) / span < 0.8]
    start, end = ends(losses)
    whole = start - end
    if not late or not before or whole <= 0:
        return True
    return mean(before) - mean(late) <= steep * whole
