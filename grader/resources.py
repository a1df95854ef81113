"""Finds the bundled files: at the top of a checkout, where their authors edit them, or inside the installed package."""

from pathlib import Path

from grader.errors import EnvironmentProblem

_PACKAGE = Path(__file__).resolve().parent


def rubrics_dir() -> Path:
    """The rubrics, with their calibrations. Raises ``EnvironmentProblem`` if the installation lacks them."""
    return _folder("rubrics")


def reference_solutions_dir() -> Path:
    """The reference solutions. Raises ``EnvironmentProblem`` if the installation lacks them."""
    return _folder("reference_solutions")


def submissions_dir() -> Path:
    """The bundled submissions. Raises ``EnvironmentProblem`` if the installation lacks them."""
    return _folder("submissions")


def _folder(name: str) -> Path:
    checkout = _PACKAGE.parent
    top = checkout if (checkout / "pyproject.toml").is_file() else _PACKAGE / "_data"
    found = top / name
    if not found.is_dir():
        raise EnvironmentProblem(f"The folder {name} is missing from this installation; install workshop-grader again.")
    return found
