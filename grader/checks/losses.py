"""Does the loss suit the outputs and the targets?"""

import math
from collections.abc import Callable, Mapping, Sequence

from grader.checks.context import Context
from grader.checks.result import CheckResult, failed, graded, passed, review
from grader.checks.unreached import unreached
from grader.evidence.model import LossClaim

CLASS_AIM = "A loss for classes that gets the kind of numbers it is made for."
VALUE_AIM = "A loss for numbers, comparing each prediction with its own target."
DISTANCES = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
LIKELIHOODS = frozenset({"gaussian_nll_loss", "poisson_nll_loss"})
CROSS_ENTROPIES = frozenset({"cross_entropy", "nll_loss"})
BINARY = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})
SQUASHED = ("SoftmaxBackward", "ReluBackward", "SigmoidBackward", "TanhBackward")
LINEAR = "AddmmBackward"  # what comes straight out of a linear layer is not squashed, whatever it adds up to
UNBOUNDED = "Such a loss becomes lower and lower without the answers becoming better: it has no smallest value."
PROBABILITIES = ("SoftmaxBackward", "SigmoidBackward")


def loss(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """The loss function that led to most backward passes."""
    aim = CLASS_AIM if ctx.classifies else VALUE_AIM
    if (gate := ctx.without_claims(aim)) is not None:
        return gate
    calls = ctx.train_losses
    if not calls:
        return _unseen(ctx, aim)
    named = [call for call in calls if call.kind != "custom"]
    if not named or (calls[0].kind == "custom" and named[0].calls < 0.2 * calls[0].calls):
        return _own(ctx, aim, params)
    judge: Callable[[Context, LossClaim, Mapping[str, float]], CheckResult] = (
        _for_classes if ctx.classifies else _for_values
    )
    return judge(ctx, named[0], params)


def _unseen(ctx: Context, aim: str) -> CheckResult:
    if not ctx.beats_guessing and (gate := ctx.unfollowed(aim)) is not None:
        return gate
    if ctx.trained:
        return _own(ctx, aim, {"flaw_share": 0.5})
    found = failed(
        aim=aim,
        found="Not attempted yet: no loss led to a backward pass.",
        next="Compute the loss of one batch by hand and print it before you train with it.",
    )
    return unreached(ctx, found)


def _own(ctx: Context, aim: str, params: Mapping[str, float]) -> CheckResult:
    """A loss that is no function of torch is judged by what it leads to."""
    if ctx.beats_guessing:
        return passed(aim, "A loss of your own, and the net learns with it.")
    if ctx.measured is None:
        return review(aim=aim, found="A loss of your own; how well it works could not be told.")
    return graded(
        params["flaw_share"],
        aim=aim,
        found="A loss of your own; the net does not predict better than a fixed answer.",
        gap="It may not measure what you want to be small.",
        next="Compute it for a perfect and for a bad prediction by hand. Is the perfect one lower?",
    )


def _for_classes(ctx: Context, call: LossClaim, params: Mapping[str, float]) -> CheckResult:
    name = call.kind.replace("_", " ")
    width = _width(call)
    if call.kind in DISTANCES | LIKELIHOODS and (call.target_form == "index" or width == 1) and ctx.spec.outputs > 1:
        return failed(
            aim=CLASS_AIM,
            found=f"A loss for measured numbers ({name}) on class numbers.",
            gap="It treats class 2 as twice class 1.",
            next="What would the loss be if the classes were numbered in another order? Should that matter?",
        )
    if call.kind == "cross_entropy" and width == 1 and not _known_width(ctx):
        return failed(
            aim=CLASS_AIM,
            found="Cross entropy on a single output.",
            gap="With one class to choose from the loss is always 0.",
            next="Print the loss of the first batches, and the shapes of its two arguments.",
        )
    if call.columns_sum_to_one is True:
        return graded(
            params["flaw_share"],
            aim=CLASS_AIM,
            found=f"{name.capitalize()}, but its probabilities add up to 1 over the batch, not over the classes.",
            gap="What the net says of one item depends on the others in its batch.",
            next="Print the sums of the probabilities of one batch along each of its two dimensions. Which are 1?",
        )
    problem = _wrong_numbers(call)
    if problem is None:
        return passed(CLASS_AIM, f"{name.capitalize()} on {_targets(call)}.")
    return graded(
        params["flaw_share"],
        aim=CLASS_AIM,
        found=f"{name.capitalize()}, but {problem}.",
        gap=UNBOUNDED if _raw(call) else "The gradients become small and the training slow.",
        next=f"Read what torch's page on {name} says about its input, then print one row of what you hand it.",
    )


def _known_width(ctx: Context) -> bool:
    net = ctx.architecture
    return (
        net is not None
        and net.output_shape is not None
        and len(net.output_shape) > 1
        and net.output_shape[-1] == ctx.spec.outputs
    )


def _wrong_numbers(call: LossClaim) -> str | None:
    """In words, how the numbers that reached the loss differ from those it is made for; None if nothing speaks
    against them."""
    after_log_softmax = _before(call.graph, "LogSoftmaxBackward")
    if call.kind == "cross_entropy":
        by_numbers = call.rows_sum_to_one is True and not after_log_softmax.startswith(LINEAR)
        if by_numbers or after_log_softmax.startswith("SoftmaxBackward"):
            return "its input has been through a softmax already"
        if after_log_softmax.startswith(SQUASHED):
            return "its input has been squashed by an activation"
    if call.kind == "nll_loss" and (
        call.rows_sum_to_one is True or (call.input_max is not None and call.input_max > 1e-3)
    ):
        return "its input is not a logarithm of probabilities"
    if call.kind == "binary_cross_entropy_with_logits":
        behind = _before(call.graph, "BinaryCrossEntropyWithLogitsBackward")
        if call.rows_sum_to_one is True or behind.startswith(PROBABILITIES):
            return "its input consists of probabilities already"
    return None


def _raw(call: LossClaim) -> bool:
    """Whether the likelihood is taken of numbers that are neither probabilities nor their logarithms."""
    return call.kind == "nll_loss" and call.input_max is not None and call.input_max > 1 + 1e-3


def _before(graph: Sequence[str], node: str) -> str:
    """The autograd node whose output ``node`` consumed; empty if unknown."""
    at = next((i for i, name in enumerate(graph) if name.startswith(node)), None)
    return graph[at + 1] if at is not None and at + 1 < len(graph) else ""


def _width(call: LossClaim) -> int | None:
    shape = call.input_shape
    if not shape:
        return None
    return shape[1] if len(shape) > 1 else 1


def _targets(call: LossClaim) -> str:
    words = {"index": "class numbers", "one-hot": "one-hot targets", "probabilities": "target probabilities"}
    return words.get(call.target_form, "the targets")


def _for_values(ctx: Context, call: LossClaim, params: Mapping[str, float]) -> CheckResult:
    name = call.kind.replace("_", " ")
    if call.kind in CROSS_ENTROPIES:
        return failed(
            aim=VALUE_AIM,
            found=f"A loss for classes ({name}) on measured numbers.",
            gap="It asks which class is right, not how far off a number is.",
            next=(
                "Compute the loss for a prediction that is a little off and one that is far off. Do they differ as "
                "they should?"
            ),
        )
    broadcast = broadcast_shape(call.input_shape, call.target_shape)
    if broadcast is not None:
        return graded(
            params["flaw_share"],
            aim=VALUE_AIM,
            found=f"{name.capitalize()} between shapes {_shape(call.input_shape)} and {_shape(call.target_shape)}.",
            gap=f"That compares every prediction with every target: {_shape(broadcast)} differences.",
            next="Print both shapes right before the loss. How many differences should there be for one batch?",
        )
    if call.kind in BINARY and not _within_unit(ctx):
        return graded(
            params["flaw_share"],
            aim=VALUE_AIM,
            found=f"{name.capitalize()} on targets outside 0 to 1.",
            gap="It is made for targets between 0 and 1.",
            next="Print the smallest and the largest target, and look up which targets this loss allows.",
        )
    problem = _wrong_numbers(call)
    if problem is not None:
        return graded(
            params["flaw_share"],
            aim=VALUE_AIM,
            found=f"{name.capitalize()}, but {problem}.",
            gap="The outputs are squeezed twice.",
            next=f"Read what torch's page on {name} says about its input, then print one row of what you hand it.",
        )
    return passed(
        VALUE_AIM,
        f"{name.capitalize()} on predictions and targets of the same shape."
        if call.input_shape == call.target_shape
        else f"{name.capitalize()}.",
    )


def broadcast_shape(first: Sequence[int] | None, second: Sequence[int] | None) -> list[int] | None:
    """The shape two operands are blown up to when that is larger than both, as (N, 1) with (N,) for N > 1; else
    None."""
    if not first or not second or list(first) == list(second):
        return None
    size = max(len(first), len(second))
    one, other = ([1] * (size - len(s)) + list(s) for s in (first, second))
    if any(a != b and 1 not in (a, b) for a, b in zip(one, other, strict=True)):
        return None
    whole = [max(a, b) for a, b in zip(one, other, strict=True)]
    return whole if math.prod(whole) > max(math.prod(one), math.prod(other)) else None


def _shape(shape: Sequence[int] | None) -> str:
    return "(" + ", ".join(str(n) for n in shape or ()) + ("," if shape and len(shape) == 1 else "") + ")"


def _within_unit(ctx: Context) -> bool:
    targets = ctx.array("train_targets")
    return targets is None or not ((targets < -1e-6).any() or (targets > 1 + 1e-6).any())
