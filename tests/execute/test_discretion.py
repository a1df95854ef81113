"""Words written while held-out inputs were visible do not reach the feedback; everything else does."""

import numpy as np

from grader.evidence.bundle import Evidence
from grader.evidence.model import AttemptClaim, EvidenceDocument, HeldOutClaims, HostFacts
from grader.execute.discretion import FAILED, HIDDEN, discreet
from grader.types import Exit, TaskId


def evidence(heldout: HeldOutClaims | None, problems: list[str]) -> Evidence:
    """A run with these words."""
    document = EvidenceDocument(
        student="s",
        task=TaskId.PENGUINS_CLASSIFICATION,
        file="f.py",
        digest="d",
        host=HostFacts(isolation="bubblewrap", exit=Exit.FINISHED),
        heldout=heldout,
        problems=problems,
    )
    return Evidence(document, {"predict_outputs": np.zeros(3)})


def test_reasons_notes_and_problems_of_the_held_out_step_are_hidden() -> None:
    """An exception's text can carry the rows that predict was given."""
    attempts = [
        AttemptClaim(method="predict", ok=False, reason="ValueError: 39.1 18.7 181"),
        AttemptClaim(method="replay", ok=True),
    ]
    before = evidence(
        HeldOutClaims(schema_version=1, attempts=attempts, notes=["39.1"]),
        [f"{FAILED}: KeyError: 39.1.", "The evidence names another task."],
    )
    after = discreet(before)
    assert after.document.heldout is not None
    assert [a.reason for a in after.document.heldout.attempts] == [HIDDEN, ""]
    assert "39.1" not in after.document.model_dump_json()
    assert after.document.problems == [f"{FAILED}: {HIDDEN}", "The evidence names another task."]
    assert after.arrays is before.arrays


def test_how_the_process_ended_in_that_step_is_hidden_too() -> None:
    """An exit code is a byte that carries something out."""
    before = evidence(None, [f"{FAILED}: DeadKernel."])
    host = before.document.host.model_copy(update={"sentence": "It ended with exit code 77.", "exit_code": 77})
    before = Evidence(before.document.model_copy(update={"host": host}), before.arrays)
    assert "77" not in discreet(before).document.model_dump_json()


def test_a_run_without_the_step_stays_as_it_is() -> None:
    """There is nothing to hide."""
    before = evidence(None, ["No more."])
    assert discreet(before).document == before.document
