"""What is sent back into the sandbox: the held-out items in the form in which the student's net takes them."""

import numpy as np
from numpy.typing import NDArray

from grader.evidence.bundle import Evidence
from grader.limits import MAX_ARRAY_BYTES
from grader.predictions.pipeline_map import held_out_inputs, read
from grader.tasks.model import World


def plan(world: World, evidence: Evidence) -> dict[str, NDArray[np.float32]]:
    """``mapped_inputs`` (n, ...) float32 for the held-out items in order, if a map was proven; else nothing.

    As many items as fit under the size limit; never raises for what the evidence holds.
    """
    found = read(world, evidence).mapped(held_out_inputs(world))
    if found is None or not len(found):
        return {}
    inputs = np.nan_to_num(found, nan=0.0).astype(np.float32)
    fitting = max(1, (MAX_ARRAY_BYTES - 4_096) // max(1, inputs[0].nbytes))
    return {"mapped_inputs": np.ascontiguousarray(inputs[:fitting])}
