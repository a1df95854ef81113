"""Does the code run? Once a net was trained, cells that fail beside it cost little or nothing."""

from collections.abc import Mapping

from grader.checks.broken_off import broken_off
from grader.checks.context import Context
from grader.checks.free import after_a_cut, for_surroundings
from grader.checks.hints import hint
from grader.checks.result import CheckResult, count, failed, graded, harness_error, passed, quoted, review
from grader.checks.unreached import for_want, needs
from grader.evidence.model import CellRecord
from grader.types import CellStatus, Exit

AIM = "Every cell runs from top to bottom in a fresh session."
MOST_LISTED = 8


def runs(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """Cells that were attempted, by how many of them work."""
    if ctx.document.host.exit is Exit.NOT_STARTED:
        return harness_error(AIM, f"The run could not be started. {ctx.document.host.sentence}".strip())
    worked = ctx.attempted or ctx.beats_guessing
    attempted = ctx.cells
    if not attempted and worked:
        return passed(AIM, "The code ran and trained a net.")
    if not attempted:
        return failed(
            aim=AIM,
            found="There is no code to run yet.",
            next="Start with the imports and loading the data; run that before going on.",
        )
    good = sum(c.status is CellStatus.OK for c in attempted)
    found = f"{good} of {count(len(attempted), 'cell')} ran without an error."
    bad = [c for c in attempted if c.status is not CellStatus.OK]
    if not worked:
        return _unread(ctx, _untrained(ctx, params, attempted, found))
    free = for_surroundings(ctx)
    cut = [c for c in after_a_cut(ctx) if c not in free]
    costly = [c for c in bad if c not in free and c not in cut]
    if not costly:
        return passed(AIM, found + (_counting(cut) if cut else _harmless(ctx) if bad else ""))
    share = 1 - min(params["most_cost"], params["cost_per_cell"] * len(costly))
    return graded(
        share,
        aim=AIM,
        found=f"{found} {_beside_training(ctx, costly)}",
        gap=f"{count(len(costly), 'cell')} to repair{_listed(costly)}.",
        next=hint(ctx, costly[0]),
    )


def _harmless(ctx: Context) -> str:
    """What to say of cells that cost nothing though they stop."""
    cells = ctx.document.cells
    at = ctx.episode.last_cell if ctx.episode is not None else None
    beside = at is None or at >= len(cells) or cells[at].status is CellStatus.OK
    return " What stopped had no part in the training." if beside else " What stopped is no fault of the code."


def _counting(cells: list[CellRecord]) -> str:
    where = f"cell {cells[0].index}" if len(cells) == 1 else f"cells{_listed(cells).removeprefix(':')}"
    return f" The training had been cut short before {where} failed, which may be why; it costs nothing."


def _beside_training(ctx: Context, costly: list[CellRecord]) -> str:
    """What stops first, and whether it is the training itself."""
    first, broken = costly[0], broken_off(ctx)
    if broken is None or broken.cell not in costly:
        return f"The net was trained all the same. {_what(first)}"
    training = f"Cell {broken.cell.index}, in which the net is trained, stops{broken.after} with {_error(broken.cell)}"
    return training if broken.cell == first else f"{_what(first)} {training}"


def _listed(cells: list[CellRecord]) -> str:
    if len(cells) == 1:
        return ""
    more = f" and {len(cells) - MOST_LISTED} more" if len(cells) > MOST_LISTED else ""
    return ": " + ", ".join(str(c.index) for c in cells[:MOST_LISTED]) + more


def _unread(ctx: Context, found: CheckResult) -> CheckResult:
    """Where the run came to its end and its evidence was refused, nobody can say that no net was trained."""
    if ctx.claims is not None or not ctx.document.problems or ctx.document.host.exit is not Exit.FINISHED:
        return found
    reason = f"What the run left behind could not be used: {ctx.document.problems[0]}"
    return review(aim=AIM, found=reason, share=found.share)


def _untrained(ctx: Context, params: Mapping[str, float], attempted: list[CellRecord], found: str) -> CheckResult:
    good = sum(c.status is CellStatus.OK for c in attempted)
    share = params["untrained_share"] * good / len(attempted)
    if (lacking := ctx.stopped_by_surroundings) is not None:
        return for_want(lacking, failed(aim=AIM, found=found)).but(found=f"{found} {needs(lacking)} {_what(lacking)}")
    broken = ctx.first_failure
    if broken is not None:
        told = f"{found} {_what(broken)}"
        return graded(share, aim=AIM, found=told, gap="No net was trained.", next=hint(ctx, broken))
    sentence = f" {ctx.document.host.sentence}" if ctx.document.host.sentence else ""
    step = "What is there works. Go on with the first exercise that is still open, and run it on a single batch."
    return graded(share, aim=AIM, found=found + sentence, gap="No net was trained yet.", next=step)


def _what(cell: CellRecord) -> str:
    where = f"Cell {cell.index}"
    if cell.status is CellStatus.TIMEOUT:
        return f"{where} ran out of time."
    if cell.error is None:
        return f"{where} was not reached."
    return f"{where} stops with {_error(cell)}"


def _error(cell: CellRecord) -> str:
    return (
        quoted(f"{cell.error.name}: {cell.error.message}".removesuffix(": ")) if cell.error is not None else "an error"
    )
