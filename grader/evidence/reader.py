"""Reads bytes that came out of a sandbox: bounded, validated, and without following anything they point to."""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

from pydantic import ValidationError

from grader.errors import EvidenceError
from grader.evidence.arrays import parse_array, read_array
from grader.evidence.bundle import Array
from grader.evidence.model import Claims, HeldOutClaims, Record
from grader.limits import (
    MAX_ALL_ARRAYS_BYTES,
    MAX_ANSWER_ROWS,
    MAX_ANSWER_WIDTH,
    MAX_ARRAY_BYTES,
    MAX_EVIDENCE_JSON,
    MAX_IMAGE_ROWS,
    MAX_JSON_KEYS,
    MAX_JSON_MARKS,
    MAX_TABLE_ROWS,
    MAX_TABLE_WIDTH,
    MIB,
)

__all__ = ["parse_array", "parse_json", "read_arrays", "read_bytes", "read_claims", "read_heldout"]

SEEN = ("inputs", "outputs", "loss_inputs", "targets")
CLAIM_ARRAYS = tuple(f"{phase}_{name}" for phase in ("train", "eval") for name in SEEN)
HELDOUT_ARRAYS = ("predict_outputs", "replay_inputs", "replay_outputs", "replay_targets", "mapped_outputs")
MAX_DEPTH = 32  # nesting of a JSON document
TOKEN = re.compile(r'["\[\]{}]|\\.', re.DOTALL)
M = TypeVar("M", bound=Record)


def read_claims(folder: Path) -> tuple[Claims, dict[str, Array]]:
    """``evidence.json`` and its arrays. Raises ``EvidenceError`` with one sentence."""
    return _document(folder / "evidence.json", Claims), read_arrays(folder, CLAIM_ARRAYS)


def read_heldout(folder: Path) -> tuple[HeldOutClaims, dict[str, Array]]:
    """``heldout.json`` and its arrays. Raises ``EvidenceError`` with one sentence."""
    return _document(folder / "heldout.json", HeldOutClaims), read_arrays(folder, HELDOUT_ARRAYS)


def read_arrays(folder: Path, names: tuple[str, ...]) -> dict[str, Array]:
    """Those of ``names`` for which there is a file, each cut to the rows that are of use. Raises ``EvidenceError``."""
    found: dict[str, Array] = {}
    total = 0
    for name in names:
        path = folder / f"{name}.npy"
        if not os.path.lexists(path):
            continue
        with opened(path, MAX_ARRAY_BYTES) as (stream, size):
            found[name] = read_array(stream, path.name, size=size, rows=partial(rows_of_use, name))
        total += found[name].nbytes
        if total > MAX_ALL_ARRAYS_BYTES:
            raise EvidenceError(f"The arrays of the run have more than {MAX_ALL_ARRAYS_BYTES // MIB} MiB together.")
    return found


def rows_of_use(name: str, width: int) -> int:
    """How many rows of ``width`` numbers an array needs at most; one where only its shape is looked at."""
    if name in ("train_inputs", "eval_inputs"):
        return MAX_TABLE_ROWS if width <= MAX_TABLE_WIDTH else MAX_IMAGE_ROWS
    if width > (MAX_TABLE_WIDTH if name == "replay_inputs" else MAX_ANSWER_WIDTH):
        return 1
    return MAX_TABLE_ROWS if name in CLAIM_ARRAYS else MAX_ANSWER_ROWS


@contextmanager
def opened(path: Path, most: int) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file of at most ``most`` bytes and its size, never a link, FIFO, device or folder.

    Raises ``EvidenceError``, also for what goes wrong while it is read.
    """
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
            yield stream, status.st_size
    except OSError as problem:
        raise EvidenceError(f"{path.name} could not be read: {problem.strerror}.") from problem
    finally:
        os.close(descriptor)


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most ``most`` bytes, never of a link, FIFO, device or folder."""
    with opened(path, most) as (stream, _):
        content = stream.read(most + 1)
    if len(content) > most:
        raise EvidenceError(f"{path.name} has more than {most // MIB} MiB.")
    return content


def parse_json(content: bytes, name: str, *, marks: int = MAX_JSON_MARKS) -> Any:
    """Strict JSON in UTF-8: no duplicate keys, no NaN or infinities, no deep nesting, at most so many ``marks``
    (brackets, commas, colons). Raises ``EvidenceError``."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            raise EvidenceError(f"{name} holds a key twice in one object.")
        if len(result) > MAX_JSON_KEYS:
            raise EvidenceError(f"{name} holds an object with more than {MAX_JSON_KEYS} keys.")
        return result

    def constant(value: str) -> NoReturn:
        raise EvidenceError(f"{name} holds {value}, which is no JSON number.")

    try:
        text = content.decode("utf-8")
        if sum(text.count(mark) for mark in "[{,:") > marks:
            raise EvidenceError(f"{name} holds more values than any run has to tell.")
        if _depth(text) > MAX_DEPTH:
            raise EvidenceError(f"{name} is nested more than {MAX_DEPTH} levels deep.")
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as problem:
        raise EvidenceError(f"{name} is not valid JSON.") from problem


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside texts. One pass without backtracking, whatever the text holds."""
    deepest = depth = 0
    quoted = False
    for token in TOKEN.finditer(text):
        mark = token.group()
        if mark == '"':
            quoted = not quoted
        elif not quoted and mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif not quoted and mark in "]}":
            depth -= 1
    return deepest


def _document(path: Path, model: type[M]) -> M:
    document = parse_json(read_bytes(path, MAX_EVIDENCE_JSON), path.name)
    try:
        return model.model_validate(document)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(_shown(str(part)[:40]) for part in first["loc"][:6]) or "the document"
        raise EvidenceError(f"{path.name} does not have the agreed form at {place}: {first['msg'][:200]}.") from problem


def _shown(text: str) -> str:
    """A key that was written beside the student's code, as it may stand in a sentence."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
