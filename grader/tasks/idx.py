"""Reads and writes MNIST's IDX files (big-endian; magic 2051 for images, 2049 for labels; gzip or not)."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.errors import DataUnavailable
from grader.limits import MIB

IMAGES, LABELS = 2051, 2049
SIDE = 28
MAX_ITEMS = 70_000
MAX_FILE = 64 * MIB


def read_images(path: Path) -> NDArray[np.uint8]:
    """Images (n, 28, 28). Raises ``DataUnavailable`` if the file is not a complete IDX file of such images."""
    content = _content(path)
    magic, count, rows, columns = _header(path, content, 4)
    if magic != IMAGES or (rows, columns) != (SIDE, SIDE):
        raise DataUnavailable(f"{path} does not hold 28x28 images in IDX format; fetch it anew: grader data fetch.")
    return _body(path, content, 16, count * SIDE * SIDE).reshape(count, SIDE, SIDE)


def read_labels(path: Path) -> NDArray[np.int64]:
    """Labels (n,) from 0 to 9. Raises ``DataUnavailable`` if the file is not a complete IDX file of such labels."""
    content = _content(path)
    magic, count = _header(path, content, 2)
    labels = _body(path, content, 8, count) if magic == LABELS else np.full(1, 255, dtype=np.uint8)
    if labels.size and labels.max() > 9:
        raise DataUnavailable(f"{path} does not hold digit labels in IDX format; fetch it anew: grader data fetch.")
    return labels.astype(np.int64)


def write_images(path: Path, images: NDArray[np.uint8]) -> None:
    """Write images (n, 28, 28) uncompressed."""
    path.write_bytes(struct.pack(">IIII", IMAGES, len(images), SIDE, SIDE) + np.ascontiguousarray(images).tobytes())


def write_labels(path: Path, labels: NDArray[np.int64]) -> None:
    """Write labels (n,) uncompressed."""
    path.write_bytes(struct.pack(">II", LABELS, len(labels)) + labels.astype(np.uint8).tobytes())


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise DataUnavailable(f"{path} is larger than {MAX_FILE // MIB} MiB; it is not MNIST.")
        raw = path.read_bytes()
        if raw[:2] != b"\x1f\x8b":
            return raw
        with gzip.open(path) as stream:
            content = stream.read(MAX_FILE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataUnavailable(f"{path} cannot be read ({error}); fetch it anew: grader data fetch.") from error
    if len(content) > MAX_FILE:
        raise DataUnavailable(f"{path} unpacks to more than {MAX_FILE // MIB} MiB; it is not MNIST.")
    return content


def _header(path: Path, content: bytes, numbers: int) -> tuple[int, ...]:
    if len(content) < 4 * numbers:
        raise DataUnavailable(f"{path} is too short for an IDX file; fetch it anew: grader data fetch.")
    header = struct.unpack(f">{numbers}I", content[: 4 * numbers])
    if header[1] > MAX_ITEMS:
        raise DataUnavailable(f"{path} claims {header[1]} items, more than MNIST has.")
    return header


def _body(path: Path, content: bytes, start: int, size: int) -> NDArray[np.uint8]:
    if len(content) - start != size:
        raise DataUnavailable(f"{path} is incomplete; fetch it anew: grader data fetch.")
    return np.frombuffer(content, dtype=np.uint8, offset=start)
