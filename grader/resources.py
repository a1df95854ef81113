"""Finds the bundled files: at the top of a checkout, where their authors edit them, or inside the installed package."""

from pathlib import Path

from grader.errors import EnvironmentProblem

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """One of ``rubrics``, ``reference_solutions``, ``submissions``.

    Raises ``EnvironmentProblem`` if the installation lacks it.
    """
    checkout = _PACKAGE.parent
    top = checkout if (checkout / "pyproject.toml").is_file() else _PACKAGE / "_data"
    found = top / name
    if not found.is_dir():
        raise EnvironmentProblem(f"The folder {name} is missing from this installation; install workshop-grader again.")
    return found
