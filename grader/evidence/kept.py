"""Looks runs up by their key in a folder that several graders may share, and keeps new ones there."""

from pathlib import Path

from grader.errors import EnvironmentProblem, EvidenceError
from grader.evidence.bundle import Evidence
from grader.evidence.store import DOCUMENT, load, save

PRIVATE = 0o700  # students' work lies in it


def place(store: Path, key: str) -> Path:
    """The folder of one run."""
    return store / key[:2] / key


def has(store: Path, key: str) -> bool:
    """Whether a run of this key was kept."""
    return (place(store, key) / DOCUMENT).is_file()


def recall(store: Path, key: str) -> Evidence | None:
    """The evidence of an earlier run; None if there is none, or if it is damaged and the run must be done again."""
    if not has(store, key):
        return None
    try:
        return load(place(store, key))
    except EvidenceError:
        return None


def keep(store: Path, key: str, evidence: Evidence) -> None:
    """Keep a run; of two graders that keep the same run at once one wins. Raises ``EnvironmentProblem``."""
    try:
        store.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        save(evidence, place(store, key))
    except OSError as problem:
        if not has(store, key):
            raise EnvironmentProblem(
                f"The run could not be kept in {store}: {problem.strerror}. Make room there, or name another --store."
            ) from problem
