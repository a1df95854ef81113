"""Does the training loop move the weights as it should, and is the net judged in evaluation mode?"""

from collections.abc import Mapping
from statistics import mean

from grader.checks.context import Context
from grader.checks.result import CheckResult, count, failed, graded, passed, percent, review
from grader.checks.sides import shared_share, tolerated_share
from grader.checks.unreached import unreached
from grader.evidence.model import EpisodeClaim, PassClaim

AIM = (
    "Each step clears the old gradients, computes new ones from the loss, and moves the weights; the net is in "
    "training mode."
)
VALIDATION_AIM = (
    "After training steps the net is judged on other data, in evaluation mode and without recording gradients."
)
UNMOVED = 1e-12  # relative change of the weights
LEARNT = 0.2  # of the first loss; batches alone differ by less
ABSURD = 1e3
SEVERAL = 3  # how often something must be seen before it is spoken of
OVERLAP = 0.5  # share of the judged rows that were trained on from which the judging counts for less


def training(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """What happened around the optimiser's steps on the marked net."""
    if (gate := ctx.without_claims(AIM)) is not None:
        return gate
    episode = ctx.episode
    if episode is None:
        return _no_steps(ctx)
    found = _facts(episode)
    if _unmoved(ctx, episode):
        return failed(
            aim=AIM,
            found=f"{found} The weights did not change.",
            gap=_why_unmoved(ctx, episode),
            next=_look_at_gradients(ctx, episode),
        )
    if episode.stale_backwards >= SEVERAL and 2 * episode.stale_backwards > episode.backwards:
        return graded(
            params["stale_share"],
            aim=AIM,
            found=(
                f"{found} {count(episode.stale_backwards, 'backward pass', 'backward passes')} added to gradients of "
                "earlier steps."
            ),
            gap="Each step still follows batches that are long past.",
            next=(
                "Print the gradient of one weight right after each backward pass of the first steps. Where does it "
                "come back to zero?"
            ),
        )
    if _trained_in_evaluation_mode(ctx, episode):
        return graded(
            params["mode_share"],
            aim=AIM,
            found=(
                f"{found} {percent(episode.steps_in_eval_mode / episode.steps)} of the steps were made in evaluation "
                "mode."
            ),
            gap="Dropout and BatchNorm behave differently while training, and they were switched off.",
            next="Print model.training at the start of each epoch. What changes it after the first?",
        )
    return passed(AIM, found)


def _facts(episode: EpisodeClaim) -> str:
    steps, change = f"{count(episode.steps, 'step')} {_maker(episode)}", episode.weight_change
    if change is None or not UNMOVED < change < ABSURD:
        return f"{steps}."
    return f"{steps}; the weights moved by {percent(change)} of their size."


def _maker(episode: EpisodeClaim) -> str:
    kind = episode.optimiser.kind
    return f"of {kind}" if kind else "made by your own code"


def _no_steps(ctx: Context) -> CheckResult:
    if ctx.beats_guessing:
        return review(aim=AIM, found="The predictions are good, but no step of a torch optimiser was seen.")
    if ctx.train_losses:
        return graded(
            0.2,
            aim=AIM,
            found="A loss was followed by backward, but no optimiser made a step.",
            gap="Gradients alone change no weights.",
            next="Print one weight before and after a batch. Which call should have changed it?",
        )
    step = (
        "Pass one batch through the net, compute its loss, and follow the recipe of the lecture for a single update; "
        "then loop over the batches."
    )
    if ctx.architecture is None:
        step = "First get a net to return something for one batch; the training loop comes after that."
    return unreached(ctx, failed(aim=AIM, found="Not attempted yet: no optimiser made a step.", next=step))


def _unmoved(ctx: Context, episode: EpisodeClaim) -> bool:
    if episode.weight_change is not None and episode.weight_change <= UNMOVED:
        return True
    erased = 2 * max(episode.zeroed_before_step, episode.steps_with_empty_gradients) > episode.steps
    net = ctx.architecture
    gradients = {p.gradient for p in net.parameter_list if p.in_optimiser} if net is not None else set()
    return erased and bool(gradients) and gradients <= {"zero", "none"}


def weights_never_changed(ctx: Context) -> bool:
    """Whether all that is known says that no step of the whole run moved anything: the optimiser held nothing but
    weights of the net, or never found a gradient; every weight is what it was; and the loss did not fall."""
    claims, episode, net = ctx.claims, ctx.episode, ctx.architecture
    if claims is None or episode is None or net is None:
        return False
    changes = [e.weight_change for e in claims.episodes if e.steps]
    if any(change is None or change > UNMOVED for change in changes):
        return False
    if any(p.change is not None and p.change > UNMOVED for p in net.parameter_list):
        return False
    held = sum(p.in_optimiser for p in net.parameter_list)
    if not 0 < held == episode.optimiser.parameter_tensors and episode.steps_with_empty_gradients < episode.steps:
        return False
    losses = [p.loss for p in claims.train_curve if p.loss is not None]
    tenth = max(1, len(losses) // 10)
    return not losses or mean(losses[-tenth:]) > (1 - LEARNT) * mean(losses[:tenth])


def _holds_another_net(ctx: Context, episode: EpisodeClaim) -> bool:
    net = ctx.architecture
    return (
        net is not None
        and episode.optimiser.parameter_tensors > 0
        and bool(net.parameter_list)
        and not any(p.in_optimiser for p in net.parameter_list)
    )


def _why_unmoved(ctx: Context, episode: EpisodeClaim) -> str:
    if _holds_another_net(ctx, episode):
        return "The optimiser holds none of the weights of the net that the loss comes from."
    if 2 * episode.zeroed_before_step > episode.steps:
        return "The gradients were erased between computing them and using them."
    if episode.backwards == 0:
        return "No backward pass came before the steps, so there was nothing to follow."
    if 2 * episode.detached_backwards > episode.steps:
        return "The loss has lost its link to the weights."
    if episode.optimiser.lr == 0:
        return "The learning rate is 0."
    if 2 * episode.steps_with_empty_gradients > episode.steps:
        return "The optimiser found no gradients on the weights it holds."
    return "The steps had no effect."


def _look_at_gradients(ctx: Context, episode: EpisodeClaim) -> str:
    if _holds_another_net(ctx, episode):
        return (
            "Compare id() of a weight of the net with id() of the first weight that the optimiser holds. When was "
            "each of them made?"
        )
    if episode.optimiser.lr == 0:
        return "Print one weight before and after a step, for two learning rates."
    return (
        "Right before a step, print the gradient of one weight that the optimiser holds, and then the lines that ran "
        "since it was computed."
    )


def _trained_in_evaluation_mode(ctx: Context, episode: EpisodeClaim) -> bool:
    net = ctx.architecture
    return net is not None and (net.has_dropout or net.has_batchnorm) and 2 * episode.steps_in_eval_mode > episode.steps


def validation(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """How the net ran when it was judged."""
    if (gate := ctx.without_claims(VALIDATION_AIM)) is not None:
        return gate
    if (gate := ctx.unfollowed(VALIDATION_AIM)) is not None:
        return gate
    passes = ctx.later_evaluations
    if not passes:
        seen = (
            "The net was trained, but never judged on other data afterwards."
            if ctx.attempted
            else "Not attempted yet: nothing was trained, so nothing could be judged."
        )
        found = failed(
            aim=VALIDATION_AIM,
            found=seen,
            next="After an epoch, compute the loss over the validation data without making a step, and print it.",
        )
        return unreached(ctx, found)
    judged = _on_other_data(ctx, passes)
    forwards = sum(p.forwards for p in judged)
    share, told, gaps, steps = 1.0, [f"{count(len(judged), 'pass', 'passes')} over data without training on it"], [], []
    if (shared_share(ctx) or 0.0) > tolerated_share(ctx, OVERLAP) or _only_trained_on(ctx, passes):
        share *= 0.5
        told.append("but the data had been trained on")
        gaps.append("That measures memory.")
        steps.append("Which loader does the validation loop run over?")
    if _in_training_mode(ctx, judged, forwards):
        share *= params["mode_share"]
        told.append("with the net in training mode")
        gaps.append("Dropout and BatchNorm must switch over when the net is judged.")
        steps.append("Judge the same batch twice and compare the outputs. Should they differ?")
    if 2 * sum(min(p.with_gradients, p.forwards) for p in judged) > forwards:
        share *= params["gradient_share"]
        told.append("recording gradients that nobody needs")
        gaps.append("It costs time and memory only.")
        steps.append("Look up how torch is told that no gradients are needed.")
    return graded(share, aim=VALIDATION_AIM, found=", ".join(told) + ".", gap=" ".join(gaps), next=" ".join(steps))


def _on_other_data(ctx: Context, passes: list[PassClaim]) -> list[PassClaim]:
    """The passes over other data than was trained on, if there are any; an extra look at the training data does no
    harm."""
    return _over_other_data(ctx, passes) or passes


def _only_trained_on(ctx: Context, passes: list[PassClaim]) -> bool:
    """Whether every pass ran over what was trained on."""
    return all(p.dataset is not None for p in passes) and bool(passes) and not _over_other_data(ctx, passes)


def _over_other_data(ctx: Context, passes: list[PassClaim]) -> list[PassClaim]:
    """The passes over another data set than was trained on; where there is one only, of which each side has items of
    its own, those over another loader."""
    trained = [p for p in ctx.told.passes if p.phase == "train"]
    sets, loaders = {p.dataset for p in trained}, {p.loader for p in trained}
    others = [p for p in passes if p.dataset is None or p.dataset not in sets]
    apart = not others and ctx.told.split.shared_indices == 0
    return [p for p in passes if p.loader not in loaders] if apart else others


def _in_training_mode(ctx: Context, passes: list[PassClaim], forwards: int) -> bool:
    net = ctx.architecture
    if net is None or not (net.has_dropout or net.has_batchnorm):
        return False
    return 2 * sum(min(p.in_training_mode, p.forwards) for p in passes) > forwards
