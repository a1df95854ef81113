"""Numbers of the answers that are the same for every item: an output behind a relu may get stuck at its start."""

import numpy as np

from grader.checks.context import Context

ALIKE = 1e-6  # of the spread of the true numbers
FEW = 5  # items below which nothing is said


def stuck(ctx: Context) -> tuple[str, ...]:
    """Names of the numbers of which a trained net gives the same for all held-out items."""
    values, truth = ctx.predictions.values, (ctx.predictions.truth or ctx.world.heldout_truth).values
    if not ctx.trained or values is None or truth is None or values.shape != truth.shape or len(values) < FEW:
        return ()
    with np.errstate(all="ignore"):
        still = np.ptp(values, axis=0) <= ALIKE * truth.std(axis=0)
    return tuple(name for name, same in zip(ctx.spec.target_names, still.tolist(), strict=False) if same)
