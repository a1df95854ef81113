"""Trains on data sets of many kinds, with and without remembered items; prints what came of it as one JSON document.

Run in a process of its own, since the probe patches torch: ``python memory_scenarios.py FOLDER``.
"""

import hashlib
import itertools
import json
import os
import random
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset, random_split

folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
torch.set_num_threads(1)
import grader_probe  # noqa: E402

out = folder / "out"
out.mkdir()
settings = {"task": "penguins-classification", "seed": 3, "sparing": {"remember_bytes": 10_000_000}}
settings |= dict.fromkeys(("work", "world", "heldout", "out"), str(out))
from torch.utils.data._utils.fetch import _MapDatasetFetcher  # noqa: E402

plain_fetch = _MapDatasetFetcher.fetch
grader_probe.start(settings)
from grader_probe import memory  # noqa: E402
from ml_workshop import EllipseDataset  # noqa: E402

remembering_fetch = _MapDatasetFetcher.fetch
X = np.random.default_rng(1).normal(size=(48, 5))
BUILT = itertools.count()
SCALE = 1.0
EPOCHS = 5


class Rows(Dataset):
    """Rows of a table, made into tensors at every access; ``change`` is called with each row and its index."""

    def __init__(self, change=lambda row, index: row):
        self.x = X.copy()
        self.change = change

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        next(BUILT)
        row = torch.tensor(self.x[index], dtype=torch.float32)
        return self.change(row, index), torch.tensor(int(self.x[index].sum() > 0))


def states():
    return [torch.get_rng_state().tolist(), str(np.random.get_state()), str(random.getstate())]


def bits(value):
    """Type, layout and bits of whatever a loader hands out."""
    if isinstance(value, torch.Tensor):
        numbers = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return [str(value.dtype), list(value.shape), list(value.stride()), value.is_inference(), numbers.hex()]
    if isinstance(value, dict):
        return {str(key): bits(part) for key, part in value.items()}
    return [type(value).__name__, *map(bits, value)] if isinstance(value, (list, tuple)) else [repr(value)]


def first(batch):
    values = list(batch.values()) if isinstance(batch, dict) else batch
    part = values[0] if isinstance(values, (list, tuple)) else values
    part = part[0] if isinstance(part, (list, tuple)) else part
    return part.detach().float().reshape(len(part), -1)


def training(make, between=lambda data, epoch: None, *, evaluates=torch.no_grad, **options):
    """Train with batch normalisation and dropout; a digest of the weights, all batches, and the random states."""
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    seen = hashlib.sha256()
    data = make()
    parts = data if isinstance(data, tuple) else (data, data)
    loader = DataLoader(parts[0], **({"batch_size": 16, "shuffle": True} | options))
    width = first(next(iter(loader))).shape[1]
    norm = nn.Identity() if options.get("batch_size") == 1 else nn.BatchNorm1d(width)
    model = nn.Sequential(norm, nn.Linear(width, 8), nn.Dropout(0.2), nn.Linear(8, 1))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for epoch in range(EPOCHS):
        between(parts[0], epoch)
        model.train()
        for batch in loader:
            seen.update(json.dumps(bits(batch)).encode())
            inputs = first(batch)
            optimiser.zero_grad()
            model(inputs).square().mean().backward()
            optimiser.step()
            with torch.no_grad():
                inputs.zero_()  # what is handed out belongs to the student
        model.eval()
        with evaluates():
            for batch in DataLoader(parts[1], batch_size=16, collate_fn=options.get("collate_fn")):
                seen.update(json.dumps(bits(batch)).encode())
    weights = [bits(value) for value in model.state_dict().values()]
    return seen.hexdigest(), hashlib.sha256(json.dumps([weights, states()]).encode()).hexdigest()


def failing(make, **options):
    """What an iteration over data that cannot always be had raises, time after time."""
    found = []
    data = make()
    for _ in range(EPOCHS):
        try:
            found += map(bits, DataLoader(data, batch_size=8, **options))
        except (RuntimeError, IndexError) as problem:
            found.append(f"{type(problem).__name__}: {problem}")
    return found


