"""Builds a task's training and held-out worlds as folders, once for each key and each state of the source data."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from grader.errors import DataUnavailable
from grader.tasks import data, digits, ellipses, installed, keys, penguins
from grader.tasks.model import RawInputs, Truth, World
from grader.types import TaskId

LAYOUT = 6  # raise it when the worlds' files change
SEAL = "sha256"  # the file that holds the digest of a finished world
NOTHING = "nothing"  # an empty file
OTHER_COPIES = (
    "sklearn/datasets/tests/data/openml/id_42585/*",  # OpenML's penguins, kept for scikit-learn's own tests
    *(
        f"{depth}{folder}/*[Pp]enguin*"
        for depth in ("*/", "*/*/")
        for folder in ("data", "_data", "datasets", "sampledata")
    ),
)
Fill = Callable[[Path, Path, Path], None]  # fills the folders training, heldout, masks
STAND_IN_NOTE = (
    "Real MNIST was not at hand, so stand-in digits made from scikit-learn's handwritten digits were used. "
    "For real ones run: grader data fetch."
)


def build_world(
    task: TaskId,
    *,
    key: str = keys.DEFAULT_KEY,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    train_limit: int | None = None,
) -> World:
    """The world of ``task`` cut by ``key``; its folders lie in ``cache_dir`` and are made anew if missing or damaged.

    ``data_dir``: where MNIST and pretrained weights are looked for first. ``train_limit``: at most so many training
    digits, :data:`grader.tasks.digits.TRAINING_LIMIT` if None. No true held-out target is written to disk. Raises
    ``DataUnavailable`` if the data are damaged, cannot be had, or the cache cannot be written.
    """
    cache = (cache_dir or data.cache_dir()) / "worlds"
    if task in penguins.TARGETS:
        return _penguins(task, key, cache)
    if task is TaskId.MNIST_CLASSIFICATION:
        return _digits(key, data_dir, cache, train_limit=train_limit)
    return _ellipse(key, data_dir, cache)


def _penguins(task: TaskId, key: str, cache: Path) -> World:
    table = penguins.load()
    held = penguins.held_out_rows(table, key)
    kept = sorted(set(range(len(table))) - set(held))
    training, hidden = table.iloc[kept], table.iloc[held].reset_index(drop=True)
    false = penguins.decoys(hidden, task, key)

    def fill(train: Path, heldout: Path, masks: Path) -> None:
        penguins.write(train, training, kept)
        penguins.write(heldout, false, held, anonymous=True)
        for name in ("penguins.csv", "penguins-raw.csv"):
            shutil.copy(train / name, masks / name)
        (masks / NOTHING).touch()

    origin = "palmerpenguins"
    base = _folders(cache, {"task": task, "key": key, "table": table.to_csv()}, origin, fill)
    return World(
        task=task,
        training_dir=base / "training",
        heldout_dir=base / "heldout",
        training=penguins.inputs(penguins.known(training, task), task),
        training_truth=penguins.truth(penguins.known(training, task), task),
        heldout=penguins.inputs(hidden, task),
        heldout_truth=penguins.truth(hidden, task),
        decoys=penguins.truth(false, task),
        masks=_other_copies(base) | _masks(base, "palmerpenguins/data", ("penguins.csv", "penguins-raw.csv")),
        origin=origin,
        stand_in=False,
        digest=_digest(base, "training", "heldout"),
    )


def _digits(key: str, data_dir: Path | None, cache: Path, *, train_limit: int | None) -> World:
    files = data.find_mnist(data_dir)
    split = (digits.real(files, key) if files else digits.stand_in(key)).limited(train_limit or digits.TRAINING_LIMIT)
    origin = "MNIST" if files else digits.STAND_IN_ORIGIN
    false = digits.false_labels(split.held_out.labels, key)
    decoys = digits.Digits(split.held_out.images, false)

    def fill(train: Path, heldout: Path, masks: Path) -> None:
        digits.write(train, split.training, split.test)
        digits.write(heldout, decoys, decoys)
        _copy_weights(data_dir, train)
        if split.rows is not None:
            digits.write_reduced_stand_in(masks / "digits.csv.gz", split.rows)

    parts = (split.training, split.test, split.held_out)
    state = {
        "task": TaskId.MNIST_CLASSIFICATION,
        "key": key,
        "data": [_sha(part.images.tobytes() + part.labels.tobytes()) for part in parts],
        "weights": _weights_state(data_dir),
    }
    base = _folders(cache, state, origin, fill)
    seen = np.concatenate([split.training.images, split.test.images])
    count = len(split.training.images)
    return World(
        task=TaskId.MNIST_CLASSIFICATION,
        training_dir=base / "training",
        heldout_dir=base / "heldout",
        training=RawInputs(images=seen),
        training_truth=Truth(labels=np.concatenate([split.training.labels, split.test.labels])),
        heldout=RawInputs(images=split.held_out.images),
        heldout_truth=Truth(labels=split.held_out.labels),
        decoys=Truth(labels=false),
        masks={} if files else _masks(base, "sklearn/datasets/data", ("digits.csv.gz",)),
        origin=origin,
        stand_in=files is None,
        made=range(count if split.written is None else min(count, split.written), count),
        digest=_digest(base, "training", "heldout"),
        notes=() if files else (STAND_IN_NOTE,),
    )


def _ellipse(key: str, data_dir: Path | None, cache: Path) -> World:
    images, values = ellipses.held_out(key)
    false = ellipses.false_values(values, key)
    seeds = {"train_seed": ellipses.TRAIN_SEED, "valid_seed": ellipses.VALID_SEED}

    def fill(train: Path, heldout: Path, _masks: Path) -> None:
        (train / "ellipse.json").write_text(json.dumps(seeds))
        (heldout / "ellipse.json").write_text(json.dumps(seeds))
        np.save(heldout / "ellipse_images.npy", images)
        np.save(heldout / "ellipse_targets.npy", (false / ellipses.SIDE).astype(np.float32))
        _copy_weights(data_dir, train)

    origin = "ellipses drawn at random"
    state = {"task": TaskId.ELLIPSE_REGRESSION, "key": key, "weights": _weights_state(data_dir)}
    base = _folders(cache, state, origin, fill)
    return World(
        task=TaskId.ELLIPSE_REGRESSION,
        training_dir=base / "training",
        heldout_dir=base / "heldout",
        training=RawInputs(),
        training_truth=Truth(values=ellipses.typical_values()),
        heldout=RawInputs(images=images),
        heldout_truth=Truth(values=values),
        decoys=Truth(values=false),
        masks={},
        origin=origin,
        stand_in=False,
        digest=_digest(base, "training", "heldout"),
    )


def _folders(cache: Path, state: Mapping[str, Any], origin: str, fill: Fill) -> Path:
    """The world's folder for this state, filled in a temporary place and moved there whole; two processes may race."""
    name = _sha(json.dumps({**state, "layout": LAYOUT}, sort_keys=True).encode())[:24]
    base = cache / f"{state['task']}-{name}"
    if _intact(base):
        return base
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=cache) as temporary:
            made = Path(temporary) / "world"
            for kind in ("training", "heldout", "masks"):
                (made / kind).mkdir(parents=True)
            for kind in ("training", "heldout"):
                facts = {"kind": kind, "task": str(state["task"]), "origin": origin}
                (made / kind / "world.json").write_text(json.dumps(facts), encoding="utf-8")
            fill(made / "training", made / "heldout", made / "masks")
            (made / SEAL).write_text(_digest(made, "training", "heldout", "masks"), encoding="utf-8")
            _move(made, base, Path(temporary))
    except OSError as error:
        raise DataUnavailable(f"The data folder {base} cannot be written ({error}); free some space there.") from error
    return base


