"""Uses the patched packages as notebooks do, beside worlds made by the test; prints what was seen as one JSON document.

Run in a process of its own: ``python shim_scenarios.py PROBE_PARENT WORLDS WORK GROUP``.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

SEEN: dict[str, Any] = {}


def tables(shims: Any, worlds: Path) -> None:
    """palmerpenguins and seaborn."""
    import inspect

    SEEN["lazy"] = [name for name in ("palmerpenguins", "pandas", "seaborn", "torch") if name in sys.modules]
    import palmerpenguins
    from palmerpenguins import load_penguins

    SEEN["signature"] = list(inspect.signature(load_penguins).parameters)
    SEEN["training"] = [len(load_penguins()), len(load_penguins(drop_na=True)), len(palmerpenguins.load_penguins_raw())]
    inputs, target = palmerpenguins.load_penguins(return_X_y=True, drop_na=True)
    SEEN["pair"] = [list(inputs.shape), target.name]
    import seaborn as sns

    table = sns.load_dataset("penguins")
    SEEN["seaborn"] = [list(table.columns), sorted(table["sex"].dropna().unique()), len(table)]
    shims.use_world(str(worlds / "penguins" / "heldout"))
    SEEN["heldout"] = [len(load_penguins()), len(palmerpenguins.load_penguins_raw())]
    SEEN["heldout seaborn"] = len(sns.load_dataset(name="penguins"))
    SEEN["submodule"] = len(importlib.import_module("palmerpenguins.penguins").load_penguins())
    shims.use_world(str(worlds / "ellipse" / "training"))
    SEEN["other task"] = len(load_penguins())


def images(shims: Any, worlds: Path) -> None:
    """MNIST and pretrained weights."""
    shims.use_world(str(worlds / "mnist" / "training"))
    import torch
    from torchvision import datasets, models

    train = datasets.MNIST(root="./anywhere", train=True, download=True)
    test = datasets.MNIST("elsewhere", train=False, transform=lambda image: image.size, target_transform=str)
    SEEN["mnist"] = [len(train), len(test), list(train.data.shape), str(train.targets.dtype), train.classes[3]]
    SEEN["item"] = [type(train[0][0]).__module__, type(train[0][1]).__name__, *test[0]]
    SEEN["left in the working directory"] = sorted(path.name for path in Path.cwd().iterdir())

    class Own(datasets.MNIST):
        """A student's subclass."""

    SEEN["subclass"] = len(Own("x"))
    try:
        datasets.FashionMNIST("x", train=True)
        SEEN["fashion"] = "found"
    except RuntimeError as error:
        SEEN["fashion"] = str(error)[:17]
    shims.use_world(str(worlds / "mnist" / "heldout"))
    both = [datasets.MNIST("x", train=flag) for flag in (True, False)]
    SEEN["heldout mnist"] = [len(both[0]), bool((both[0].data == both[1].data).all())]
    weights(shims, torch, models)


def weights(shims: Any, torch: Any, models: Any) -> None:
    """Weights that are missing, present, damaged, and asked for in older manners."""
    model = models.mobilenet_v3_small(weights=models.MobileNet_V3_Small_Weights.DEFAULT)
    SEEN["outputs"] = model.classifier[3].out_features
    SEEN["finite"] = all(bool(p.isfinite().all()) for p in model.parameters())
    lacks = shims.shim_weights.lacks
    part = torch.nn.Sequential(*list(model.children())[:-1])
    SEEN["lacks"] = [lacks(model), any(map(lacks, part.modules())), lacks(models.mobilenet_v3_small())]
    models.mobilenet_v3_small(weights="DEFAULT")
    models.densenet121(pretrained=True)
    SEEN["hub"] = type(torch.hub.load("pytorch/vision:v0.10.0", "squeezenet1_1", pretrained=True)).__name__
    state = torch.hub.load_state_dict_from_url("https://example.org/other-12345678.pth")
    del state["fc.weight"]
    SEEN["notes"] = list(shims.NOTES)
    folder = Path(os.environ["GRADER_TRAINING_WORLD"]) / "weights"
    folder.mkdir()
    name = models.AlexNet_Weights.DEFAULT.url.rsplit("/", 1)[1]
    model = models.alexnet()
    torch.save(model.state_dict(), folder / name)
    loaded = models.alexnet(weights=models.AlexNet_Weights.DEFAULT)
    SEEN["lacks"] += [lacks(loaded)]
    SEEN["loaded"] = bool((loaded.classifier[6].weight == model.classifier[6].weight).all())
    (folder / name).write_bytes(b"damaged")
    models.alexnet(weights=models.AlexNet_Weights.DEFAULT)
    SEEN["damaged"] = shims.NOTES[-1]