def compare(run, *arguments, limit=10_000_000, **options):
    """The same work without and with memory: whether it came out the same, items built, items remembered."""
    global BUILT  # noqa: PLW0603  as students do
    results, built = [], []
    for fetch in (plain_fetch, remembering_fetch):
        reset()
        memory.ROOM.__init__(limit)
        _MapDatasetFetcher.fetch = fetch
        BUILT = itertools.count()
        results.append(run(*arguments, **options))
        built.append(next(BUILT))
    shelves = list(memory.ROOM._shelves.values())
    return {
        "same": results[0] == results[1],
        "built": built,
        "remembered": memory.ROOM.remembered,
        "taken": memory.ROOM.taken,
        "left alone": [shelf.left_alone for shelf in shelves],
    }


def reset():
    global SCALE  # noqa: PLW0603  as students do
    SCALE = 1.0
    os.environ.pop("SCALE", None)


def drawing(draw):
    return lambda: Rows(lambda row, index: row + draw())


class Seldom(Rows):
    """Has a generator of its own that hardly ever changes an item."""

    def __init__(self):
        super().__init__()
        self.parts = {"noise": [np.random.default_rng(0)]}

    def __getitem__(self, index):
        row, target = super().__getitem__(index)
        return (row + 1 if self.parts["noise"][0].random() < 1e-3 else row), target


class Cached(Rows):
    """Prepares all its rows at the first access."""

    ready = None

    def __getitem__(self, index):
        if self.ready is None:
            self.ready = torch.tensor(self.x, dtype=torch.float32)
        next(BUILT)
        return self.ready[index], 0


