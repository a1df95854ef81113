"""Reads ``.npy`` bytes out of a sandbox: headers by a pattern, never by Python, and no more rows than are of use."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from grader.errors import EvidenceError
from grader.evidence.bundle import Array
from grader.limits import KIB, MAX_ARRAY_NUMBERS, MIB

MAX_DIMENSIONS = 5
MAX_HEADER = 10_000  # bytes of a .npy header
MAX_ROWS = 100_000
MAX_COLUMN_WISE = 8 * MIB  # bytes of an array stored column by column, which has to be read whole
HEADER = re.compile(  # no part of it can match in two ways, so a forged header takes no time
    r"\{'descr': '([<>|=][a-z][0-9]{1,2})', 'fortran_order': (True|False), "
    r"'shape': \(((?:[0-9]{1,18}(?:, [0-9]{1,18})*,?)?)\), \}\s*"
)
Rows = Callable[[int], int]  # numbers per row -> rows that are of use


class Readable(Protocol):
    """Where bytes are read from, in order."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most ``size``; none at the end."""


@dataclass(frozen=True)
class Form:
    """What a header says: number type, shape, order, and where the data start (bytes)."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    column_wise: bool
    start: int


def parse_array(content: bytes, name: str) -> Array:
    """A numeric array of at most five dimensions from ``.npy`` bytes.

    float64 and integers stay what they are; big-endian data are converted. Raises ``EvidenceError``.
    """
    return read_array(io.BytesIO(content), name, size=len(content))


def read_array(stream: Readable, name: str, *, size: int, rows: Rows | None = None) -> Array:
    """The array in ``stream`` (of ``size`` bytes), or its first rows; the others are never in memory.

    Raises ``EvidenceError``.
    """
    form = _form(stream, name)
    count, item = prod(form.shape), form.dtype.itemsize
    if count * item != size - form.start or (form.shape and form.shape[0] > MAX_ROWS):
        raise EvidenceError(f"{name} does not hold as many numbers as its shape says.")
    if count == 0 and any(length > MAX_ROWS for length in form.shape):
        raise EvidenceError(f"{name} has an empty shape that makes no sense.")
    if form.column_wise and rows is not None and count * item > MAX_COLUMN_WISE:
        raise EvidenceError(f"{name} is stored column by column, which is not the agreed form.")
    kept = _kept(form.shape, rows)
    read = form.shape if form.column_wise else kept
    buffer = bytearray(prod(read) * item)
    if not _filled(stream, buffer):
        raise EvidenceError(f"{name} does not hold as many numbers as its shape says.")
    return _array(buffer, form, read)[: kept[0]] if kept else _array(buffer, form, read)


def _kept(shape: tuple[int, ...], rows: Rows | None) -> tuple[int, ...]:
    if rows is None or not shape or not prod(shape):
        return shape
    width = prod(shape[1:])
    return (min(shape[0], max(1, min(rows(width), MAX_ARRAY_NUMBERS // width))), *shape[1:])


def _filled(stream: Readable, buffer: bytearray) -> bool:
    view = memoryview(buffer)
    while view:
        part = stream.read(min(len(view), 256 * KIB))
        if not part:
            return False
        view[: len(part)] = part
        view = view[len(part) :]
    return True


def _array(buffer: bytearray, form: Form, shape: tuple[int, ...]) -> Array:
    truth = form.dtype.kind == "b"
    flat: NDArray[np.generic] = np.frombuffer(buffer, dtype=np.uint8 if truth else form.dtype)
    if truth:  # bytes other than 0 and 1 are no truth values
        flat = flat != 0
    array = flat.reshape(shape, order="F" if form.column_wise else "C")
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def _form(stream: Readable, name: str) -> Form:
    text, start = _header(stream, name)
    match = HEADER.fullmatch(text)
    if match is None:
        raise EvidenceError(f"{name} is not an array file in the agreed form.")
    descr, fortran, numbers = match.groups()
    try:
        dtype = np.dtype(descr)
    except TypeError as problem:
        raise EvidenceError(f"{name} has the unknown number type {descr}.") from problem
    if dtype.kind not in "biuf" or not 0 < dtype.itemsize <= 8:
        raise EvidenceError(f"{name} holds {descr}; only truth values, integers and floats are read.")
    lengths = re.findall(r"[0-9]+", numbers)
    if len(lengths) > MAX_DIMENSIONS:
        raise EvidenceError(f"{name} has {len(lengths)} dimensions; at most {MAX_DIMENSIONS} are read.")
    shape = tuple(int(length) for length in lengths)
    return Form(dtype, shape, column_wise=fortran == "True" and len(shape) > 1, start=start)


def _header(stream: Readable, name: str) -> tuple[str, int]:
    """The header's text and where the data start (format versions 1 and 2)."""
    if stream.read(6) != b"\x93NUMPY":
        raise EvidenceError(f"{name} is not an array file.")
    version = stream.read(2)
    width = {b"\x01\x00": 2, b"\x02\x00": 4}.get(version)
    if width is None:
        raise EvidenceError(f"{name} is an array file of a version that is not read.")
    size = int.from_bytes(stream.read(width), "little")
    text = stream.read(min(size, MAX_HEADER))
    if size > MAX_HEADER or len(text) != size:
        raise EvidenceError(f"{name} has an array header of a wrong size.")
    return text.decode("latin-1"), 8 + width + size
