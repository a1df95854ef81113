"""Does the code run? Once a net was trained, cells that fail beside it cost little or nothing."""

from collections.abc import Mapping

from grader.checks.context import Context
from grader.checks.result import CheckResult, count, failed, graded, harness_error, passed, quoted, review
from grader.evidence.model import CellRecord
from grader.types import CellStatus, Exit

AIM = "Every cell runs from top to bottom in a fresh session."
NETWORK = (
    "URLError",
    "HTTPError",
    "ConnectionError",
    "gaierror",
    "MaxRetryError",
    "SSLError",
    "ConnectionRefusedError",
    "NewConnectionError",
)
NETWORK_WORDS = (
    "name resolution",
    "network is unreachable",
    "urlopen error",
    "name or service not known",
    "failed to establish",
)
PLOTTING = ("/matplotlib/", "/seaborn/", "/umap/", "/plotly/", "\\matplotlib\\", "\\seaborn\\")


def runs(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """Cells that were attempted, by how many of them work."""
    if ctx.document.host.exit is Exit.NOT_STARTED:
        return harness_error(AIM, f"The run could not be started. {ctx.document.host.sentence}".strip())
    worked = ctx.attempted or ctx.beats_guessing
    attempted = [c for c in ctx.document.cells if c.lines or c.error or c.status is CellStatus.TIMEOUT]
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
    costly = [c for c in bad if not excused(c)]
    if not costly:
        return passed(AIM, found + (" What stopped had no part in the training." if bad else ""))
    share = 1 - min(params["most_cost"], params["cost_per_cell"] * len(costly))
    first = costly[0]
    return graded(
        share,
        aim=AIM,
        found=f"{found} The net was trained all the same. {_what(first)}",
        gap=f"{count(len(costly), 'cell')} to repair.",
        next=(
            f"Run everything in a fresh session and look at cell {first.index}: which name or file does it expect "
            "that is not there?"
        ),
    )


def _unread(ctx: Context, found: CheckResult) -> CheckResult:
    """Where the run came to its end and its evidence was refused, nobody can say that no net was trained."""
    if ctx.claims is not None or not ctx.document.problems or ctx.document.host.exit is not Exit.FINISHED:
        return found
    reason = f"What the run left behind could not be used: {ctx.document.problems[0]}"
    return review(aim=AIM, found=reason, share=found.share)


def _untrained(ctx: Context, params: Mapping[str, float], attempted: list[CellRecord], found: str) -> CheckResult:
    good = sum(c.status is CellStatus.OK for c in attempted)
    share = params["untrained_share"] * good / len(attempted)
    broken = next((c for c in attempted if c.status in (CellStatus.ERROR, CellStatus.TIMEOUT)), None)
    if broken is not None:
        step = (
            f"Begin at cell {broken.index}, the first that stops: read the last line of its message, then print what "
            "it works on."
        )
        return graded(share, aim=AIM, found=f"{found} {_what(broken)}", gap="No net was trained.", next=step)
    sentence = f" {ctx.document.host.sentence}" if ctx.document.host.sentence else ""
    step = "What is there works. Go on with the first exercise that is still open, and run it on a single batch."
    return graded(share, aim=AIM, found=found + sentence, gap="No net was trained yet.", next=step)


def excused(cell: CellRecord) -> bool:
    """Whether a failure comes from the missing network, a package that is not installed, or a plot."""
    if cell.error is None:
        return False
    text = f"{cell.error.message} {cell.error.traceback}".lower()
    if cell.error.name in NETWORK or any(words in text for words in NETWORK_WORDS):
        return True
    return cell.error.name in ("ModuleNotFoundError", "ImportError") or any(part in text for part in PLOTTING)


def _what(cell: CellRecord) -> str:
    where = f"Cell {cell.index}"
    if cell.status is CellStatus.TIMEOUT:
        return f"{where} ran out of time."
    if cell.error is None:
        return f"{where} was not reached."
    return f"{where} stops with {quoted(f'{cell.error.name}: {cell.error.message}')}"
