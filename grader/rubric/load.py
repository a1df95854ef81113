"""Loads rubrics and calibrations, and refuses whatever cannot be marked by: with file, key and line."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from grader.errors import RubricError
from grader.rubric.document import Document, Path_, quoted, read_text, read_yaml
from grader.rubric.known import CHECKS
from grader.rubric.model import Calibration, Rubric
from grader.types import TaskId

TOTAL = 100.0
METRICS = {
    TaskId.PENGUINS_CLASSIFICATION: "accuracy",
    TaskId.PENGUINS_REGRESSION: "mae",
    TaskId.MNIST_CLASSIFICATION: "accuracy",
    TaskId.ELLIPSE_REGRESSION: "rmse",
}


def rubrics_dir() -> Path:
    """The folder of the bundled rubrics: in the package once installed, at the top of a checkout."""
    beside, inside = Path(__file__).parents[2] / "rubrics", Path(__file__).parents[1] / "_data" / "rubrics"
    return inside if inside.is_dir() else beside


def load_rubric(task: TaskId, path: Path | None = None) -> Rubric:
    """The rubric of ``task``: the bundled one, or the file (or the folder holding ``<task>.yaml``) at ``path``.

    RubricError: missing or unreadable file; unknown, missing or duplicate key; unknown check or parameter; points
    that are negative,
    not finite or do not sum to 100; a dependency that is unknown or goes round in a circle. The text names file, key
    and line.
    """
    source = rubrics_dir() if path is None else path
    document = read_yaml(source / f"{task}.yaml" if source.is_dir() else source)
    if not isinstance(document.value, dict):
        raise document.error((), "a rubric is a mapping with the keys 'task' and 'criteria'.")
    rubric = _validated(document)
    if rubric.task is not task:
        raise document.error(("task",), f"this rubric is for {rubric.task}, but {task} is to be marked.")
    _check_budget(document, rubric)
    _check_criteria(document, rubric)
    _check_total(document, rubric)
    _check_dependencies(document, rubric)
    return _with_defaults(rubric)


def _validated(document: Document) -> Rubric:
    try:
        return Rubric.model_validate(document.value)
    except ValidationError as error:
        first = _most_telling(error)
        where = tuple(first["loc"])
        raise document.error(where, _sentence(first)) from error


def _most_telling(error: ValidationError) -> Any:
    """An unknown key before anything else: a misspelt key is missing as well."""
    return min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")


def _sentence(error: Any) -> str:
    kind = str(error["type"])
    if kind == "extra_forbidden":
        return "unknown key; remove it or correct its spelling."
    if kind == "missing":
        return "this key is missing."
    return f"{error['msg']} (found {str(error['input'])[:60]!r})."


def _check_budget(document: Document, rubric: Rubric) -> None:
    if rubric.budget.training_items is not None and rubric.task is not TaskId.MNIST_CLASSIFICATION:
        where = ("budget", "training_items")
        raise document.error(where, f"only {TaskId.MNIST_CLASSIFICATION} has training items to choose from.")


def _check_criteria(document: Document, rubric: Rubric) -> None:
    seen: dict[str, int] = {}
    for i, criterion in enumerate(rubric.criteria):
        here: Path_ = ("criteria", i)
        if criterion.id in seen:
            raise document.error((*here, "id"), f"the id {criterion.id!r} is given twice.")
        seen[criterion.id] = i
        known = CHECKS.get(criterion.check)
        if known is None:
            names = ", ".join(sorted(CHECKS))
            raise document.error((*here, "check"), f"there is no check {criterion.check!r}; the checks are {names}.")
        for name, value in criterion.params.items():
            parameter = known.get(name)
            if parameter is None:
                names = ", ".join(sorted(known)) or "none"
                raise document.error(
                    (*here, "params", name), f"{criterion.check} has no such parameter; it takes: {names}."
                )
            if not parameter.low <= value <= parameter.high:
                bounds = f"between {parameter.low:g} and {parameter.high:g}"
                raise document.error((*here, "params", name), f"must be {bounds} (found {value:g}).")


def _check_total(document: Document, rubric: Rubric) -> None:
    if abs(rubric.max_points - TOTAL) > 1e-6:
        raise document.error(
            ("criteria",), f"the points of all criteria must sum to {TOTAL:g}, but they sum to {rubric.max_points:g}."
        )


def _check_dependencies(document: Document, rubric: Rubric) -> None:
    needs = {c.id: c.depends_on for c in rubric.criteria}
    for i, criterion in enumerate(rubric.criteria):
        for j, name in enumerate(criterion.depends_on):
            if name not in needs:
                raise document.error(("criteria", i, "depends_on", j), f"there is no criterion {name!r} to depend on.")
        circle = _circle(criterion.id, needs)
        if circle:
            raise document.error(
                ("criteria", i, "depends_on"), f"the dependencies go round in a circle: {' -> '.join(circle)}."
            )


def _circle(start: str, needs: dict[str, list[str]]) -> list[str]:
    """A way from ``start`` back to itself, empty if there is none."""
    trails = [[start]]
    visited: set[str] = set()
    while trails:
        trail = trails.pop()
        for name in needs.get(trail[-1], []):
            if name == start:
                return [*trail, name]
            if name not in visited:
                visited.add(name)
                trails.append([*trail, name])
    return []


def _with_defaults(rubric: Rubric) -> Rubric:
    filled = [
        c.model_copy(update={"params": {name: p.default for name, p in CHECKS[c.check].items()} | c.params})
        for c in rubric.criteria
    ]
    return rubric.model_copy(update={"criteria": filled})


def calibration_path(task: TaskId, *, stand_in: bool, folder: Path | None = None) -> Path:
    """Where the figures of the reference solution lie; those for stand-in digits have a file of their own."""
    suffix = ".stand-in" if stand_in and task is TaskId.MNIST_CLASSIFICATION else ""
    return (folder or rubrics_dir() / "calibration") / f"{task}{suffix}.json"


def load_calibration(task: TaskId, *, stand_in: bool, folder: Path | None = None) -> Calibration:
    """The calibration of ``task``. RubricError: missing, not JSON, or not of the right form; names file, key and
    line."""
    path = calibration_path(task, stand_in=stand_in, folder=folder)
    text = read_text(path)
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
        calibration = Calibration.model_validate(value)
    except json.JSONDecodeError as error:
        raise RubricError(f"{path}, line {error.lineno}: not valid JSON: {error.msg}.") from error
    except ValidationError as error:
        first = _most_telling(error)
        where = tuple(first["loc"])
        key = str(where[0]) if where else ""
        raise RubricError(f"{path}, line {_line_of(text, key)}, key {quoted(key)!r}: {_sentence(first)}") from error
    except (ValueError, RecursionError) as error:
        raise RubricError(f"{path}: {error}.") from error
    if calibration.metric != METRICS[task]:
        line = _line_of(text, "metric")
        raise RubricError(
            f"{path}, line {line}, key 'metric': {task} is measured by {METRICS[task]}, not {calibration.metric}."
        )
    return calibration


def _line_of(text: str, key: str) -> int:
    position = text.find(f'"{key}"')
    return 1 if not key or position < 0 else text.count("\n", 0, position) + 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is given twice")
    return result


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
