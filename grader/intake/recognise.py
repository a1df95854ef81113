"""Tells which task a file is for: from its name, else from the data its code loads and its net's output."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from grader.intake.facts import Facts
from grader.types import TaskId

SPECIES, MASS, DIGITS, ELLIPSE = TaskId
PENGUINS = (SPECIES, MASS)
DATA_FILES = (".csv", ".tsv", ".txt", ".data", ".xlsx", ".parquet", ".npy", ".npz")
_CLASSIFY = {"CrossEntropyLoss", "cross_entropy", "BCELoss", "BCEWithLogitsLoss", "NLLLoss", "nll_loss", "argmax"}
_REGRESS = {"MSELoss", "mse_loss", "L1Loss", "l1_loss", "SmoothL1Loss", "HuberLoss", "smooth_l1_loss"}


@dataclass(frozen=True)
class Recognition:
    """``task``: what the file is for, or None; then ``candidates`` are those it may be for. ``note``: why."""

    task: TaskId | None
    candidates: tuple[TaskId, ...]
    note: str = ""


def recognise(stem: str, facts: Facts) -> Recognition:
    """The task of a file called ``stem`` (without suffix) with these facts."""
    named, told = by_name(stem), by_content(facts)
    if len(named) == 1:
        task = named[0]
        if len(told) == 1 and told[0] is not task:
            note = f"The file name says {task}, but the code looks like {told[0]}; if so, give --task {told[0]}."
            return Recognition(task, named, note)
        return Recognition(task, named)
    both = [task for task in told if task in named] if named else told
    if len(both) == 1:
        return Recognition(both[0], tuple(both), f"That this is {both[0]} was told from the code, not from the name.")
    return Recognition(None, tuple(both or named or told))


def by_name(stem: str) -> tuple[TaskId, ...]:
    """Tasks that a file name fits: none, one, or both penguin tasks."""
    words = stem.lower()
    found = []
    if "penguin" in words:
        found += [SPECIES] if re.search(r"class|species|clf", words) else []
        found += [MASS] if re.search(r"regress|mass|weight", words) else []
        found = found or list(PENGUINS)
    else:
        found += [SPECIES] if re.search(r"(?<![a-z])species(?![a-z])", words) else []
        found += [MASS] if re.search(r"(?<![a-z])mass(?![a-z])", words) else []
    found += [DIGITS] if re.search(r"mnist|digit", words) else []
    found += [ELLIPSE] if "ellipse" in words else []
    return tuple(found)


def by_content(facts: Facts) -> tuple[TaskId, ...]:
    """Tasks whose data the code loads; between the penguin tasks the targets, the net's output and the loss decide."""
    families: list[tuple[Callable[[Facts], bool], tuple[TaskId, ...]]] = [
        (_loads_penguins, PENGUINS),
        (_loads_digits, (DIGITS,)),
        (_loads_ellipses, (ELLIPSE,)),
    ]
    found = [tasks for loads, tasks in families if loads(facts)] or _by_words(facts)
    if found == [PENGUINS]:
        return _penguin_task(facts)
    return tuple(task for tasks in found for task in tasks)


def _by_words(facts: Facts) -> list[tuple[TaskId, ...]]:
    """For code that makes or reads its data in its own way: what its names, and those of its data files, speak of."""
    words = {"penguin": PENGUINS, "mnist": (DIGITS,), "ellipse": (ELLIPSE,)}
    files = {text.lower() for text in facts.strings if text.lower().endswith(DATA_FILES)}
    names = {name.lower() for name in facts.names} | files
    return [tasks for word, tasks in words.items() if any(word in name for name in names)]


def _loads_penguins(facts: Facts) -> bool:
    return bool(facts.names & {"load_penguins", "PenguinDataset", "palmerpenguins"}) or "penguins" in facts.strings


def _loads_digits(facts: Facts) -> bool:
    return bool(facts.names & {"MNIST", "load_digits"}) or any("idx3-ubyte" in text for text in facts.strings)


def _loads_ellipses(facts: Facts) -> bool:
    return bool(facts.names & {"EllipseDataset", "ellipse"})


def _penguin_task(facts: Facts) -> tuple[TaskId, ...]:
    width = facts.outputs[-1] if facts.outputs else 0
    species = 3 * ("species" in facts.targets) + 2 * (width == 3) + bool(facts.names & _CLASSIFY)
    mass = 3 * ("body_mass_g" in facts.targets) + 2 * (width == 1) + bool(facts.names & _REGRESS)
    if species == mass:
        return PENGUINS
    return (SPECIES,) if species > mass else (MASS,)
