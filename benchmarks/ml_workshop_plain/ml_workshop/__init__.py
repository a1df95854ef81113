"""The helper package that notebooks of the course import, written as plainly as a student's machine has it."""

from ._ellipses import EllipseDataset
from ._penguins import PenguinDataset

__all__ = ["EllipseDataset", "PenguinDataset"]
