"""What a training leaves open that ended by the clock, on a machine that was slow or busy."""

from grader.checks.context import Context
from grader.checks.result import CheckResult, review

TOLD = "The machine on which this was marked was slow or busy, so the net was trained less than the rubric allows."
GAP = "Nothing is lost: marked again while less runs on that machine, the training goes on to its end."


def on_time(ctx: Context, found: CheckResult) -> CheckResult:
    """``found``; if the clock ended the training, the points that it leaves are open."""
    if ctx.cut is None or ctx.cut.reason != "time" or found.share >= 1:
        return found
    return review(aim=found.aim, found=f"{found.found} {TOLD}", gap=GAP, share=found.share)
