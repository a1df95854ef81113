"""What to say of a part that no run came to: the machine lacks something, or a cell failed before it."""

from grader.checks.context import Context
from grader.checks.result import CheckResult, review
from grader.checks.surroundings import lack, lacks_file
from grader.evidence.model import CellRecord
from grader.types import CellStatus, Status


def unreached(ctx: Context, found: CheckResult) -> CheckResult:
    """``found`` where nothing was trained, told by its cause. Where this machine lacks what the code needs, the points
    that it leaves are open; where the training is written and a cell failed before it, only the words are others."""
    if (cell := ctx.stopped_by_surroundings) is not None:
        return for_want(cell, found)
    cell = ctx.first_failure
    if ctx.attempted or cell is None or not ctx.writes_training:
        return found
    how = "ran out of time" if cell.status is CellStatus.TIMEOUT else "failed"
    return found.but(
        found=_with(found, f"The training is written, but no run came to a step: cell {cell.index} {how} first."),
        next=f"Get cell {cell.index} to run; then run the training on a single batch.",
    )


def for_want(cell: CellRecord, found: CheckResult) -> CheckResult:
    """The points that ``found`` leaves stay open, since ``cell`` needs what is not at hand here."""
    opened = review(aim=found.aim, found=_with(found, needs(cell)), share=found.share)
    return opened.but(next=_step(cell, lack(cell)))


def needs(cell: CellRecord) -> str:
    """That nothing was trained, and for want of what."""
    return (
        f"Nothing was trained, since cell {cell.index} needs {lack(cell)}, which is not there when the work is marked."
    )


def _with(found: CheckResult, told: str) -> str:
    """What was seen stays; that nothing was attempted does not."""
    return told if found.status is Status.FAIL else f"{found.found} {told}"


def _step(cell: CellRecord, what: str) -> str:
    if what == "a GPU":
        return f"Look at cell {cell.index}: what would the code have to ask the machine before it chooses a device?"
    if what == "the network":
        return f"Which file does cell {cell.index} fetch? Run it with the network off and see which line needs it."
    if "keyboard" in what:
        return f"Write what you would type into cell {cell.index}, so that it runs while nobody is there to ask."
    if lacks_file(cell):
        return (
            f"Hand in {what} beside this one. Does cell {cell.index} find it in a new folder with nothing else in it?"
        )
    return (
        f"What does the rest of the work need {what} for? Run it without the lines that use it; if it is a file of "
        "your own, hand it in beside this one."
    )
