"""Worlds and evidence for the predictions stage, without a sandbox."""

import numpy as np
import pytest

from grader.evidence.bundle import Evidence
from grader.evidence.model import AttemptClaim, EvidenceDocument, HeldOutClaims, HostFacts
from grader.tasks import build_world
from grader.types import Exit, TaskId


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    """A world for each task, with stand-in digits."""
    empty = tmp_path_factory.mktemp("data")
    cache = tmp_path_factory.mktemp("cache")
    return {task: build_world(task, cache_dir=cache, data_dir=empty) for task in TaskId}


@pytest.fixture
def make_evidence():
    """Evidence that holds the arrays given."""

    def make(task, labels=None, **arrays):
        attempts = [AttemptClaim(method=m, ok=True) for m in ("predict", "replay", "input-map")]
        document = EvidenceDocument(
            student="s",
            task=task,
            file="f.ipynb",
            digest="0",
            host=HostFacts(isolation="process", exit=Exit.FINISHED),
            heldout=HeldOutClaims(schema_version=1, attempts=attempts, predict_labels=labels),
        )
        as_seen = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in arrays.items()}
        return Evidence(document, as_seen)

    return make
