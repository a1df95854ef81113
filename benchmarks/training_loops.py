"""Training loops as students write them, one function for each; run in a process of its own, watched or not.

``python -m benchmarks.training_loops [FOLDER SETTINGS]``: takes lines ``name epochs`` from its input, trains that long,
and answers each with the processor seconds it took. FOLDER holds the probe as ``grader_probe``, which is started with
these SETTINGS (JSON); without it nobody watches.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from palmerpenguins import load_penguins
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

KEYS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
Loop = Callable[[], Callable[[], None]]


class Penguins(Dataset[Any]):
    """A table row, looked up and made into tensors at every access, as the course's exercise suggests."""

    def __init__(self, keys: list[str], target: str, *, train: bool) -> None:
        table = load_penguins().dropna()
        valid = table.groupby(["species", "sex"]).sample(n=10, random_state=123)
        self.split = table.drop(valid.index) if train else valid
        self.keys, self.target = keys, target
        self.label_map = {name: number for number, name in enumerate(["Adelie", "Chinstrap", "Gentoo"])}

    def __len__(self) -> int:
        """Rows of this split."""
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One penguin."""
        row = self.split.iloc[index]
        inputs = torch.tensor([row[key] for key in self.keys], dtype=torch.float32)
        if self.target == "species":
            return inputs, torch.tensor(self.label_map[row["species"]])
        return inputs, torch.tensor([row[self.target] / 4207.0], dtype=torch.float32)


def dense(inputs: int, outputs: int) -> nn.Sequential:
    """The course's fully connected net."""
    layers: list[nn.Module] = [nn.BatchNorm1d(inputs)]
    for width in (16, 8):
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.Dropout(0.1), nn.LeakyReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def convolutional(side: int, outputs: int) -> nn.Sequential:
    """A small net of convolutions for images (n, 3, side, side)."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(side // 14),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(256, outputs),
    )


def trained(model: nn.Module, train: DataLoader[Any], valid: DataLoader[Any], criterion: nn.Module) -> Loop:
    """What trains ``model`` for one epoch and validates it."""
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)

    def epoch() -> None:
        model.train()
        for inputs, targets in train:
            loss = criterion(model(inputs), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()
        model.eval()
        with torch.no_grad():
            for inputs, targets in valid:
                criterion(model(inputs), targets).item()

    return lambda: epoch


def species_rows() -> Callable[[], None]:
    """Task 1 with rows looked up one by one."""
    train, valid = (Penguins(KEYS, "species", train=flag) for flag in (True, False))
    return trained(
        dense(4, 3), DataLoader(train, 16, shuffle=True, drop_last=True), DataLoader(valid, 16), nn.CrossEntropyLoss()
    )()


def mass_rows() -> Callable[[], None]:
    """Task 2 with rows looked up one by one."""
    train, valid = (Penguins(KEYS[:3], "body_mass_g", train=flag) for flag in (True, False))
    return trained(
        dense(3, 1), DataLoader(train, 16, shuffle=True, drop_last=True), DataLoader(valid, 16), nn.MSELoss()
    )()


def species_tensors() -> Callable[[], None]:
    """Task 1 with everything in tensors beforehand: the least that a step can cost."""
    x, y = torch.randn(273, 4), torch.randint(3, (273,))
    train, valid = TensorDataset(x[:213], y[:213]), TensorDataset(x[213:], y[213:])
    return trained(
        dense(4, 3), DataLoader(train, 16, shuffle=True, drop_last=True), DataLoader(valid, 16), nn.CrossEntropyLoss()
    )()


def digits_cnn() -> Callable[[], None]:
    """Task 3 with a small net."""
    x, y = torch.rand(960, 3, 28, 28), torch.randint(10, (960,))
    train, valid = TensorDataset(x[:640], y[:640]), TensorDataset(x[640:], y[640:])
    loaders = DataLoader(train, 64, shuffle=True), DataLoader(valid, 64)
    return trained(convolutional(28, 10), *loaders, nn.CrossEntropyLoss())()


def digits_mobilenet() -> Callable[[], None]:
    """Task 3 with the course's net."""
    from torchvision.models import mobilenet_v3_small

    x, y = torch.rand(384, 3, 28, 28), torch.randint(10, (384,))
    train, valid = TensorDataset(x[:256], y[:256]), TensorDataset(x[256:], y[256:])
    loaders = DataLoader(train, 64, shuffle=True), DataLoader(valid, 64)
    return trained(mobilenet_v3_small(weights=None, num_classes=10), *loaders, nn.CrossEntropyLoss())()


def ellipse_cnn() -> Callable[[], None]:
    """Task 4 with a small net."""
    x, y = torch.rand(192, 3, 128, 128), torch.rand(192, 4)
    train, valid = TensorDataset(x[:128], y[:128]), TensorDataset(x[128:], y[128:])
    loaders = DataLoader(train, 32, shuffle=True), DataLoader(valid, 32)
    return trained(convolutional(128, 4), *loaders, nn.MSELoss())()


LOOPS: dict[str, Callable[[], Callable[[], None]]] = {
    f.__name__: f for f in (species_rows, mass_rows, species_tensors, digits_cnn, digits_mobilenet, ellipse_cnn)
}


def watch(folder: str, settings: str) -> None:
    """Install the probe as a run does."""
    sys.path.insert(0, folder)
    import grader_probe  # type: ignore[import-not-found]

    places = dict.fromkeys(("work", "world", "heldout", "out"), tempfile.mkdtemp())
    grader_probe.start({"seed": 0, "threads": 1, **json.loads(settings), **places})


def commands() -> Iterator[tuple[str, int]]:
    """What to train, and for how many epochs."""
    for line in sys.stdin:
        name, epochs = line.split()
        yield name, int(epochs)


def main() -> None:
    """Train what is asked for until the input ends."""
    torch.set_num_threads(1)
    if sys.argv[1:]:
        watch(sys.argv[1], sys.argv[2])
    torch.manual_seed(0)
    built: dict[str, Callable[[], None]] = {}
    for name, epochs in commands():
        if name not in built:
            built[name] = LOOPS[name]()
        start = time.process_time()
        for _ in range(epochs):
            built[name]()
        sys.stdout.write(f"{time.process_time() - start:.6f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
