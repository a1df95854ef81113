"""Which of several trainings is the one that was meant."""

from collections.abc import Sequence

from . import recorder
from .episodes import Episode
from .models import Evaluation, ModelRecord, dataset_of
from .nets import alike

LOOK = 3  # epochs at most, of a training that is only a look: at a starting point, or at whether code runs
BRIEF = 5  # times as many steps had the net before it
BETTER = 0.5  # of the last net's loss on the same validation data: less says that the last was there to compare with
SAME = 0.9  # of the rows that two nets were judged by, from which they are the same
MOST = 0.5  # of the rows that the last net was trained on had one like it, which stands for it
NEAR = 1.25  # times the last net's training loss, up to which that of one like it is as good
EARLIER = (
    "Several nets were trained. The last one was only looked at, or is much worse than an earlier one by its loss on "
    "the same validation data, or was not judged by other data as an earlier one like it was; the earlier one is "
    "marked."
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
    baseline does, or since it is the same once more, without anything to judge it by, as after a cross-validation."""
    if earlier is None or last is None or earlier is last or _judged_by(earlier) is None:
        return False
    return _is_but_a_look(last, earlier) or _does_much_worse(last, earlier) or _is_one_more(last, earlier)


def _is_one_more(last: ModelRecord, earlier: ModelRecord) -> bool:
    if _judged_by(last) is not None or not alike(last.module, earlier.module) or not _in_epochs(last, earlier):
        return False
    if len(earlier.train_sample.hashes) < MOST * len(last.train_sample.hashes):  # a few rows are learnt by heart
        return False
    before, after = _loss(earlier, "train"), _loss(last, "train")
    same = _kinds(last, "train") == _kinds(earlier, "train")
    return same and before is not None and after is not None and before <= NEAR * after


def _is_but_a_look(last: ModelRecord, earlier: ModelRecord) -> bool:
    epochs = sum(p["phase"] == "train" and p["step"] > 0 for p in last.passes)
    if (
        not _in_epochs(last, earlier)
        or epochs > LOOK
        or earlier.steps < BRIEF * last.steps
        or _kinds(last, "train") != _kinds(earlier, "train")
    ):
        return False
    phases = ("train", "eval") if _judged_by(last) is not None else ("train",)
    pairs = [(_loss(earlier, phase), _loss(last, phase)) for phase in phases]
    return all(b is None or (a is not None and a <= b) for a, b in pairs)


def _in_epochs(*nets: ModelRecord) -> bool:
    """Whether the passes of each net's training are known to be epochs: each goes over a loader."""
    return all(p["_source"] is not None for net in nets for p in net.passes if p["phase"] == "train" and p["step"])


def _does_much_worse(last: ModelRecord, earlier: ModelRecord) -> bool:
    one, other = _judged_by(earlier), _judged_by(last)
    if one is None or other is None or not _same(one, other) or _kinds(last, "eval") != _kinds(earlier, "eval"):
        return False
    before, after = _loss(earlier, "eval", one), _loss(last, "eval", other)
    return before is not None and (after is None or before < BETTER * after) and before > 0


def _judged_by(model: ModelRecord) -> Evaluation | None:
    """How a net was judged, if that was not by what it was trained on."""
    validation = model.validation()
    return validation if validation is not None and model.sees_new_data(validation) else None


def _same(one: Evaluation, other: Evaluation) -> bool:
    """Whether two nets were judged by the same data; a loader, or a data set, may be made anew for each."""
    if one.loader is not None and other.loader is not None and one.loader.dataset is other.loader.dataset:
        return True
    first, second = one.sample.hashes, other.sample.hashes
    return len(first & second) >= SAME * max(1, len(first), len(second))


def _kinds(model: ModelRecord, phase: str) -> set[str]:
    """The loss functions by which it was trained or judged."""
    return {entry["kind"] for entry in recorder.STATE.losses.entries(model.number) if entry["phase"] == phase}


def _loss(model: ModelRecord, phase: str, over: Evaluation | None = None) -> float | None:
    """The mean loss of the latest pass of a kind that has one, after its first step; of those that judge, ``over`` the
    same data. None if it is no number."""
    told = (p for p in reversed(model.passes) if p["_count"] or p["_bad"])
    found = (p for p in told if p["phase"] == phase and p["step"])
    data = None if over is None else getattr(over.loader, "dataset", None)
    return next((p["loss"] for p in found if over is None or dataset_of(p["_source"]) is data), None)
