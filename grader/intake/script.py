"""Splits a Python file at its cell marks, ``# %%`` or ``# In[ ]:``; one without marks is a module, a single cell."""

import re
from typing import Literal

from grader.errors import IntakeError
from grader.intake.submission import Cell
from grader.limits import MAX_CELL_SOURCE, MAX_CELLS

_MARK = re.compile(r"^#\s*(?:%%(?P<title>.*)|In\s?\[[\s\d*]*\]:?\s*)$", re.MULTILINE)
_TEXT_CELL = re.compile(r"\[(markdown|md|raw)\]")


def script_cells(text: str, name: str) -> tuple[Literal["script", "module"], tuple[Cell, ...]]:
    """The cells of a Python file. ``index`` counts the cells with code; text cells and bare comments are left out.

    Raises ``IntakeError`` if it is too long.
    """
    if len(text) > MAX_CELL_SOURCE:
        raise IntakeError(f"{name} has {len(text)} characters, more than the {MAX_CELL_SOURCE} allowed.")
    marks = list(_MARK.finditer(text))
    if not marks:
        return "module", (Cell(0, text),)
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    pieces = [text[: marks[0].start()]]
    pieces += [
        text[mark.end() : end]
        for mark, end in zip(marks, ends, strict=True)
        if not _TEXT_CELL.search(mark["title"] or "")
    ]
    code = [piece.strip("\n") + "\n" for piece in pieces if _has_code(piece)]
    if len(code) > MAX_CELLS:
        raise IntakeError(f"{name} has {len(code)} cells, more than the {MAX_CELLS} allowed; split it.")
    return "script", tuple(Cell(i, piece) for i, piece in enumerate(code))


def _has_code(piece: str) -> bool:
    return any(line and not line.startswith("#") for line in map(str.strip, piece.split("\n")))
