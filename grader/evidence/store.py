"""Keeps evidence on disk, whole or not at all, so that marking again needs no execution."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from grader.errors import EvidenceError
from grader.evidence.bundle import Evidence
from grader.evidence.model import SCHEMA_VERSION, EvidenceDocument
from grader.evidence.reader import CLAIMED, HELD_OUT, read_arrays, read_bytes
from grader.limits import MAX_EVIDENCE_JSON

DOCUMENT = "document.json"


def run_key(**parts: Any) -> str:
    """A name for the evidence of one run: SHA-256 over everything it depends on, given by name."""
    text = json.dumps({"schema": SCHEMA_VERSION, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def save(evidence: Evidence, folder: Path) -> None:
    """Write the evidence to ``folder``, replacing what was there, by one rename."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    (temporary / DOCUMENT).write_text(evidence.document.model_dump_json(), encoding="utf-8")
    for name, array in evidence.arrays.items():
        np.save(temporary / f"{name}.npy", array, allow_pickle=False)
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(temporary, folder)


def load(folder: Path) -> Evidence | None:
    """Stored evidence, or None if there is none. Raises ``EvidenceError`` if it is damaged."""
    content = read_bytes(folder / DOCUMENT, 2 * MAX_EVIDENCE_JSON) if folder.is_dir() else None
    if content is None:
        return None
    try:
        document = EvidenceDocument.model_validate_json(content)
    except ValidationError as error:
        raise EvidenceError(f"The evidence stored in {folder} is damaged; delete the folder and run again.") from error
    arrays: Mapping[str, Any] = read_arrays(folder, (*CLAIMED, *HELD_OUT))[0]
    return Evidence(document, arrays)
