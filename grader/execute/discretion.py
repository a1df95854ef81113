"""Keeps what code wrote while it saw held-out inputs out of the feedback, where the key of that data is secret."""

from dataclasses import replace

from grader.evidence.bundle import Evidence
from grader.evidence.model import NO_PREDICT

HIDDEN = (
    "the reason is not shown, since held-out data could be in it. "
    "`grader check` without --heldout-key shows such reasons."
)
PREDICTING = "predict the held-out data"  # purpose of the one step that runs while held-out inputs are visible
FAILED = f"The probe could not {PREDICTING}"


def discreet(evidence: Evidence) -> Evidence:
    """The same evidence without words from the held-out step: exceptions of ``predict``, ``forward`` and data sets."""
    document = evidence.document
    heldout = document.heldout
    if heldout is not None:
        attempts = [
            a if a.reason in ("", NO_PREDICT) else a.model_copy(update={"reason": HIDDEN}) for a in heldout.attempts
        ]
        heldout = heldout.model_copy(update={"attempts": attempts, "notes": []})
    problems = [f"{FAILED}: {HIDDEN}" if problem.startswith(FAILED) else problem for problem in document.problems]
    changes: dict[str, object] = {"heldout": heldout, "problems": problems}
    if problems != document.problems:  # also by how it ends a process can tell something
        changes["host"] = document.host.model_copy(update={"sentence": "", "exit_code": None, "signal": None})
    return replace(evidence, document=document.model_copy(update=changes))
