"""Stage: from recorded tensors and the raw data to held-out predictions in the task's own terms; pure numpy."""

from grader.predictions.model import HeldOutPredictions
from grader.predictions.plan import plan
from grader.predictions.resolve import resolve

__all__ = ["HeldOutPredictions", "plan", "resolve"]
