"""Which of several trainings is the one that was meant."""

from collections.abc import Sequence
from typing import Any

from . import recorder
from .episodes import Episode
from .models import ModelRecord, dataset_of

LOOK = 3  # epochs at most, of a training that is only a look: at a starting point, or at whether code runs
BRIEF = 5  # times as many steps had the net before it
BETTER = 0.5  # of the last net's loss on the same validation data: less says that the last was there to compare with
EARLIER = (
    "Several nets were trained. The last one was only looked at, or is much worse than an earlier one by its loss on "
    "the same validation data; the earlier one is marked."
)


def meant(trainings: Sequence[Episode]) -> Episode | None:
    """The last one, or that of an earlier net that outweighs it."""
    if not trainings:
        return None
    last = trainings[-1]
    return next((earlier for earlier in reversed(trainings[:-1]) if outweighs(earlier.model, last.model)), last)


def outweighs(earlier: ModelRecord | None, last: ModelRecord | None) -> bool:
    """Whether an earlier net that was judged by other data is the one that was meant, and not the one that was trained
    last: since that was but a look and no better, or since it does much worse on the same validation data, as a
    baseline does."""
    if earlier is None or last is None or earlier is last or _judged_by(earlier) is None:
        return False
    return _is_but_a_look(last, earlier) or _does_much_worse(last, earlier)


def _is_but_a_look(last: ModelRecord, earlier: ModelRecord) -> bool:
    epochs = sum(p["phase"] == "train" and p["step"] > 0 for p in last.passes)
    if epochs > LOOK or earlier.steps < BRIEF * last.steps or _kinds(last, "train") != _kinds(earlier, "train"):
        return False
    phases = ("train", "eval") if _judged_by(last) is not None else ("train",)
    pairs = [(_loss(earlier, phase), _loss(last, phase)) for phase in phases]
    return all(b is None or (a is not None and a <= b) for a, b in pairs)


def _does_much_worse(last: ModelRecord, earlier: ModelRecord) -> bool:
    data = _judged_by(last)
    if data is None or data is not _judged_by(earlier) or _kinds(last, "eval") != _kinds(earlier, "eval"):
        return False
    before, after = _loss(earlier, "eval", data), _loss(last, "eval", data)
    return before is not None and (after is None or before < BETTER * after) and before > 0


def _judged_by(model: ModelRecord) -> Any:
    """The data set that a net was judged by, if that is not what it was trained on."""
    validation = model.validation()
    if validation is None or not model.sees_new_data(validation):
        return None
    return getattr(validation.loader, "dataset", None)


def _kinds(model: ModelRecord, phase: str) -> set[str]:
    """The loss functions by which it was trained or judged."""
    return {entry["kind"] for entry in recorder.STATE.losses.entries(model.number) if entry["phase"] == phase}


def _loss(model: ModelRecord, phase: str, data: Any = None) -> float | None:
    """The mean loss of the latest pass of a kind after its first step, over ``data`` if given."""
    found = (p for p in reversed(model.passes) if p["phase"] == phase and p["step"])
    return next((p["loss"] for p in found if data is None or dataset_of(p["_source"]) is data), None)
