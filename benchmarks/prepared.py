"""Stands in for a notebook's loaders while its training floor is measured: the batches of one pass, ready in memory."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

now = time.perf_counter


class Prepared(list[Any]):
    """The batches of one pass over a loader, handed out again at every pass; ``seconds`` that passes took."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self.dataset = loader.dataset
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Any]:
        """One pass."""
        start = now()
        yield from super().__iter__()
        self.seconds += now() - start


def replace_loaders(names: dict[str, Any]) -> None:
    """Put prepared batches in the place of every loader among these names."""
    from torch.utils.data import DataLoader

    names.update({name: Prepared(value) for name, value in names.items() if isinstance(value, DataLoader)})


def write(report: str, seconds: float, names: dict[str, Any]) -> None:
    """Say how long the training cell took, and how long of it the passes over training batches."""
    loaders = {name: value.seconds for name, value in names.items() if isinstance(value, Prepared)}
    steps = sum(value for name, value in loaders.items() if "train" in name)
    Path(report).write_text(json.dumps({"cell_s": seconds, "steps_s": steps}), encoding="utf-8")
