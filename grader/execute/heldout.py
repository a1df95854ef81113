"""Puts the held-out inputs where the probe finds them, after the student's code has ended."""

from collections.abc import Mapping

import numpy as np

from grader.evidence.bundle import Array, Evidence
from grader.execute.layout import copy_world
from grader.sandbox.protocol import JobLayout
from grader.tasks.model import World


def plan(world: World, evidence: Evidence, problems: list[str]) -> Mapping[str, Array]:
    """Arrays to feed to the model as ``predictions.plan`` works them out; none, and a problem, if that fails.

    The plan computes with numbers that may have been forged to make it fail, so every failure becomes a sentence.
    """
    from grader import predictions

    try:
        with np.errstate(all="ignore"):
            return dict(predictions.plan(world, evidence))
    except Exception as problem:  # noqa: BLE001  a boundary: computing with forged numbers may fail in any way
        kind = type(problem).__name__
        problems.append(f"No map from the raw data to the model's inputs could be worked out ({kind}).")
        return {}


def lay_out(world: World, layout: JobLayout, *, planned: Mapping[str, Array]) -> None:
    """Fill the job's ``heldout`` folder: the held-out world, the planned arrays, the inputs for ``predict``."""
    copy_world(world.heldout_dir, layout.heldout)
    for name, array in planned.items():
        np.save(layout.heldout / f"{name}.npy", array, allow_pickle=False)
    if world.heldout.table is not None:
        world.heldout.table.to_csv(layout.heldout / "predict_inputs.csv", index=False)
    if world.heldout.images is not None:
        np.save(layout.heldout / "predict_inputs.npy", world.heldout.images, allow_pickle=False)
