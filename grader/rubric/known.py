"""Names every check that a rubric may use, with the parameters it takes and their bounds."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """A number that a rubric may set for a check: what it is without being set, and its bounds (inclusive)."""

    default: float
    low: float
    high: float


SHARE_LOST = Parameter(0.5, 0.0, 1.0)

CHECKS: Mapping[str, Mapping[str, Parameter]] = {
    "runs": {
        "cost_per_cell": Parameter(0.05, 0.0, 1.0),  # share lost for each failing cell once training has happened
        "most_cost": Parameter(0.2, 0.0, 1.0),  # and at most so much in all
        "untrained_share": Parameter(0.5, 0.0, 1.0),  # share to be had at most while no net was trained
    },
    "data.columns": {"min_columns": Parameter(2, 1, 16), "loaded_share": Parameter(0.5, 0.0, 1.0)},
    "data.images": {"loaded_share": Parameter(0.5, 0.0, 1.0)},
    "data.split": {
        "tolerance": Parameter(0.05, 0.0, 1.0),  # share of validation rows that may also be training rows
        "unseen_share": Parameter(0.5, 0.0, 1.0),  # share given when no validation data was seen at all
    },
    "data.batches": {"unshuffled_share": Parameter(0.5, 0.0, 1.0)},
    "architecture.dense": {"min_layers": Parameter(2, 1, 64), "linear_share": Parameter(0.3, 0.0, 1.0)},
    "architecture.convolutional": {"min_convolutions": Parameter(1, 1, 64), "dense_share": Parameter(0.2, 0.0, 1.0)},
    "architecture.outputs": {},
    "loss": {
        "flaw_share": Parameter(0.5, 0.0, 1.0)
    },  # share left when the loss fits but gets the wrong kind of numbers
    "training": {
        "stale_share": Parameter(0.4, 0.0, 1.0),  # share left when gradients pile up
        "mode_share": Parameter(0.8, 0.0, 1.0),  # share left when Dropout or BatchNorm trained in evaluation mode
    },
    "validation": {
        "mode_share": Parameter(0.6, 0.0, 1.0),  # share left when Dropout or BatchNorm were validated in training mode
        "gradient_share": Parameter(0.95, 0.0, 1.0),  # share left when gradients were recorded for nothing
    },
    "convergence": {
        "fell": Parameter(0.3, 0.0, 1.0),  # parts of the criterion: the loss fell,
        "beats_baseline": Parameter(0.35, 0.0, 1.0),  # ended below the best constant answer,
        "settled": Parameter(0.35, 0.0, 1.0),  # and was no longer falling steeply
        "steep": Parameter(0.15, 0.01, 1.0),  # share of the whole fall that the last fifth may still bring
    },
    "held-out": {
        "recorded_share": Parameter(0.5, 0.0, 1.0)
    },  # most that outputs on the student's own validation data earn
}
"""Check id -> parameters by name. ``grader.checks`` registers one function for each."""
