"""Recipes as rows of a table: a name, four pieces, the number of epochs, and four words on how it looks."""

from grader.types import TaskId
from tests.validity.recipe import Data, Loss, Net, Optimiser, Recipe
from tests.validity.writing import kind_named

UNJUDGED = frozenset({"split", "validation"})  # what is lost where nothing is held back
UNFOLLOWED = UNJUDGED | {  # what is left to a person where the weights belong to no module
    "architecture",
    "outputs",
    "loss",
    "convergence",
    "held-out",
}
Row = tuple[str, Data, Net, Loss, Optimiser, int | str, str]


def made(task: TaskId, prefix: str, row: Row) -> Recipe:
    """The recipe of a row. Its last word: style, names, kind and ending."""
    name, data, net, loss, optimiser, epochs, looks = row
    style, names, kind, ending = looks.split()
    return Recipe(
        prefix + name,
        task,
        data,
        net,
        loss,
        optimiser,
        epochs,
        style=style,
        names=names,
        kind=kind_named(kind),
        ending=ending,
    )
