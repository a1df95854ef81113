"""Turns what a kernel says about an exception into bounded, plain text."""

import re
from typing import Any

from grader.evidence.model import CellError
from grader.limits import MAX_ERROR_NAME, MAX_ERROR_TEXT, MAX_TRACEBACK

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LONGEST = 64 * MAX_TRACEBACK  # characters looked at; escapes may make up most of them


def plain(text: object) -> str:
    """Text without terminal escapes, control characters and lone surrogates; newlines and tabs stay."""
    if not isinstance(text, str):
        return ""
    return CONTROLS.sub("", ESCAPES.sub("", text[:LONGEST])).encode("utf-8", "replace").decode("utf-8")


def cell_error(content: dict[str, Any]) -> CellError:
    """A ``CellError`` from the content of an error message, each part cut to its limit (a traceback keeps its end)."""
    lines = content.get("traceback")
    traceback = "\n".join(plain(line) for line in lines[-40:]) if isinstance(lines, list) else ""
    return CellError(
        name=plain(content.get("ename"))[:MAX_ERROR_NAME] or "Error",
        message=plain(content.get("evalue"))[:MAX_ERROR_TEXT],
        traceback=traceback[-MAX_TRACEBACK:],
    )
