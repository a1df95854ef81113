"""The digit worlds: real MNIST where it is at hand, else a stand-in made of scikit-learn's real handwritten digits."""

import gzip
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.errors import DataUnavailable
from grader.tasks import idx, keys
from grader.tasks.installed import package_folder
from grader.tasks.variants import variants

TRAINING_LIMIT = 10_000  # the first of the official order, where a rubric names no other number
TEST_LIMIT = 2_000
HELD_OUT = 2_000
STAND_IN_TRAINING = (
    10_000  # digits and variants of them: as many as of MNIST, so that the same nets learn in as many steps
)
STAND_IN_TEST = 200
STAND_IN_HELD_OUT = 300
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
STAND_IN_ORIGIN = "stand-in digits (scikit-learn's 1,797 handwritten digits, enlarged, with variants to train on)"


@dataclass(frozen=True)
class Digits:
    """Images (n, 28, 28) uint8 and labels (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> "Digits":
        """Some of them."""
        return Digits(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Split:
    """Digits cut by a key. For the stand-in, ``rows``: positions of training and test digits in scikit-learn's file;
    ``written``: how many of the training digits, the first ones, are no variants of others."""

    training: Digits
    test: Digits
    held_out: Digits
    rows: NDArray[np.int64] | None = None
    written: int | None = None

    def limited(self, count: int) -> "Split":
        """The same with at most ``count`` training digits."""
        return replace(self, training=Digits(self.training.images[:count], self.training.labels[:count]))


def locate(folders: list[Path]) -> dict[str, Path] | None:
    """The four IDX files (gzip or not) in the first folder that has them; None if none has any.

    Raises ``DataUnavailable`` if a folder has some of the four only: half a data set is a mistake, not a choice.
    """
    for folder in folders:
        for place in (folder / "MNIST" / "raw", folder / "mnist", folder):
            found = {name: path for name in NAMES for path in (place / f"{name}.gz", place / name) if path.is_file()}
            if len(found) == len(NAMES):
                return found
            if found:
                missing = ", ".join(name for name in NAMES if name not in found)
                raise DataUnavailable(f"{place} lacks {missing}; fetch all four MNIST files: grader data fetch.")
    return None


def real(files: dict[str, Path], key: str) -> Split:
    """Real MNIST. Raises ``DataUnavailable`` for files that are damaged or hold too few digits."""
    train = Digits(idx.read_images(files[NAMES[0]]), idx.read_labels(files[NAMES[1]]))
    test = Digits(idx.read_images(files[NAMES[2]]), idx.read_labels(files[NAMES[3]]))
    for part, name in ((train, NAMES[0]), (test, NAMES[2])):
        if len(part.images) != len(part.labels):
            raise DataUnavailable(f"{files[name]} and its labels differ in length; fetch them anew: grader data fetch.")
    if len(test.images) < HELD_OUT + 100 or len(train.images) < 1_000:
        raise DataUnavailable(f"{files[NAMES[2]].parent} holds too few digits; fetch them anew: grader data fetch.")
    held = np.array(keys.choose(key, "mnist", [""] * len(test.images), count=HELD_OUT), dtype=np.int64)
    rest = np.setdiff1d(np.arange(len(test.images)), held)[:TEST_LIMIT]
    return Split(train, test.take(rest), test.take(_mixed(held, key)))


def stand_in(key: str) -> Split:
    """scikit-learn's digits (8x8, 0 to 16) enlarged to 28x28, cut by the key into training, test and held-out ones.

    The training digits are followed by variants of them; test and held-out ones are as they were written.
    """
    with gzip.open(stand_in_file()) as stream:
        table = np.loadtxt(stream, delimiter=",", dtype=np.int64)
    small, count = table[:, :-1].reshape(-1, 8, 8) / 16.0, len(table)
    digits = Digits(_enlarge(small), table[:, -1])
    held = np.array(keys.choose(key, "stand-in/held-out", [""] * count, count=STAND_IN_HELD_OUT), dtype=np.int64)
    rest = np.setdiff1d(np.arange(count), held)
    picked = keys.choose(key, "stand-in/test", [""] * len(rest), count=STAND_IN_TEST)
    test = rest[np.array(picked, dtype=np.int64)]
    training = np.setdiff1d(rest, test)
    more, held_out = _more(digits, small, training), digits.take(_mixed(held, key))
    return Split(more, digits.take(test), held_out, rest, written=len(training))


def _more(digits: Digits, small: NDArray[np.float64], rows: NDArray[np.int64]) -> Digits:
    """Some of the digits, and as many variants of them as make up the number of training digits."""
    copies = -(-STAND_IN_TRAINING // len(rows)) - 1
    images = np.concatenate([digits.images[rows], variants(small, rows, copies=copies)])
    labels = np.tile(digits.labels[rows], 1 + copies)
    return Digits(images[:STAND_IN_TRAINING], labels[:STAND_IN_TRAINING])


def stand_in_file() -> Path:
    """scikit-learn's digits file, found without importing it. Raises ``DataUnavailable`` if it is not installed."""
    return package_folder("sklearn") / "datasets" / "data" / "digits.csv.gz"


def write_reduced_stand_in(path: Path, rows: NDArray[np.int64]) -> None:
    """Write scikit-learn's digits file with only some of its rows, to be shown inside in its place."""
    with gzip.open(stand_in_file(), "rt") as stream:
        lines = stream.readlines()
    path.write_bytes(gzip.compress("".join(lines[i] for i in rows).encode(), mtime=0))


def write(folder: Path, training: Digits, test: Digits) -> None:
    """Write the four IDX files into ``folder/mnist``."""
    place = folder / "mnist"
    place.mkdir(parents=True)
    for name, part in (("train", training), ("t10k", test)):
        idx.write_images(place / f"{name}-images-idx3-ubyte", part.images)
        idx.write_labels(place / f"{name}-labels-idx1-ubyte", part.labels)


def false_labels(labels: NDArray[np.int64], key: str) -> NDArray[np.int64]:
    """Labels in another order; every digit occurs."""
    return np.random.default_rng(keys.seed(key, "decoys/mnist")).permutation(labels)


def _mixed(rows: NDArray[np.int64], key: str) -> NDArray[np.int64]:
    return np.random.default_rng(keys.seed(key, "mnist/order")).permutation(rows)


def _enlarge(images: NDArray[np.float64]) -> NDArray[np.uint8]:
    """8x8 (0 to 1) to 20x20 by linear interpolation, in a frame of 4 pixels as MNIST has, 0 to 255."""
    at = np.clip((np.arange(20) + 0.5) * 8 / 20 - 0.5, 0, 7)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, 7)
    part = at - low
    weights = np.zeros((20, 8))
    weights[np.arange(20), low] += 1 - part
    weights[np.arange(20), high] += part
    large = np.einsum("ij,njk,lk->nil", weights, images, weights)
    framed = np.pad(np.clip(large, 0, 1), ((0, 0), (4, 4), (4, 4)))
    return np.round(framed * 255).astype(np.uint8)
