"""Mistakes that can be made in any of the exercises, and how a correct recipe is given one."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tests.validity.correct import RECIPES
from tests.validity.model import Case
from tests.validity.recipe import FORWARD, Habits
from tests.validity.writing import case_of

LEARNS = frozenset({"convergence", "held-out"})  # what suffers where a net cannot learn as it should
UNTRAINED = frozenset(  # what docs/marking.md lets a submission lose that never trains
    {"runs", "inputs", "split", "batches", "loss", "training", "validation", "convergence", "held-out"}
)
JUDGED = frozenset({"validation"})  # judging on training data counts half there

ZERO_MISSING = f"{FORWARD}\n$loss.backward()\n$opt.step()"
ZERO_BETWEEN = f"{FORWARD}\n$loss.backward()\n$opt.zero_grad()\n$opt.step()"
BACKWARD_MISSING = f"$opt.zero_grad()\n{FORWARD}\n$opt.step()"
STEP_MISSING = f"$opt.zero_grad()\n{FORWARD}\n$loss.backward()"
STEP_FIRST = f"$opt.zero_grad()\n{FORWARD}\n$opt.step()\n$loss.backward()"
DETACHED = (
    f"$opt.zero_grad()\n{FORWARD}\n"
    "$loss = torch.tensor($loss.item(), requires_grad=True)\n$loss.backward()\n$opt.step()"
)
NOT_BACK_TO_TRAINING = Habits(train_mode=False)
NEVER_EVAL = Habits(eval_mode=False)
GRADIENTS_RECORDED = Habits(no_grad=False)


def but(base: str, name: str, fault: str, also: Iterable[str] = (), **changes: Any) -> Case:
    """The correct recipe ``base`` with changes that make it wrong. ``fault``: the criterion that is about the mistake;
    ``also``: those that may suffer from it. Keys of ``changes``: fields of the recipe, ``update`` for the optimiser's,
    ``out`` for the loss's."""
    recipe = RECIPES[base]
    optimiser, loss = changes.pop("optimiser", recipe.optimiser), changes.pop("loss", recipe.loss)
    if "update" in changes:
        optimiser = replace(optimiser, update=changes.pop("update"))
    if "out" in changes:
        loss = replace(loss, out=changes.pop("out"))
    changed = replace(recipe, name=name, may_lose=frozenset(also), optimiser=optimiser, loss=loss, **changes)
    return case_of(changed, fault=fault)


def judged_on_training(base: str, name: str) -> Case:
    """The validation loop runs over the training data."""
    data = RECIPES[base].data
    return but(base, name, "split", JUDGED, data=replace(data, valid=data.train))