def _move(made: Path, base: Path, temporary: Path) -> None:
    """Put a finished world in place. A damaged one makes way; an intact one, put there meanwhile, stays."""
    if base.exists() and not _intact(base):
        os.rename(base, temporary / "damaged")
    try:
        os.rename(made, base)
    except OSError:
        if not _intact(base):
            raise


def _intact(base: Path) -> bool:
    """Whether a world is as it was made: its seal fits the content of its files."""
    try:
        return (base / SEAL).read_text(encoding="utf-8") == _digest(base, "training", "heldout", "masks")
    except (OSError, UnicodeDecodeError):
        return False


def is_intact(world: World) -> bool:
    """Whether the files of a world that was built before are still as they were."""
    return _intact(world.training_dir.parent)


def sources(task: TaskId, data_dir: Path | None) -> tuple[str, ...]:
    """What a task's world is made of beside the key, and changes when the files do."""
    if task in penguins.TARGETS:
        return ()
    files = (data.find_mnist(data_dir) or {}) if task is TaskId.MNIST_CLASSIFICATION else {}
    return *(_file_state(path) for path in files.values()), *_weights_state(data_dir)


def _copy_weights(data_dir: Path | None, folder: Path) -> None:
    for path in data.weight_files(data_dir):
        (folder / "weights").mkdir(exist_ok=True)
        shutil.copyfile(path, folder / "weights" / path.name)


def _weights_state(data_dir: Path | None) -> list[str]:
    return [_file_state(path) for path in data.weight_files(data_dir)]


def _file_state(path: Path) -> str:
    return f"{path.name}:{path.stat().st_size}:{path.stat().st_mtime_ns}"


def _masks(base: Path, inside: str, names: tuple[str, ...]) -> dict[Path, Path]:
    """Every installed copy of these files, mapped to what is shown instead."""
    found = {}
    for place in installed.site_folders():
        for name in names:
            original = place / inside / name
            if original.is_file():
                found[original.resolve()] = base / "masks" / name
    return found


def _other_copies(base: Path) -> dict[Path, Path]:
    """Files of other packages that hold the penguin table too, each mapped to an empty file."""
    return dict.fromkeys(_installed_copies(), base / "masks" / NOTHING)


@lru_cache(maxsize=1)
def _installed_copies() -> list[Path]:
    found = (path for place in installed.site_folders() for pattern in OTHER_COPIES for path in place.glob(pattern))
    return [path.resolve() for path in found if path.is_file()]


def _digest(base: Path, *kinds: str) -> str:
    """SHA-256 over the names and contents of all files in these folders of a world."""
    total = hashlib.sha256()
    for path in sorted(p for kind in kinds for p in (base / kind).rglob("*") if p.is_file()):
        total.update(f"{path.relative_to(base).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
