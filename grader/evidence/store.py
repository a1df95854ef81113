"""Keeps the evidence of a run on disk, so that checks and reports can be made again without running anything."""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import ValidationError

from grader.errors import EvidenceError
from grader.evidence.arrays import read_array
from grader.evidence.bundle import Array, Evidence
from grader.evidence.model import SCHEMA_VERSION, EvidenceDocument
from grader.evidence.reader import opened, parse_json, read_bytes
from grader.intake.submission import TaskFile
from grader.limits import MAX_ARRAY_BYTES, MAX_ARRAYS, MIB, RunLimits

DOCUMENT = "evidence.json"
ATTEMPTS = 50  # to put a run in place while others do the same
MAX_DOCUMENT = 64 * MIB  # cells with their tracebacks included
NAME = re.compile(r"[a-z_]{1,40}")
ARRAYS = "arrays.json"  # SHA-256 of every array file, so that a lost or damaged one is noticed
SOURCES = ("probe", "intake", "sandbox", "predictions", "execute")  # parts of the grader that may change a run
PACKAGES = (  # and packages
    *("torch", "torchvision", "numpy", "pandas", "ipykernel", "nbclient", "scikit-learn", "scikit-image"),
    *("palmerpenguins", "matplotlib"),
)


def save(evidence: Evidence, folder: Path) -> None:
    """Write ``folder`` whole or not at all; an older one of that name is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", dir=folder.parent))
    try:
        digests = {}
        for name, array in evidence.arrays.items():
            if NAME.fullmatch(name) is None:
                raise EvidenceError(f"An array of the run has the odd name {name[:40]!r}.")
            np.save(made / f"{name}.npy", array, allow_pickle=False)
            digests[name] = _digest(made / f"{name}.npy")
        (made / ARRAYS).write_text(json.dumps(digests), encoding="utf-8")
        (made / DOCUMENT).write_text(evidence.document.model_dump_json(indent=1), encoding="utf-8")
        _put_in_place(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put_in_place(made: Path, folder: Path) -> None:
    """Move ``made`` to ``folder`` in place of what is there. Other graders may do the same at once: one wins."""
    old = made.with_name(made.name + ".old")
    for attempt in range(ATTEMPTS):
        try:
            os.replace(made, folder)
            return
        except OSError:  # there is one already, most often
            if attempt == ATTEMPTS - 1:
                raise
        try:
            os.replace(folder, old)
        except FileNotFoundError:  # another has just taken it away
            continue
        shutil.rmtree(old, ignore_errors=True)


def load(folder: Path) -> Evidence:
    """Read what :func:`save` wrote, with the same care as bytes from a sandbox. Raises ``EvidenceError``."""
    content = parse_json(read_bytes(folder / DOCUMENT, MAX_DOCUMENT), DOCUMENT, marks=MAX_DOCUMENT)
    try:
        document = EvidenceDocument.model_validate(content)
    except ValidationError as problem:
        raise EvidenceError(f"{folder / DOCUMENT} is of another version or damaged; run the file again.") from problem
    digests = parse_json(read_bytes(folder / ARRAYS, MAX_DOCUMENT), ARRAYS)
    if not isinstance(digests, dict) or len(digests) > MAX_ARRAYS or not all(map(NAME.fullmatch, digests)):
        raise EvidenceError(f"{folder / ARRAYS} is damaged; run the file again.")
    arrays = {}
    for name, digest in digests.items():
        path = folder / f"{name}.npy"
        arrays[name], found = _array(path)
        if found != digest:
            raise EvidenceError(f"{path} is damaged; run the file again.")
    return Evidence(document, arrays)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def _array(path: Path) -> tuple[Array, str]:
    """An array, and the SHA-256 of its file, which is read once."""
    with opened(path, MAX_ARRAY_BYTES * 2) as (stream, size):
        hashed = _Hashed(stream)
        array = read_array(hashed, path.name, size=size)
        while hashed.read(MIB):
            pass
        return array, hashed.digest.hexdigest()


class _Hashed:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        content = self._stream.read(size)
        self.digest.update(content)
        return content


def run_key(  # noqa: PLR0913  all but two by name
    file: TaskFile,
    student: str,
    *,
    world: str,
    isolation: str,
    device: str = "cpu",
    seed: int = 0,
    limits: RunLimits = RunLimits(),  # noqa: B008  frozen
    sparing: Mapping[str, object] | None = None,
) -> str:
    """SHA-256 (hex) over everything a run depends on: the files, the world's digest, the settings, what is spared, the
    parts of the grader that run or observe, and the versions of Python and packages. Two runs of one key need not both
    be done."""
    parts = {
        "schema": SCHEMA_VERSION,
        "student": student,
        "file": [file.digest, str(file.task), file.path.name, file.kind],
        "world": world,
        "settings": [isolation, device, seed, asdict(limits), sparing],
        "grader": _sources_digest(),
        "packages": [sys.version, *(_version(name) for name in PACKAGES)],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=1)
def _sources_digest() -> str:
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parent.parent
    for path in sorted(path for part in SOURCES for path in (package / part).rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=len(PACKAGES))
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
