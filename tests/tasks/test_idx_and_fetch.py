"""Finding, reading and fetching MNIST files, and the sentences where that fails."""

import gzip
import hashlib
import http.client
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx_examples import write_mnist

from grader.errors import DataUnavailable
from grader.tasks import data, digits, idx


@pytest.fixture(autouse=True)
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No real MNIST and no weights, whatever this machine has."""
    monkeypatch.setenv("GRADER_DATA_DIR", str(tmp_path / "default"))


@pytest.mark.parametrize("below", ["MNIST/raw", "mnist", "."])
@pytest.mark.parametrize("compressed", [False, True])
def test_layouts(below: str, compressed: bool, tmp_path: Path) -> None:
    """torchvision's layout, a folder ``mnist`` and the folder itself are found, gzip or not."""
    write_mnist(tmp_path / below, train=10, test=10, compressed=compressed)
    found = data.find_mnist(tmp_path)
    assert found is not None and set(found) == set(digits.NAMES)
    assert idx.read_images(found[digits.NAMES[0]]).shape == (10, 28, 28)
    assert idx.read_labels(found[digits.NAMES[1]]).shape == (10,)


def test_default_folder_comes_second(tmp_path: Path) -> None:
    """What ``grader data fetch`` filled is found where the named folder holds no digits."""
    assert data.find_mnist(tmp_path) is None
    place = write_mnist(tmp_path / "default" / "MNIST" / "raw", train=5, test=5)
    found = data.find_mnist(tmp_path)
    assert found is not None and found[digits.NAMES[0]].parent == place
    assert data.status().mnist == place


def test_named_folder_must_exist(tmp_path: Path) -> None:
    """A mistyped directory is not passed over."""
    with pytest.raises(DataUnavailable, match="does not exist"):
        data.find_mnist(tmp_path / "nowhere")


def test_half_a_data_set(tmp_path: Path) -> None:
    """Some of the four files only: said so instead of silently using the stand-in."""
    place = write_mnist(tmp_path / "mnist", train=5, test=5)
    (place / digits.NAMES[3]).unlink()
    with pytest.raises(DataUnavailable, match=digits.NAMES[3]):
        data.find_mnist(tmp_path)


def images_file(magic: int = 2051, count: int = 2, rows: int = 28, body: int = 2 * 784) -> bytes:
    return struct.pack(">IIII", magic, count, rows, 28) + bytes(body)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x08",
        images_file(magic=2049),
        images_file(rows=32),
        images_file(count=3),
        images_file(body=2 * 784 - 1),
        images_file(count=4_000_000_000),
        gzip.compress(images_file(), mtime=0)[:-9],
        b"\x1f\x8b nonsense",
        b"<html>not found</html>",
    ],
)
def test_damaged_images(content: bytes, tmp_path: Path) -> None:
    """Every damage is one sentence that names the file."""
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataUnavailable, match="train-images"):
        idx.read_images(path)


@pytest.mark.parametrize("labels", [[10], [255, 0]])
def test_labels_that_are_no_digits(labels: list[int], tmp_path: Path) -> None:
    """Labels above 9 are refused."""
    path = tmp_path / "labels"
    path.write_bytes(struct.pack(">II", 2049, len(labels)) + bytes(labels))
    with pytest.raises(DataUnavailable, match="digit labels"):
        idx.read_labels(path)


def test_files_beyond_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a large file nor one that unpacks to a large one is read."""
    monkeypatch.setattr(idx, "MAX_FILE", 1_000)
    for name, content in (("plain", bytes(2_000)), ("packed", gzip.compress(bytes(5_000), mtime=0))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataUnavailable, match="it is not MNIST"):
            idx.read_images(tmp_path / name)


def test_missing_file(tmp_path: Path) -> None:
    """A file that vanished is one sentence too."""
    with pytest.raises(DataUnavailable, match="cannot be read"):
        idx.read_labels(tmp_path / "gone")


class Mirror:
    """An opener that answers by file name and remembers what it was asked for."""

    def __init__(self, files: dict[str, Any]) -> None:
        self.files, self.asked = files, []

    def __call__(self, url: str, *, timeout: float) -> Any:
        self.asked.append(url)
        answer = self.files[url.rsplit("/", 1)[1]]
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Small files under MNIST's names, with their own checksums expected."""
    place = write_mnist(tmp_path / "served", train=3, test=3, compressed=True)
    contents = {f"{name}.gz": (place / f"{name}.gz").read_bytes() for name in digits.NAMES}
    monkeypatch.setattr(data, "SHA256", {name: hashlib.sha256(c).hexdigest() for name, c in contents.items()})
    return dict(contents)


def test_fetch(served: dict[str, Any], tmp_path: Path) -> None:
    """The four files are fetched once and found afterwards."""
    mirror = Mirror(served)
    place = data.fetch(tmp_path / "new", opener=mirror)
    assert len(mirror.asked) == 4
    assert {p.name for p in place.iterdir()} == set(served)
    assert data.find_mnist(tmp_path / "new") is not None
    data.fetch(tmp_path / "new", opener=mirror)
    assert len(mirror.asked) == 4


def test_fetch_replaces_a_damaged_file(served: dict[str, Any], tmp_path: Path) -> None:
    """A file with the wrong content is fetched again."""
    place = data.fetch(tmp_path / "new", opener=Mirror(served))
    name = next(iter(served))
    (place / name).write_bytes(b"damaged")
    mirror = Mirror(served)
    data.fetch(tmp_path / "new", opener=mirror)
    assert len(mirror.asked) == 1 and (place / name).read_bytes() == served[name]


@pytest.mark.parametrize(
    "answer", [OSError("no route"), TimeoutError("slow"), http.client.IncompleteRead(b""), b"a login page"]
)
def test_fetch_fails(answer: Any, served: dict[str, Any], tmp_path: Path) -> None:
    """Every mirror is tried; the failure says what to do instead and leaves no partial file."""
    name = "t10k-images-idx3-ubyte.gz"
    mirror = Mirror({**served, name: answer})
    with pytest.raises(DataUnavailable, match="stand-in digits") as caught:
        data.fetch(tmp_path / "new", opener=mirror)
    assert name in str(caught.value)
    assert sum(name in url for url in mirror.asked) == len(data.MIRRORS)
    left = {p.name for p in (tmp_path / "new" / "MNIST" / "raw").iterdir()}
    assert left <= set(served) - {name}


def test_fetch_into_a_file(tmp_path: Path) -> None:
    """A destination that cannot be a folder is one sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataUnavailable, match="cannot be written"):
        data.fetch(tmp_path / "file", opener=Mirror({}))


def test_checksums_are_sha256() -> None:
    """Each of the four files has one."""
    assert set(data.SHA256) == {f"{name}.gz" for name in digits.NAMES}
    assert all(len(bytes.fromhex(digest)) == 32 for digest in data.SHA256.values())


def test_status(tmp_path: Path) -> None:
    """Status names what is to be had and the command for what is missing."""
    found = data.status(tmp_path)
    assert found.mnist is None and found.weights == ()
    assert any("grader data fetch" in sentence for sentence in found.sentences)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "net.pth").write_bytes(b"")
    assert data.status(tmp_path).weights == ("net.pth",)


def test_round_trip(tmp_path: Path) -> None:
    """What is written is read."""
    images, labels = np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28), np.array([3, 9])
    idx.write_images(tmp_path / "i", images)
    idx.write_labels(tmp_path / "l", labels)
    assert (idx.read_images(tmp_path / "i") == images).all() and (idx.read_labels(tmp_path / "l") == labels).all()
