"""What is sent back into the sandbox: the held-out items in the form in which the student's net takes them."""

import numpy as np
from numpy.typing import NDArray

from grader.evidence.bundle import Evidence
from grader.predictions.pipeline_map import first, held_out_inputs, read, sendable
from grader.tasks.model import World


def plan(world: World, evidence: Evidence) -> dict[str, NDArray[np.float32]]:
    """``mapped_inputs`` (n, ...) float32 for the held-out items in order, if a map was proven; else nothing.

    As many items as fit under the size limit; never raises for what the evidence holds.
    """
    with np.errstate(all="ignore"):  # forged numbers may overflow
        found, raw = read(world, evidence), held_out_inputs(world)
        count = sendable(found, raw)
        inputs = found.mapped(first(raw, count)) if count else None
        if inputs is None:
            return {}
        return {"mapped_inputs": np.ascontiguousarray(np.nan_to_num(inputs, nan=0.0).astype(np.float32))}
