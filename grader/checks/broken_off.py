"""Whether the cell in which the net was trained ended in an error of its own, and how far the training had come."""

from dataclasses import dataclass

from grader.checks.context import Context
from grader.checks.result import count
from grader.checks.surroundings import excused, lack
from grader.evidence.model import CellRecord, Claims
from grader.types import CellStatus

MOST_PASSES = 600  # more are not recorded


@dataclass(frozen=True)
class BrokenOff:
    """``cell``: in which the net was trained and which then failed. ``after``: how far it was trained in it, in words;
    empty if that is not known."""

    cell: CellRecord
    after: str


def broken_off(ctx: Context) -> BrokenOff | None:
    """The end of the marked training, where an error that the code is to blame for followed it in the same cell.
    A training that the grader cut short had come to its end before."""
    episode, cell = ctx.episode, _failed(ctx)
    if episode is None or episode.last_cell is None or cell is None or excused(cell):
        return None
    epochs, steps = _epochs(ctx.told, episode.last_cell), 0
    if not epochs and episode.first_cell == episode.last_cell:
        steps = episode.steps
    after = count(epochs, "epoch") if epochs else count(steps, "step") if steps else ""
    return BrokenOff(cell, f" after {after}" if after else "")


def wanting(ctx: Context) -> CellRecord | None:
    """The cell of the marked training, if it failed in it for what this machine lacks: itself, or in a cell that makes
    a name which it asks for."""
    cell = _failed(ctx)
    if cell is None or cell.error is None:
        return None
    before = ctx.makers_of_missing(cell)
    lacking = [c for c in ctx.failures if c.index in before and lack(c)]
    return cell if lack(cell) else next(iter(lacking), None)


def _failed(ctx: Context) -> CellRecord | None:
    """The cell in which the marked training ended, if it failed and the grader did not cut the training short."""
    at, cells = None if ctx.episode is None else ctx.episode.last_cell, ctx.document.cells
    if at is None or at >= len(cells) or ctx.cut is not None:
        return None
    return cells[at] if cells[at].status is CellStatus.ERROR and cells[at].error is not None else None


def _epochs(claims: Claims, cell: int) -> int:
    """Whole runs of the training in ``cell`` over its loader; 0 if they are not known."""
    if len(claims.passes) >= MOST_PASSES:
        return 0
    passes = [p for p in claims.passes if p.phase == "train" and p.cell == cell and p.steps]
    batches = {loader.id: loader.batches for loader in claims.loaders}
    lengths = [batches.get(p.loader) if p.loader is not None else None for p in passes]
    if any(length is None for length in lengths):
        return 0
    return sum(p.forwards >= length for p, length in zip(passes, lengths, strict=True) if length)
