"""Where data sets and pretrained weights lie, how they are fetched, and what is to be had on this machine."""

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from grader.errors import DataUnavailable
from grader.limits import MIB
from grader.tasks import digits

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
SHA256 = {  # of the compressed files
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
MAX_DOWNLOAD = 32 * MIB
TIMEOUT_S = 30.0
VARIABLE = "GRADER_DATA_DIR"
WEIGHTS = "weights"
Opener = Callable[..., Any]


@dataclass(frozen=True)
class DataStatus:
    """What is to be had. ``mnist``: the folder real digits come from, or None for the stand-in."""

    data_dir: Path
    mnist: Path | None
    weights: tuple[str, ...]
    sentences: tuple[str, ...]


def cache_dir() -> Path:
    """Where worlds are kept: the user's cache folder."""
    return Path(platformdirs.user_cache_dir("workshop-grader"))


def default_data_dir() -> Path:
    """``GRADER_DATA_DIR`` if it is set, else the user's data folder."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("workshop-grader"))


def find_mnist(data_dir: Path | None) -> dict[str, Path] | None:
    """The four MNIST files by name: from ``data_dir``, else from the default folder. None: use the stand-in.

    Raises ``DataUnavailable`` if ``data_dir`` was named but does not exist, or holds some of the files only.
    """
    if data_dir is not None and not data_dir.is_dir():
        raise DataUnavailable(f"The data directory {data_dir} does not exist; create it or leave out --data-dir.")
    return digits.locate([*([data_dir] if data_dir is not None else []), default_data_dir()])


def weight_files(data_dir: Path | None) -> list[Path]:
    """Files of pretrained weights in the ``weights`` folder of ``data_dir``, else of the default folder."""
    folders = [*([data_dir] if data_dir is not None else []), default_data_dir()]
    return next((found for folder in folders if (found := sorted((folder / WEIGHTS).glob("*.pth")))), [])


def status(data_dir: Path | None = None) -> DataStatus:
    """What is to be had on this machine, with the command that mends what is missing."""
    folder = data_dir or default_data_dir()
    files = find_mnist(data_dir)
    weights = tuple(path.name for path in weight_files(data_dir))
    sentences = [
        "penguins: installed with the package palmerpenguins",
        f"MNIST: real digits in {next(iter(files.values())).parent}"
        if files
        else "MNIST: not found, stand-in digits are used; for real ones run: grader data fetch",
        "ellipses: drawn at random, nothing to fetch",
        f"pretrained weights: {', '.join(weights)}"
        if weights
        else f"pretrained weights: none, models start from random values; put .pth files into {folder / WEIGHTS}",
    ]
    return DataStatus(folder, next(iter(files.values())).parent if files else None, weights, tuple(sentences))


def fetch(data_dir: Path | None = None, *, opener: Opener = urllib.request.urlopen) -> Path:
    """Download MNIST into ``MNIST/raw`` of the data directory; files that are there and whole are kept.

    Raises ``DataUnavailable`` with what to do instead if no mirror answers with the right files.
    """
    place = (data_dir or default_data_dir()) / "MNIST" / "raw"
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, digest in SHA256.items():
            target = place / name
            if not (target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == digest):
                _replace(target, _download(name, digest, opener, place))
    except OSError as error:
        raise DataUnavailable(f"{place} cannot be written ({error}); choose another folder with --data-dir.") from error
    return place


def _download(name: str, digest: str, opener: Opener, place: Path) -> bytes:
    reasons = []
    for mirror in MIRRORS:
        try:
            with opener(mirror + name, timeout=TIMEOUT_S) as answer:
                content: bytes = answer.read(MAX_DOWNLOAD + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:  # urllib's own errors are OSErrors
            reasons.append(f"{mirror}: {error}")
            continue
        if hashlib.sha256(content).hexdigest() == digest:
            return content
        reasons.append(f"{mirror}: the file received is not the one expected")
    raise DataUnavailable(
        f"{name} could not be downloaded ({'; '.join(reasons)}). Without it the grader uses stand-in digits. "
        f"To use real ones, copy the four MNIST files into {place}."
    )


def _replace(target: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