class Counting(Rows):
    """Counts its accesses, and shows the count in its items."""

    calls = 0

    def __getitem__(self, index):
        self.calls += 1
        next(BUILT)
        return torch.tensor(self.x[index]), torch.tensor(self.calls // 1000)


class Weak(Rows):
    """Cannot hand out the items from 40 on."""

    def __getitem__(self, index):
        if index >= 40:
            raise RuntimeError(f"no row {index}")
        return super().__getitem__(index)


class Buffered(Rows):
    """Fills the same tensor for every item, so that a batch repeats its last one."""

    def __init__(self):
        super().__init__()
        self.buffer = torch.zeros(5)

    def __getitem__(self, index):
        next(BUILT)
        self.buffer.copy_(torch.tensor(self.x[index]))
        return self.buffer, 0


class Images(Dataset):
    """Images in every layout that the usual transforms leave behind."""

    def __init__(self, layout):
        self.layout = layout
        self.images = np.random.default_rng(2).integers(0, 255, (16, 6, 7, 4), dtype=np.uint8)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        next(BUILT)
        return self.layout(self.images[index]), index


class Values(Rows):
    """Items made of everything that can be batched."""

    def __getitem__(self, index):
        next(BUILT)
        row = self.x[index]
        return {
            "row": (float(row[0]), row[1], int(index), bool(row[2] > 0)),
            "array": row[::2].astype(np.float32),
            "name": f"penguin {index}",
            "nothing": torch.empty(0),
            "not a number": [np.full(2, np.nan), torch.tensor(float("nan"))],
        }


def rescale(data, epoch):
    if epoch == 3:
        data.scale = 2.0


class Scaled(Rows):
    scale = 1.0

    def __getitem__(self, index):
        row, target = super().__getitem__(index)
        return row * self.scale, target


def change_a_global(_data, epoch):
    global SCALE  # noqa: PLW0603  as students do
    SCALE = 3.0 if epoch >= 3 else 1.0


def change_unseen(_data, epoch):
    if epoch >= 3:
        os.environ["SCALE"] = "3"


def begin_to_draw(row, _index):
    return row * torch.rand(1) if "SCALE" in os.environ else row


def from_environment(row, _index):
    return row * float(os.environ.get("SCALE", "1"))


def change_in_place(data, epoch):
    if epoch == 3:
        data.x *= 2


def change_a_tensor(data, epoch):
    if epoch == 3:
        data.t[24:] += 1


class Tensors(Rows):
    def __init__(self):
        super().__init__()
        self.t = torch.tensor(X, dtype=torch.float32)

    def __getitem__(self, index):
        next(BUILT)
        return self.t[index], 0


def own_collate(items):
    return torch.utils.data.default_collate(items)


def one_row_changes():
    """How many passes it takes until a single row that was written to is noticed."""
    _MapDatasetFetcher.fetch = remembering_fetch
    memory.ROOM.__init__(10_000_000)
    data = Rows()
    for number in range(1000):
        for _ in DataLoader(data, batch_size=16, shuffle=True):
            pass
        if number == 3:
            data.x[7] += 1
        if memory.ROOM.shelf(data).left_alone:
            return number
    return None


def split():
    return random_split(Rows(), [38, 10], generator=torch.Generator().manual_seed(0))


def halves_of_one():
    base = Rows()
    return Subset(Subset(base, np.arange(40)), list(range(30))), Subset(base, torch.arange(30))


def graph():
    weight = torch.ones(5, requires_grad=True)
    return Rows(lambda row, index: row * weight)


results = {
    "deterministic": compare(training, Rows),
    "one by one": compare(training, lambda: Subset(Rows(), range(12)), batch_size=1),
    "shared": compare(training, lambda: (Rows(),) * 2),
    "torch draws": compare(training, drawing(lambda: torch.rand(1) / 100)),
    "numpy draws": compare(training, drawing(lambda: np.random.random() / 100)),
    "python draws": compare(training, drawing(lambda: random.random() / 100)),
    "draws without use": compare(training, drawing(lambda: 0 * torch.rand(1))),
    "ellipses": compare(training, lambda: Subset(EllipseDataset(training=True), range(40))),
    "seldom": compare(training, Seldom),
    "attribute": compare(training, Scaled, rescale),
    "global": compare(training, lambda: Rows(lambda row, index: row * SCALE), change_a_global),
    "unseen": compare(training, lambda: Rows(from_environment), change_unseen),
    "begins to draw": compare(training, lambda: Rows(begin_to_draw), change_unseen),
    "in place": compare(training, Rows, change_in_place),
    "tensor in place": compare(training, Tensors, change_a_tensor),
    "cap": compare(training, Rows, limit=20_000),
    "no room": compare(training, Rows, limit=300),
    "custom collate": compare(training, Rows, collate_fn=own_collate),
    "workers": compare(training, Rows, num_workers=2),
    "random split": compare(training, lambda: tuple(split())),
    "two parts of one": compare(training, halves_of_one),
    "concatenated": compare(training, lambda: ConcatDataset([Rows(), Rows()])),
    "tensors": compare(training, lambda: TensorDataset(torch.tensor(X), torch.zeros(48))),
    "gradients": compare(training, graph),
    "values": compare(training, Values),
    "inference mode": compare(training, Rows, evaluates=torch.inference_mode),
    "cached": compare(training, Cached),
    "counting": compare(training, Counting),
    "buffered": compare(training, Buffered),
    "exceptions": compare(failing, Weak),
    "index out of range": compare(failing, lambda: Subset(Rows(), [0, 1, 200])),
    "channels last": compare(training, lambda: Images(lambda i: torch.tensor(i[..., :3]).permute(2, 0, 1))),
    "cut from a wider one": compare(training, lambda: Images(lambda i: torch.from_numpy(i).permute(2, 0, 1)[:3])),
    "expanded": compare(training, lambda: Images(lambda i: torch.from_numpy(i[None, ..., 0]).expand(3, -1, -1))),
    "array views": compare(training, lambda: Images(lambda i: i[:, ::2].transpose(2, 0, 1))),
}
results["one row"] = one_row_changes()
_MapDatasetFetcher.fetch = remembering_fetch
memory.ROOM.__init__(10_000_000)
training(Rows)
grader_probe.collect()
results["claimed"] = json.loads((out / "evidence.json").read_text())["remembered"]
print(json.dumps(results))
