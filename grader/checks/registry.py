"""All checks by id, and running those of a rubric in the order of their dependencies."""

from collections.abc import Callable, Mapping

from grader.checks.architecture import convolutional, dense, outputs
from grader.checks.context import Context
from grader.checks.convergence import convergence
from grader.checks.data import batches, columns, images, split
from grader.checks.heldout import held_out
from grader.checks.losses import loss
from grader.checks.result import CheckResult, review
from grader.checks.runs import runs
from grader.checks.training import training, validation
from grader.rubric import Criterion, Rubric
from grader.types import Status

Check = Callable[[Context, Mapping[str, float]], CheckResult]

UNRECORDED = "could not be recorded"  # in the recorder's note about its own failures

REGISTRY: Mapping[str, Check] = {
    "runs": runs,
    "data.columns": columns,
    "data.images": images,
    "data.split": split,
    "data.batches": batches,
    "architecture.dense": dense,
    "architecture.convolutional": convolutional,
    "architecture.outputs": outputs,
    "loss": loss,
    "training": training,
    "validation": validation,
    "convergence": convergence,
    "held-out": held_out,
}


def run_checks(ctx: Context, rubric: Rubric) -> list[CheckResult]:
    """One result per criterion, in the rubric's order. A criterion that depends on a failed or blocked one is
    blocked; one that depends on an open one (needs review, harness error) is looked at all the same."""
    done: dict[str, CheckResult] = {}
    waiting = list(rubric.criteria)
    while waiting:
        ready = [c for c in waiting if all(name in done for name in c.depends_on)]
        if not ready:  # load_rubric refuses circles; a rubric made by hand may still hold one
            raise ValueError(f"the dependencies of {waiting[0].id!r} never end")
        for criterion in ready:
            found = _blocked(criterion, rubric, done) or REGISTRY[criterion.check](ctx, criterion.params)
            done[criterion.id] = _unseen(ctx, criterion, found)
        waiting = [c for c in waiting if c.id not in done]
    return [done[c.id] for c in rubric.criteria]


def _unseen(ctx: Context, criterion: Criterion, found: CheckResult) -> CheckResult:
    """Where the recorder failed and no training was seen, nobody can say that there was none."""
    unseen = not ctx.trained and ctx.claims is not None and any(UNRECORDED in note for note in ctx.claims.notes)
    if not unseen or criterion.check == "runs" or found.status not in (Status.FAIL, Status.BLOCKED):
        return found
    told = "The grader could not record what the code did, so this could not be judged."
    return review(aim=found.aim, found=told, share=found.share)


def _stops(found: CheckResult) -> bool:
    """Whether nothing of a criterion was met, so that those that depend on it wait."""
    return found.share <= 0 and found.status in (Status.FAIL, Status.BLOCKED)


def _blocked(criterion: Criterion, rubric: Rubric, done: Mapping[str, CheckResult]) -> CheckResult | None:
    missing = next((name for name in criterion.depends_on if _stops(done[name])), None)
    if missing is None:
        return None
    title = rubric.criterion(missing).title
    return CheckResult(
        Status.BLOCKED,
        0.0,
        criterion.title,
        f"This waits for another part: {title[:1].lower()}{title[1:]}.",
        "It cannot be looked at before that works.",
        "Work on that part first; this one is looked at again afterwards.",
    )
