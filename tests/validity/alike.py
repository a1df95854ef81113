"""Marks the same work on real digits and on stand-in digits, and prints where the verdicts differ.

python -m tests.validity.alike --data-dir DIR [--only PATTERN] [--out DIR] [-j N]

Exit status 1 if a criterion has another status on one of the two. The reference solution and the course's net are
among the work.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

from grader import resources, tasks
from grader.types import TaskId
from tests.validity.__main__ import marked, parser
from tests.validity.everything import cases
from tests.validity.model import Case

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TASK = TaskId.MNIST_CLASSIFICATION
Verdicts = dict[str, dict[str, str]]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if all verdicts are the same."""
    options = parser("python -m tests.validity.alike", __doc__ or "")
    given = options.parse_args(arguments)
    if given.data_dir is None:
        options.error("--data-dir is needed: a folder with MNIST")
    chosen = [*_notebooks(), *(case for case in cases(given.only) if case.task is TASK)]
    with tempfile.TemporaryDirectory() as temporary:
        out = (given.out or Path(temporary)).absolute()
        stand_in = verdicts(marked(chosen, out / "stand-in", _given(given, None)))
        real = verdicts(marked(chosen, out / "real", _given(given, given.data_dir)))
    differing = differences(stand_in, real)
    print("\n".join(differing))
    print(f"{len(chosen)} submissions; {len(differing)} criteria with another verdict")
    return 1 if differing else 0


def _given(given: argparse.Namespace, data_dir: Path | None) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(given), "data_dir": data_dir})


def _notebooks() -> list[Case]:
    """The reference solution, and the course's net as a student would train it."""
    stem = tasks.get(TASK).file_stem
    folders = {"reference": resources.reference_solutions_dir(), "course": BENCHMARKS / "class_of_12/digits-mobilenet"}
    return [_case(name, folder / f"{stem}.ipynb") for name, folder in folders.items()]


def _case(name: str, path: Path) -> Case:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    code = tuple(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return Case(f"digits-{name}", TASK, "notebook", code)


def verdicts(document: Mapping[str, Any]) -> Verdicts:
    """Status of each criterion by its id, by student; ``{"": trouble}`` for work that has no marks."""
    found: Verdicts = {}
    for entry in document["submissions"]:
        criteria = [one for task in entry["tasks"] for one in task["criteria"]]
        found[entry["student"]] = {one["id"]: one["status"] for one in criteria} or {"": " ".join(entry["problems"])}
    return found


def differences(stand_in: Verdicts, real: Verdicts) -> list[str]:
    """One line for each criterion that has another status on real digits."""
    return [
        f"{name}: {criterion} is {one.get(criterion)} on stand-in digits, {other.get(criterion)} on real ones"
        for name in sorted(stand_in.keys() | real.keys())
        for one, other in [(stand_in.get(name, {}), real.get(name, {}))]
        for criterion in sorted(one.keys() | other.keys())
        if one.get(criterion) != other.get(criterion)
    ]


if __name__ == "__main__":
    sys.exit(main())
