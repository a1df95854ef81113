"""What a training leaves open that ended, or began, where it did for no fault of its own: by the clock, for want of a
package or a GPU, without the pretrained weights that it asks for."""

from grader.checks.broken_off import wanting
from grader.checks.context import Context
from grader.checks.result import CheckResult, review
from grader.checks.surroundings import lack
from grader.types import Status

TOLD = "The machine on which this was marked was slow or busy, so the net was trained less than the rubric allows."
GAP = "Nothing is lost: marked again while less runs on that machine, the training goes on to its end."
FROM_SCRATCH = "The net asks for pretrained weights, which were not at hand here, so it began with random values."
WEIGHTS = (
    "Nothing is lost: these points stay open until a person has looked, or the work is marked again with the weights "
    "in the grader's data folder."
)


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


def from_scratch(ctx: Context, found: CheckResult) -> CheckResult:
    """``found``; if the net had to begin without the pretrained weights that it asks for, the points that it leaves are
    open: with them, a training that is too short here may be long enough."""
    lacking = ctx.architecture is not None and ctx.architecture.lacks_weights
    if not lacking or found.share >= 1 or found.status is Status.NEEDS_REVIEW:
        return found
    opened = review(aim=found.aim, found=f"{found.found} {FROM_SCRATCH}", gap=WEIGHTS, share=found.share)
    return opened.but(next=found.next)
