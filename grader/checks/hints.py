"""One next step for a cell that fails, by how it fails."""

from grader.checks.context import Context
from grader.checks.surroundings import meant, undefined
from grader.evidence.model import CellRecord
from grader.types import CellStatus

BY_NAME = {
    **dict.fromkeys(
        ("NameError", "FileNotFoundError", "ModuleNotFoundError", "ImportError"),
        "Run everything in a fresh session and look at {}: which name or file does it expect that is not there?",
    ),
    **dict.fromkeys(
        ("SyntaxError", "IndentationError", "TabError"),
        "Python cannot read {}. Look at the line that the message names and at the one above it: what is "
        "missing there, or too much?",
    ),
    "DeadKernel": "Run {} by itself in a fresh session: which of its lines ends the whole Python process?",
    "OutputLimit": "Which line of {} shows something at every step? Let it show less.",
}
SHAPES = (
    "mat1 and mat2",
    "shapes cannot be multiplied",
    "the size of tensor",
    "size mismatch",
    "sizes of tensors must match",
    "is invalid for input of size",
    "to match target batch_size",
    "using a target size",
    "could not be broadcast",
    "must match the existing size",
    "channels, but got",
    "running_mean should contain",
)


def hint(ctx: Context, cell: CellRecord) -> str:
    """What to look at or to try in ``cell``, as one sentence or two."""
    at = f"cell {cell.index}"
    if cell.status is CellStatus.TIMEOUT:
        return f"Time the lines of {at} on a small part of the data: which takes longest, or may never end?"
    if cell.error is None:
        return f"See what ended the run before {at}, and run everything in a fresh session."
    name, message = cell.error.name, cell.error.message.lower()
    wanted = undefined(cell)
    if wanted and (told := _out_of_order(ctx, cell, wanted)):
        return told
    if name == "ModuleNotFoundError" and (package := meant(cell)):
        return f"Compare the name of the package that {at} asks for with “{package}”, letter by letter."
    if name in BY_NAME:
        return BY_NAME[name].format(at)
    if any(words in message for words in SHAPES):
        return f"Print the shapes of what meets in the line of {at} that fails: which numbers would have to agree?"
    return f"Read the last line of the message of {at}: what does it say about the value? Print that value before it."


def _out_of_order(ctx: Context, cell: CellRecord, name: str) -> str:
    """Where the cells themselves make the name that is missed; empty if none does, or if their text is not known."""
    found = ctx.makers.get(name, [])
    failed = {c.index for c in ctx.failures}
    if before := [index for index in found if index < cell.index and index in failed]:
        return f"Begin at cell {before[-1]}, which makes “{name}” and does not run to its end itself."
    if cell.index in found:
        return f"Cell {cell.index} asks for “{name}” before its own line that makes it: which of its lines run first?"
    if after := [index for index in found if index > cell.index]:
        return (
            f"Restart the session and run all cells from top to bottom: cell {after[0]} makes “{name}”, and cell "
            f"{cell.index} asks for it before. Which has to come first?"
        )
    return ""
