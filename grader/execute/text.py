"""Turns what a kernel says about an exception into bounded, plain text."""

import re
from typing import Any

from grader.evidence.model import CellError
from grader.limits import MAX_ERROR_NAME, MAX_ERROR_TEXT, MAX_TRACEBACK

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain(text: str) -> str:
    """Without terminal escapes and control characters; newlines and tabs stay."""
    return CONTROLS.sub("", ESCAPES.sub("", text))


def cell_error(content: dict[str, Any]) -> CellError:
    """A ``CellError`` from the content of an error message, each part cut to its limit (a traceback keeps its end)."""
    lines = content.get("traceback")
    traceback = plain("\n".join(str(line)[:MAX_TRACEBACK] for line in lines[-40:])) if isinstance(lines, list) else ""
    return CellError(
        name=plain(str(content.get("ename") or "Error"))[:MAX_ERROR_NAME],
        message=plain(str(content.get("evalue") or ""))[:MAX_ERROR_TEXT],
        traceback=traceback[-MAX_TRACEBACK:],
    )
