"""The pieces of a submission and what they must fit: data, net, loss, optimiser, and habits of writing them down.

Pieces are templates in which ``$net``, ``$x`` and so on stand for names (``names.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from grader.types import TaskId
from tests.validity.model import Kind

FORWARD = "<forward>"  # a line of an update, where the loss of a batch is computed
ZERO_FIRST = f"$opt.zero_grad()\n{FORWARD}\n$loss.backward()\n$opt.step()"
ZERO_BEFORE_BACKWARD = f"{FORWARD}\n$opt.zero_grad()\n$loss.backward()\n$opt.step()"
ZERO_AFTER = f"{FORWARD}\n$loss.backward()\n$opt.step()\n$opt.zero_grad()"
GRADIENTS_TO_NONE = f"for p in $net.parameters():\n    p.grad = None\n{FORWARD}\n$loss.backward()\n$opt.step()"
TWO_BATCHES_A_STEP = f"""\
{FORWARD}
($loss / 2).backward()
if len($losses) % 2 == 1:
    $opt.step()
    $opt.zero_grad()"""
CLOSURE = f"""\
def closure():
    $opt.zero_grad()
    {FORWARD}
    $loss.backward()
    return $loss

$loss = $opt.step(closure)"""
BY_HAND = f"""\
$net.zero_grad()
{FORWARD}
$loss.backward()
with torch.no_grad():
    for p in $net.parameters():
        p -= 0.1 * p.grad"""


@dataclass(frozen=True)
class Data:
    """Where batches come from. ``cells`` make them; ``train`` and ``valid`` are the heads of loops over them (any
    further lines stand at the top of the loop's body). ``loaders``: ``$train`` and ``$valid`` can be looped over."""

    tag: str
    imports: tuple[str, ...]
    cells: tuple[str, ...]
    train: str = "for $x, $y in $train:"
    valid: str = "for $x, $y in $valid:"
    loaders: bool = True
    axes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Net:
    """``parts``: classes and functions it needs; ``make``: the lines after which ``$net`` is there."""

    tag: str
    make: str
    parts: str = ""
    imports: tuple[str, ...] = ("from torch import nn",)


@dataclass(frozen=True)
class Loss:
    """``out``: what the net's answer to ``$x`` is made into; ``value``: the loss of that; ``right``: how many of a
    batch are right, empty where nothing is counted."""

    tag: str
    make: str
    value: str = "$crit($out, $y)"
    out: str = "$net($x)"
    right: str = ""
    imports: tuple[str, ...] = ("from torch import nn",)
    parts: str = ""


@dataclass(frozen=True)
class Optimiser:
    """``make``: the lines after which ``$opt`` is there; ``update``: what is done with a batch; ``each_step`` and
    ``each_epoch``: of a schedule."""

    tag: str
    make: str
    update: str = ZERO_FIRST
    each_step: str = ""
    each_epoch: str = ""


@dataclass(frozen=True)
class Habits:
    """What is done around the batches; each can be left out."""

    train_mode: bool = True
    eval_mode: bool = True
    no_grad: bool = True
    validate: bool = True


@dataclass(frozen=True)
class Recipe:
    """A submission before it is written down. ``style``: a key of ``styles.STYLES``; ``edits``: (old, new) in the
    finished source, each of which must apply. ``epochs``: a number, or the name of one that the data set up."""

    name: str
    task: TaskId
    data: Data
    net: Net
    loss: Loss
    optimiser: Optimiser
    epochs: int | str
    style: str = "top"
    names: str = "usual"
    kind: Kind = "notebook"
    ending: str = "plot"
    seed: int | None = None
    habits: Habits = Habits()
    may_lose: frozenset[str] = frozenset()
    edits: tuple[tuple[str, str], ...] = ()
