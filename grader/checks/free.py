"""Which cells that fail cost nothing, since their failure is no fault of the code."""

from grader.checks.context import Context
from grader.checks.surroundings import excused
from grader.checks.written import makers_of_missing
from grader.evidence.model import CellRecord
from grader.types import CellStatus

OWN = frozenset(  # errors that no missing batch or epoch leads to
    {"NameError", "SyntaxError", "IndentationError", "TabError", "AttributeError", "ImportError", "ModuleNotFoundError"}
)


def for_surroundings(ctx: Context) -> list[CellRecord]:
    """Cells that failed for what surrounds the code, or for a name that such a cell would have made."""
    found: list[CellRecord] = []
    for cell in ctx.failures:
        before = makers_of_missing(ctx.source, cell)
        if excused(cell) or any(other.index in before for other in found):
            found.append(cell)
    return found


def after_a_cut(ctx: Context) -> list[CellRecord]:
    """Cells that failed in or after one in which a training was cut short: they may count its batches or epochs."""
    claims = ctx.claims.shortened if ctx.claims is not None else []
    first = min((claim.cell for claim in claims if claim.cell is not None), default=None)
    cells = ctx.document.cells[first:] if first is not None else []
    return [c for c in cells if c.status is CellStatus.ERROR and c.error is not None and c.error.name not in OWN]
