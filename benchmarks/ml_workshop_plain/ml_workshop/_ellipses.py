"""Images of one ellipse each, drawn at every access."""

from collections.abc import Callable
from typing import Any

import numpy as np
from skimage.draw import ellipse
from torch.utils.data import Dataset

Transform = Callable[[Any], Any] | None
SIDE, ITEMS = 128, 1_000


class EllipseDataset(Dataset[Any]):
    """Images (128, 128, 3) uint8 and (row, column, row radius, column radius) as float32 fractions of the side."""

    def __init__(
        self,
        input_tfms: Transform = None,
        target_tfms: Transform = None,
        training: bool = False,  # noqa: FBT001, FBT002  the interface that notebooks use
    ) -> None:
        self.input_tfms, self.target_tfms = input_tfms, target_tfms
        self.rng = np.random.default_rng(123 if training else 666)

    def __len__(self) -> int:
        """Items of an epoch."""
        return ITEMS

    def __getitem__(self, index: int) -> Any:
        """A new image, whatever the index."""
        paper, ink = self.rng.integers(0, 256, size=(2, 3))
        radii = self.rng.integers(4, 32, size=2)
        centre = self.rng.integers(radii.max(), SIDE - radii.max(), size=2)
        image = np.full((SIDE, SIDE, 3), paper, dtype=np.uint8)
        image[ellipse(*centre, *radii, shape=(SIDE, SIDE))] = ink
        target = np.array([*centre, *radii], dtype=np.float32) / SIDE
        return (
            image if self.input_tfms is None else self.input_tfms(image),
            target if self.target_tfms is None else self.target_tfms(target),
        )
