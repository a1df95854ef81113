"""What is sent back into the sandbox: the held-out items in the form in which the student's net takes them."""

import numpy as np
from numpy.typing import NDArray

from grader.evidence.bundle import Evidence
from grader.predictions.pipeline_map import PipelineMap, first, held_out_inputs, part, read, sendable
from grader.tasks.model import RawInputs, World

AT_ONCE = 16  # items that are mapped at once


def plan(world: World, evidence: Evidence) -> dict[str, NDArray[np.float32]]:
    """``mapped_inputs`` (n, ...) float32 for the held-out items in order, if a map was proven; else nothing.

    As many items as fit under the size limit; never raises for what the evidence holds.
    """
    with np.errstate(all="ignore"):  # forged numbers may overflow
        found, raw = read(world, evidence), held_out_inputs(world)
        return _mapped(found, first(raw, sendable(found, raw)))


def _mapped(found: PipelineMap, raw: RawInputs) -> dict[str, NDArray[np.float32]]:
    """All of ``raw`` mapped, a few at a time: as floats of double size they would be twice what is sent."""
    whole = np.empty(0, dtype=np.float32)
    for start in range(0, len(raw), AT_ONCE):
        inputs = found.mapped(part(raw, slice(start, start + AT_ONCE)))
        if inputs is None:
            return {}
        if not start:
            whole = np.empty((len(raw), *inputs.shape[1:]), dtype=np.float32)
        whole[start : start + AT_ONCE] = np.nan_to_num(inputs, nan=0.0)
    return {"mapped_inputs": whole} if len(whole) else {}
