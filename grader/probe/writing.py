"""Writes JSON and arrays where the host reads them: whole files or none."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

MAX_ARRAY_BYTES = 60 * 1024 * 1024


def write_json(folder: str, name: str, document: dict[str, Any]) -> None:
    """Write ``document`` as strict JSON (no NaN) to ``folder/name``."""
    path = Path(folder) / name
    text = json.dumps(document, allow_nan=False)
    temporary = path.with_suffix(".part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def remove_arrays(folder: str, prefixes: tuple[str, ...]) -> None:
    """Remove the arrays of an earlier snapshot: rows of arrays with one prefix belong together."""
    for path in Path(folder).glob("*.npy"):
        if path.name.startswith(prefixes):
            path.unlink()


def write_arrays(folder: str, arrays: dict[str, Any]) -> None:
    """Write each array (n, ...) to ``folder/<name>.npy``, cut to as many rows as the size limit allows."""
    for name, value in arrays.items():
        array = np.ascontiguousarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        if array.nbytes > MAX_ARRAY_BYTES and array.ndim and len(array):
            array = array[: max(1, MAX_ARRAY_BYTES // (array.nbytes // len(array)))]
        with open(Path(folder) / f"{name}.npy", "wb") as stream:
            np.save(stream, array, allow_pickle=False)
