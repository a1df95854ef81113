"""Writes a recipe down as a case, and a class of cases as folders."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any, get_args

from tests.validity.model import Case, Kind
from tests.validity.names import NAMES
from tests.validity.recipe import Recipe
from tests.validity.styles import STYLES, lines

ENDINGS = {
    "plot": ("import matplotlib.pyplot as plt", 'plt.plot($log)\nplt.xlabel("epoch")\nplt.show()'),
    "print": ("", 'print("at the end:", $log[-1])'),
    "table": ("import pandas as pd", "pd.DataFrame($log).tail(10)"),
    "best": ("", "best = min($log)\nprint(len($log), best)"),
}


def kind_named(word: str) -> Kind:
    """The kind of file of this name. ValueError if there is none."""
    for kind in get_args(Kind):
        if kind == word:
            return kind  # type: ignore[no-any-return]
    raise ValueError(f"no kind of file is called {word!r}")


def case_of(recipe: Recipe, *, fault: str = "") -> Case:
    """The case that a recipe describes. ValueError if one of its edits does not apply."""
    whole = _named(_cells(recipe), recipe)
    for old, new in recipe.edits:
        if not any(old in cell for cell in whole):
            raise ValueError(f"{recipe.name}: nothing to edit, {old!r} does not occur")
        whole = tuple(cell.replace(old, new) for cell in whole)
    may_lose = recipe.may_lose | ({fault} if fault else set())
    return Case(recipe.name, recipe.task, recipe.kind, whole, fault, frozenset(may_lose), _axes(recipe))


def _cells(recipe: Recipe) -> tuple[str, ...]:
    needed, ending = ENDINGS[recipe.ending]
    pieces = (*recipe.data.imports, *recipe.net.imports, *recipe.loss.imports, "import torch", needed)
    seed = f"\ntorch.manual_seed({recipe.seed})" if recipe.seed is not None else ""
    start = lines(*sorted(set(filter(None, pieces)))) + seed
    data = () if recipe.style == "main" else recipe.data.cells
    parts = tuple(filter(None, (recipe.net.parts, recipe.loss.parts)))
    return (start, *data, *parts, *STYLES[recipe.style](recipe), ending)


def _named(cells: Iterable[str], recipe: Recipe) -> tuple[str, ...]:
    return tuple(Template(cell).substitute(NAMES[recipe.names]).strip("\n") + "\n" for cell in cells)


def _axes(recipe: Recipe) -> dict[str, str]:
    found = {"data": recipe.data.tag, "net": recipe.net.tag, "loss": recipe.loss.tag}
    found |= {"optimiser": recipe.optimiser.tag, "epochs": str(recipe.epochs)}
    found |= {"style": recipe.style, "names": recipe.names, "kind": recipe.kind}
    return found | dict(recipe.data.axes)


def notebook_text(case: Case) -> str:
    """The case as a notebook without outputs."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{index}",
            "metadata": {},
            "outputs": [],
            "source": cell.rstrip("\n").splitlines(keepends=True),
        }
        for index, cell in enumerate(case.cells)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1)


def script_text(case: Case) -> str:
    """The case as a Python file: with cell marks, or as one module."""
    between = "\n# %%\n" if case.kind == "script" else "\n\n"
    start = "# %%\n" if case.kind == "script" else ""
    return start + between.join(case.cells)


def write(case: Case, folder: Path) -> Path:
    """Write ``case`` as ``folder/name/name.ipynb`` or ``.py``; the file."""
    home = folder / case.name
    home.mkdir(parents=True, exist_ok=True)
    if case.kind == "notebook":
        path = home / f"{case.name}.ipynb"
        path.write_text(notebook_text(case), encoding="utf-8")
    else:
        path = home / f"{re.sub('-', '_', case.name)}.py"
        path.write_text(script_text(case), encoding="utf-8")
    return path


def write_class(cases: Iterable[Case], folder: Path) -> None:
    """Write every case below ``folder``."""
    for case in cases:
        write(case, folder)
