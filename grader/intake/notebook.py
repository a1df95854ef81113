"""Reads the code cells of a Jupyter notebook of any format version; outputs and attachments are dropped at once."""

import json
import logging
from typing import Any

import nbformat

from grader.errors import IntakeError
from grader.intake.submission import Cell
from grader.limits import MAX_CELL_SOURCE, MAX_CELLS, MAX_NOTEBOOK_MARKS

CURRENT = 4
MAY_FAIL = ("raises-exception", "skip-execution")  # nbclient's tags for cells that fail on purpose, or are left out
_PYTHON = ("", "python", "python2", "python3", "ipython", "ipython2", "ipython3")
_OTHER_KERNELS = {"ir": "R", "r": "R", "julia": "Julia", "bash": "Bash", "octave": "Octave", "javascript": "JavaScript"}


def notebook_cells(text: str, name: str) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """The code cells of the notebook in ``text``, and notes; ``name`` is the file's name, for sentences.

    Raises ``IntakeError`` if the text is not a notebook, is cut off, is of another language, or has too many or too
    large cells.
    """
    notebook = _parsed(text, name)
    notes: tuple[str, ...] = ()
    if _version(notebook) < CURRENT:
        notes = (f"{name} has the old notebook format {_version(notebook)}; it was converted.",)
        notebook = _upgraded(notebook, name)
    _require_python(notebook, name)
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise IntakeError(f"{name} is not a notebook: it has no list of cells. Save it again from Jupyter.")
    found = (Cell(i, _source(c, name), _may_fail(c)) for i, c in enumerate(cells) if _is_code(c))
    code = tuple(cell for cell in found if cell.source.strip())  # as Jupyter runs no blank cell
    if len(code) > MAX_CELLS:
        raise IntakeError(f"{name} has {len(code)} code cells, more than the {MAX_CELLS} allowed; split it.")
    return code, notes if code else (*notes, f"{name} has no cell with code.")


def _parsed(text: str, name: str) -> dict[str, Any]:
    if text.lstrip("\ufeff \t\n").startswith("<"):
        raise IntakeError(f"{name} is a web page, not a notebook; download the notebook itself (the raw .ipynb file).")
    if sum(map(text.count, "[{,:")) > MAX_NOTEBOOK_MARKS:
        raise IntakeError(
            f"{name} holds too much data for a notebook; clear the outputs of all cells and save it again."
        )
    try:
        notebook = json.loads(text)
    except RecursionError as error:
        raise IntakeError(f"{name} is nested too deeply for a notebook; save it again from Jupyter.") from error
    except ValueError as error:
        hint = "it ends too early" if text.lstrip().startswith("{") else "it does not begin like one"
        raise IntakeError(
            f"{name} is not a readable notebook ({hint}); open it in Jupyter, save it and hand that file in."
        ) from error
    if not isinstance(notebook, dict) or not ({"cells", "worksheets", "nbformat"} & notebook.keys()):
        raise IntakeError(f"{name} is JSON, but not a notebook; hand in the .ipynb file that Jupyter saved.")
    return _without_outputs(notebook)


def _without_outputs(notebook: dict[str, Any]) -> dict[str, Any]:
    sheets = notebook.get("worksheets")
    for sheet in (notebook, *(sheets if isinstance(sheets, list) else ())):
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, dict):
                cell.pop("attachments", None)
                if "outputs" in cell:
                    cell["outputs"] = []
    return notebook


def _version(notebook: dict[str, Any]) -> int:
    version = notebook.get("nbformat", 3 if "worksheets" in notebook else CURRENT)
    return version if isinstance(version, int) else CURRENT


def _upgraded(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # nbformat's: it would print what is wrong at length
    try:
        converted: dict[str, Any] = nbformat.reads(json.dumps(notebook), as_version=CURRENT)  # type: ignore[no-untyped-call]
    except Exception as error:  # a boundary: nbformat's old converters fail in any way on odd content
        raise IntakeError(
            f"{name} has the old notebook format {_version(notebook)} and cannot be converted; "
            "open it in a current Jupyter and save it again."
        ) from error
    return converted


def _require_python(notebook: dict[str, Any], name: str) -> None:
    metadata = _mapping(notebook.get("metadata"))
    kernel = _mapping(metadata.get("kernelspec"))
    info = _mapping(metadata.get("language_info"))
    language = _text(kernel.get("language") or info.get("name") or "").strip()
    if not language:
        language = _OTHER_KERNELS.get(_text(kernel.get("name", "")).split("-")[0].lower(), "")
    if language.lower() not in _PYTHON:
        raise IntakeError(f"{name} is a notebook for {language[:40]}; only Python notebooks can be graded.")


def _text(value: object) -> str:
    """Numbers as they are written; of nested values, which no Jupyter writes there, nothing."""
    return "" if isinstance(value, dict | list) else str(value)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_code(cell: object) -> bool:
    return isinstance(cell, dict) and cell.get("cell_type") == "code"


def _may_fail(cell: dict[str, Any]) -> bool:
    tags = _mapping(cell.get("metadata")).get("tags")
    return isinstance(tags, list) and any(tag in tags for tag in MAY_FAIL)


def _source(cell: dict[str, Any], name: str) -> str:
    source = cell.get("source", "")
    text = "".join(map(_text, source)) if isinstance(source, list) else _text(source)
    if len(text) > MAX_CELL_SOURCE:
        raise IntakeError(f"{name} has a cell of {len(text)} characters, more than the {MAX_CELL_SOURCE} allowed.")
    return text.encode("utf-8", "replace").decode("utf-8")
