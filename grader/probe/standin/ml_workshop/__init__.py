"""An interface-compatible ``ml_workshop``, used where the course's own package is not beside the notebook."""

from ._ellipse import EllipseDataset
from ._penguins import PenguinDataset

__all__ = ["EllipseDataset", "PenguinDataset"]
