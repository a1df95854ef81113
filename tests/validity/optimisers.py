"""Optimisers, schedules, and the orders in which a step is written down."""

from dataclasses import replace

from tests.validity import recipe
from tests.validity.recipe import Optimiser


def adam(lr: str = "0.01", *, update: str = recipe.ZERO_FIRST) -> Optimiser:
    """Adam."""
    return Optimiser("Adam", f"$opt = torch.optim.Adam($net.parameters(), lr={lr})", update)


def adamw(lr: str = "5e-3", *, update: str = recipe.ZERO_FIRST) -> Optimiser:
    """AdamW."""
    return Optimiser("AdamW", f"$opt = torch.optim.AdamW($net.parameters(), lr={lr}, weight_decay=0.01)", update)


def nadam(lr: str = "5e-3") -> Optimiser:
    """NAdam."""
    return Optimiser("NAdam", f"$opt = torch.optim.NAdam($net.parameters(), {lr})")


def sgd(lr: str = "0.05", *, momentum: str = "0.9", update: str = recipe.ZERO_FIRST) -> Optimiser:
    """Stochastic gradient descent with momentum."""
    make = f"$opt = torch.optim.SGD($net.parameters(), lr={lr}, momentum={momentum})"
    return Optimiser("SGD with momentum", make, update)


def plain(lr: str = "0.1", *, update: str = recipe.ZERO_FIRST) -> Optimiser:
    """Stochastic gradient descent without anything."""
    return Optimiser("SGD", f"$opt = torch.optim.SGD($net.parameters(), lr={lr})", update)


def averaged(lr: str = "0.01") -> Optimiser:
    """Adam, and a running average of the weights beside it, which a loss can be made of: ``losses.AVERAGED``."""
    make = f"""\
average = copy.deepcopy($net)
$opt = torch.optim.Adam($net.parameters(), lr={lr})


def remember():
    with torch.no_grad():
        for kept, now in zip(average.parameters(), $net.parameters()):
            kept.lerp_(now, 0.05)
"""
    return Optimiser("Adam with an average", make, each_step="remember()")


def compiled(lr: str = "0.01") -> Optimiser:
    """Adam on a compiled net: ``losses.COMPILED``."""
    make = f"""\
quick = torch.compile($net, backend="eager")
$opt = torch.optim.Adam($net.parameters(), lr={lr})"""
    return Optimiser("Adam, compiled", make)


def rmsprop(lr: str = "2e-3", *, update: str = recipe.ZERO_FIRST) -> Optimiser:
    """RMSprop."""
    return Optimiser("RMSprop", f"$opt = torch.optim.RMSprop($net.parameters(), lr={lr})", update)


def stepped(base: Optimiser, every: int, factor: str = "0.3") -> Optimiser:
    """With a learning rate that falls in steps."""
    make = f"{base.make}\n$sched = torch.optim.lr_scheduler.StepLR($opt, step_size={every}, gamma={factor})"
    return replace(base, tag=f"{base.tag}, steps", make=make, each_epoch="$sched.step()")


def cosine(base: Optimiser, epochs: int | str) -> Optimiser:
    """With a learning rate that falls along a cosine."""
    make = f"{base.make}\n$sched = torch.optim.lr_scheduler.CosineAnnealingLR($opt, T_max={epochs})"
    return replace(base, tag=f"{base.tag}, cosine", make=make, each_epoch="$sched.step()")


def one_cycle(base: Optimiser, highest: str, epochs: int | str) -> Optimiser:
    """With one cycle of the learning rate over all steps. Needs loaders."""
    make = (
        f"{base.make}\n$sched = torch.optim.lr_scheduler.OneCycleLR(\n"
        f"    $opt, max_lr={highest}, epochs={epochs}, steps_per_epoch=len($train)\n)"
    )
    return replace(base, tag=f"{base.tag}, one cycle", make=make, each_step="$sched.step()")


def lbfgs() -> Optimiser:
    """LBFGS, whose steps are given a function that computes the loss."""
    return Optimiser("LBFGS", "$opt = torch.optim.LBFGS($net.parameters(), lr=0.2, max_iter=4)", recipe.CLOSURE)


def by_hand(rate: str = "0.1") -> Optimiser:
    """No optimiser: the weights are changed in the loop."""
    return Optimiser("by hand", "", recipe.BY_HAND.replace("0.1", rate))
