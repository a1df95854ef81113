"""Which cells that fail cost nothing, since their failure is no fault of the code."""

from grader.checks.context import Context
from grader.checks.surroundings import excused
from grader.evidence.model import CellRecord
from grader.types import CellStatus

ENDED = ("DeadKernel", "OutputLimit")  # not the code's own exceptions
OWN = frozenset(  # errors that no missing batch or epoch leads to
    {"NameError", "SyntaxError", "IndentationError", "TabError", "AttributeError", "ImportError", "ModuleNotFoundError"}
)


def for_surroundings(ctx: Context) -> list[CellRecord]:
    """Cells that failed for what surrounds the code, or for a name that such a cell would have made, or that are tagged
    as showing an error."""
    found: list[CellRecord] = []
    indices: set[int] = set()
    for cell in ctx.failures:
        if excused(cell) or not indices.isdisjoint(ctx.makers_of_missing(cell)):
            found.append(cell)
            indices.add(cell.index)
        elif _on_purpose(ctx, cell):
            found.append(cell)
    return found


def _on_purpose(ctx: Context, cell: CellRecord) -> bool:
    """Whether a cell that is tagged so failed as such cells do: with an exception, and the net is trained elsewhere."""
    first, last = (ctx.episode.first_cell, ctx.episode.last_cell) if ctx.episode is not None else (None, None)
    between = [] if first is None or last is None else ctx.document.cells[first : last + 1]
    trains = any(one is cell for one in between)
    ended = cell.error is None or cell.error.name in ENDED
    return cell.may_fail and cell.status is CellStatus.ERROR and not ended and not trains


def after_a_cut(ctx: Context) -> list[CellRecord]:
    """Cells that failed in or after one in which a training was cut short: they may count its batches or epochs."""
    claims = ctx.claims.shortened if ctx.claims is not None else []
    first = min((claim.cell for claim in claims if claim.cell is not None), default=None)
    cells = ctx.document.cells[first:] if first is not None else []
    return [c for c in cells if c.status is CellStatus.ERROR and c.error is not None and c.error.name not in OWN]
