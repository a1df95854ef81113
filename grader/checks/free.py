"""Which cells that fail cost nothing, since their failure is no fault of the code."""

from grader.checks.context import Context
from grader.checks.surroundings import excused, undefined
from grader.checks.written import makers
from grader.evidence.model import CellRecord
from grader.types import CellStatus

OWN = frozenset(  # errors that no missing batch or epoch leads to
    {"NameError", "SyntaxError", "IndentationError", "TabError", "AttributeError", "ImportError", "ModuleNotFoundError"}
)


def for_surroundings(ctx: Context) -> list[CellRecord]:
    """Cells that failed for what surrounds the code, or for a name that such a cell would have made."""
    found: list[CellRecord] = []
    for cell in ctx.failures:
        name = undefined(cell)
        before = makers(ctx.source, name) if name else []
        if excused(cell) or any(other.index in before for other in found):
            found.append(cell)
    return found


def after_a_cut(ctx: Context) -> list[CellRecord]:
    """Cells that failed in or after one in which a training was cut short: they may count its batches or epochs."""
    claims = ctx.claims.shortened if ctx.claims is not None else []
    first = min((claim.cell for claim in claims if claim.cell is not None), default=None)
    cells = ctx.document.cells[first:] if first is not None else []
    failed = [cell for cell in cells if cell.status is CellStatus.ERROR and cell.error is not None]
    return [cell for cell in failed if cell.error is not None and cell.error.name not in OWN]
