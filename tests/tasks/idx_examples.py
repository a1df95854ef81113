"""Small MNIST folders made of random digits, for tests that need files of the real format."""

import gzip
from pathlib import Path

import numpy as np

from grader.tasks import idx
from grader.tasks.digits import NAMES


def write_mnist(folder: Path, *, train: int = 1_200, test: int = 2_300, compressed: bool = False) -> Path:
    """Write the four files and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    for names, count in ((NAMES[:2], train), (NAMES[2:], test)):
        idx.write_images(folder / names[0], rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        idx.write_labels(folder / names[1], rng.integers(0, 10, count))
    if compressed:
        for name in NAMES:
            content = (folder / name).read_bytes()
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=0))
            (folder / name).unlink()
    return folder
