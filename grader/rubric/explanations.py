"""Loads the texts that explain each check, from ``explanations.yaml`` beside the rubrics."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from grader.rubric.document import Document, quoted, read_yaml
from grader.rubric.known import CHECKS

FILE = "explanations.yaml"
MOST_LETTERS = 2_000


@dataclass(frozen=True)
class Explanation:
    """Of one check: what it aims at, how it is ``measured``, why it matters, where the course teaches it."""

    aim: str
    measured: str
    why: str
    course: str


def load_explanations(folder: Path) -> Mapping[str, Explanation]:
    """The explanation of every check. ``RubricError``: missing, unknown or empty entries; names file, key and line."""
    document = read_yaml(folder / FILE)
    content = document.value
    if not isinstance(content, dict):
        raise document.error((), "explanations are a mapping from checks to their texts.")
    for name in CHECKS:
        if name not in content:
            raise document.error((), f"the check {name!r} has no explanation.")
    return {name: _explanation(document, name, texts) for name, texts in content.items()}


def _explanation(document: Document, name: str, texts: object) -> Explanation:
    if name not in CHECKS:
        raise document.error((name,), f"there is no check {quoted(name)!r}; the checks are {', '.join(CHECKS)}.")
    wanted = [field.name for field in fields(Explanation)]
    if not isinstance(texts, dict) or sorted(texts) != sorted(wanted):
        raise document.error((name,), f"an explanation has the texts {', '.join(wanted)}, and no others.")
    for part, text in texts.items():
        if not isinstance(text, str) or not 0 < len(text.strip()) <= MOST_LETTERS:
            raise document.error((name, part), f"this is a text of 1 to {MOST_LETTERS} characters.")
    return Explanation(**{part: " ".join(text.split()) for part, text in texts.items()})
