"""Reads bytes that came out of a sandbox: bounded, validated, and without following anything they point to."""

import io
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
from pydantic import ValidationError

from grader.errors import EvidenceError
from grader.evidence.bundle import Array
from grader.evidence.model import Claims, HeldOutClaims, Record
from grader.limits import MAX_ALL_ARRAYS_BYTES, MAX_ARRAY_BYTES, MAX_EVIDENCE_JSON, MIB

SEEN = ("inputs", "outputs", "loss_inputs", "targets")
CLAIM_ARRAYS = tuple(f"{phase}_{name}" for phase in ("train", "eval") for name in SEEN)
HELDOUT_ARRAYS = ("predict_outputs", "replay_inputs", "replay_outputs", "replay_targets", "mapped_outputs")
MAX_DIMENSIONS = 5
MAX_HEADER = 10_000  # bytes of a .npy header
MAX_ROWS = 100_000
MAX_DEPTH = 32  # nesting of a JSON document
HEADER = re.compile(
    r"\{'descr': '([<>|=][a-z][0-9]{1,2})', 'fortran_order': (True|False), 'shape': \(((?:[0-9]+,? ?)*)\), \}\s*"
)
M = TypeVar("M", bound=Record)


def read_claims(folder: Path) -> tuple[Claims, dict[str, Array]]:
    """``evidence.json`` and its arrays. Raises ``EvidenceError`` with one sentence."""
    return _document(folder / "evidence.json", Claims), read_arrays(folder, CLAIM_ARRAYS)


def read_heldout(folder: Path) -> tuple[HeldOutClaims, dict[str, Array]]:
    """``heldout.json`` and its arrays. Raises ``EvidenceError`` with one sentence."""
    return _document(folder / "heldout.json", HeldOutClaims), read_arrays(folder, HELDOUT_ARRAYS)


def read_arrays(folder: Path, names: tuple[str, ...]) -> dict[str, Array]:
    """Those of ``names`` for which there is a file. Raises ``EvidenceError``."""
    found: dict[str, Array] = {}
    total = 0
    for name in names:
        path = folder / f"{name}.npy"
        if not os.path.lexists(path):
            continue
        content = read_bytes(path, MAX_ARRAY_BYTES)
        total += len(content)
        if total > MAX_ALL_ARRAYS_BYTES:
            raise EvidenceError(f"The arrays of the run have more than {MAX_ALL_ARRAYS_BYTES // MIB} MiB together.")
        found[name] = parse_array(content, path.name)
    return found


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most ``most`` bytes, never of a link, FIFO, device or folder."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path.is_symlink():
        raise EvidenceError(f"{path.name} is a link, which the run was not to write.")
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError as problem:
        raise EvidenceError(f"The run wrote no {path.name}.") from problem
    except OSError as problem:
        raise EvidenceError(f"{path.name} could not be read: {problem.strerror}.") from problem
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise EvidenceError(f"{path.name} is not a regular file.")
        if status.st_size > most:
            raise EvidenceError(f"{path.name} has more than {most // MIB} MiB.")
        with open(descriptor, "rb", closefd=False) as stream:
            content = stream.read(most + 1)
    except OSError as problem:
        raise EvidenceError(f"{path.name} could not be read: {problem.strerror}.") from problem
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise EvidenceError(f"{path.name} has more than {most // MIB} MiB.")
    return content


def parse_json(content: bytes, name: str) -> Any:
    """Strict JSON in UTF-8: no duplicate keys, no NaN or infinities, no deep nesting. Raises ``EvidenceError``."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            raise EvidenceError(f"{name} holds a key twice in one object.")
        return result

    def constant(value: str) -> NoReturn:
        raise EvidenceError(f"{name} holds {value}, which is no JSON number.")

    try:
        text = content.decode("utf-8")
        if _depth(text) > MAX_DEPTH:
            raise EvidenceError(f"{name} is nested more than {MAX_DEPTH} levels deep.")
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as problem:
        raise EvidenceError(f"{name} is not valid JSON.") from problem


def _depth(text: str) -> int:
    """An upper bound for the nesting: brackets in strings count too, within reason."""
    deepest = depth = 0
    for mark in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text):
        first = mark.group()[0]
        depth += 1 if first in "[{" else -1 if first in "]}" else 0
        deepest = max(deepest, depth)
    return deepest


def _document(path: Path, model: type[M]) -> M:
    document = parse_json(read_bytes(path, MAX_EVIDENCE_JSON), path.name)
    try:
        return model.model_validate(document)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"][:6]) or "the document"
        raise EvidenceError(f"{path.name} does not have the agreed form at {place}: {first['msg'][:200]}.") from problem


def parse_array(content: bytes, name: str) -> Array:
    """A numeric array of at most five dimensions from ``.npy`` bytes; its header is read by a pattern, not by Python.

    float64 and integers stay what they are; big-endian data are converted. Raises ``EvidenceError``.
    """
    header, start = _header(content, name)
    match = HEADER.fullmatch(header)
    if match is None:
        raise EvidenceError(f"{name} is not an array file in the agreed form.")
    descr, fortran, numbers = match.groups()
    try:
        dtype = np.dtype(descr)
    except TypeError as problem:
        raise EvidenceError(f"{name} has the unknown number type {descr}.") from problem
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise EvidenceError(f"{name} holds {descr}; only truth values, integers and floats are read.")
    shape = tuple(int(number) for number in re.findall(r"[0-9]{1,18}", numbers))
    if len(shape) > MAX_DIMENSIONS:
        raise EvidenceError(f"{name} has {len(shape)} dimensions; at most {MAX_DIMENSIONS} are read.")
    count = 1
    for length in shape:
        count *= length
    if count * dtype.itemsize != len(content) - start or (shape and shape[0] > MAX_ROWS):
        raise EvidenceError(f"{name} does not hold as many numbers as its shape says.")
    if count == 0 and any(length > MAX_ROWS for length in shape):
        raise EvidenceError(f"{name} has an empty shape that makes no sense.")
    flat = np.frombuffer(content, dtype=np.uint8 if dtype.kind == "b" else dtype, offset=start)
    if dtype.kind == "b":  # bytes other than 0 and 1 are no truth values
        flat = flat != 0
    array = flat.reshape(shape, order="F" if fortran == "True" else "C")
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _header(content: bytes, name: str) -> tuple[str, int]:
    """The header's text and where the data start (format versions 1 and 2)."""
    stream = io.BytesIO(content)
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
    return text.decode("latin-1"), stream.tell()