def course(shims: Any, worlds: Path) -> None:
    """The stand-in for the course's package."""
    import numpy as np
    from ml_workshop import EllipseDataset, PenguinDataset

    shims.use_world(str(worlds / "penguins" / "training"))
    columns = ["bill_length_mm", "sex"]
    parts = [PenguinDataset(columns, ["species"], train=flag) for flag in (True, False, 1)]
    SEEN["penguins"] = [len(part) for part in parts]
    SEEN["groups"] = sorted(set(parts[1].split.groupby(["species", "sex"]).size()))
    SEEN["apart"] = not set(parts[0].split.index) & set(parts[1].split.index)
    inputs, targets = parts[1][0]
    SEEN["penguin"] = [len(inputs), inputs[1] in (0.0, 1.0), targets[0], len(parts[0].full_df), parts[0].input_keys]
    own = PenguinDataset(columns, ["species"], False, x_tfms=len, y_tfms=lambda t: t[0].lower())
    SEEN["transformed"] = list(own[0])
    shims.use_world(str(worlds / "penguins" / "heldout"))
    SEEN["heldout penguins"] = len(PenguinDataset(columns, ["species"], train=False))
    shims.use_world(str(worlds / "ellipse" / "training"))
    SEEN["no substitute"] = shims.heldout_image_dataset(EllipseDataset, (), {}) is None
    data = EllipseDataset(training=True)
    first, again = data[0], data[0]
    SEEN["ellipse"] = [len(data), list(first[0].shape), str(first[0].dtype), str(first[1].dtype), first[1].shape[0]]
    SEEN["afresh"] = not np.array_equal(first[0], again[0])
    SEEN["seeded"] = bool(np.array_equal(first[0], EllipseDataset(training=True)[5][0]))
    SEEN["other seed"] = not np.array_equal(first[0], EllipseDataset()[0][0])
    shims.use_world(str(worlds / "ellipse" / "heldout"))
    heldout = shims.heldout_image_dataset(EllipseDataset, (np.sum,), {"target_tfms": len})
    images = np.load(worlds / "ellipse" / "heldout" / "ellipse_images.npy")
    SEEN["heldout ellipses"] = [len(heldout), int(heldout[7][0]) == int(images[7].sum()), heldout[7][1]]
    SEEN["own class"] = shims.heldout_image_dataset(type("EllipseDataset", (), {}), (), {}) is None


def robust(shims: Any, worlds: Path) -> None:
    """A package built differently from what is expected, and imports that fail."""
    folder = Path.cwd() / "packages"
    (folder / "seaborn").mkdir(parents=True)
    (folder / "seaborn" / "__init__.py").write_text("from . import utils\n")
    (folder / "seaborn" / "utils.py").write_text("strange = True\n")
    (folder / "palmerpenguins.py").write_text("raise RuntimeError('broken package')\n")
    (folder / "ml_workshop.py").write_text("EllipseDataset = 'the course fork'\n")
    sys.path.insert(0, str(folder))
    import seaborn as sns

    SEEN["strange"] = sns.utils.strange
    try:
        importlib.import_module("palmerpenguins")
    except RuntimeError as error:
        SEEN["broken"] = str(error)
    SEEN["fork"] = importlib.import_module("ml_workshop").EllipseDataset
    SEEN["notes"] = [note[:13] for note in shims.NOTES]
    for _ in range(100):
        shims.note("the same sentence")
    SEEN["repeated"] = shims.NOTES.count("the same sentence")
    for number in range(100):
        shims.note(f"sentence {number}")
    SEEN["capped"] = len(shims.NOTES)


def main() -> None:
    """Install the shims as the probe does, run one group, print what was seen."""
    parent, worlds, work, group = sys.argv[1:]
    sys.path.insert(0, parent)
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    os.chdir(work)
    from grader_probe import shims

    first = {"tables": "penguins", "course": "penguins", "images": "mnist", "robust": "penguins"}[group]
    before = list(sys.path)
    shims.install({"world": str(Path(worlds) / first / "training"), "work": work})
    SEEN["appended"] = sys.path[: len(before)] == before and sys.path[-1].endswith("standin")
    {"tables": tables, "images": images, "course": course, "robust": robust}[group](shims, Path(worlds))
    sys.stdout.write(json.dumps(SEEN) + "\n")


if __name__ == "__main__":
    main()
