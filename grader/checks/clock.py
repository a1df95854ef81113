"""What a training leaves open that ended for no fault of its own: by the clock, or for want of a package or a GPU."""

from grader.checks.broken_off import wanting
from grader.checks.context import Context
from grader.checks.result import CheckResult, review
from grader.checks.surroundings import lack

TOLD = "The machine on which this was marked was slow or busy, so the net was trained less than the rubric allows."
GAP = "Nothing is lost: marked again while less runs on that machine, the training goes on to its end."


def on_time(ctx: Context, found: CheckResult) -> CheckResult:
    """``found``; if the clock ended the training, or something that this machine lacks, the points that it leaves are
    open."""
    if found.share >= 1:
        return found
    if (cell := wanting(ctx)) is not None:
        told = f"The training stopped, since cell {cell.index} needs {lack(cell)}, which is not there here."
        return review(aim=found.aim, found=f"{found.found} {told}", share=found.share)
    if ctx.cut is None or ctx.cut.reason != "time":
        return found
    return review(aim=found.aim, found=f"{found.found} {TOLD}", gap=GAP, share=found.share)
