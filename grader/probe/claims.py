"""Turns what the recorder saw into ``evidence.json`` and its arrays."""

import platform
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from . import architecture, memory, namespace, recorder, shims, sources, stand_ins
from .answer import WIDTHS
from .choosing import EARLIER, meant, outweighs
from .episodes import ByHand, Episode
from .models import MAX_PASSES, Evaluation, ModelRecord, dataset_of
from .nets import holds, inner, related
from .tensors import finite
from .writing import remove_arrays, write_arrays, write_json

COURSE_NAMES = ("train", "predict", "train_one_epoch", "validate_one_epoch")


def write(settings: dict[str, Any], *, complete: bool) -> None:
    """Write the claims. ``complete`` False: a snapshot during the run, without tracing the model."""
    state = recorder.STATE
    was_quiet, state.quiet = state.quiet, True
    try:
        if complete:
            state.shortening.end_of_cell()
            recorder.finish()
            _note_defined_data()
        episode = marked_episode(settings)
        model = marked_model(settings)
        if complete and model is not None:
            model.close_pass()
        judged = None if model is None else judged_by(model)
        if complete and judged is not None:
            judged.close_pass()
        document = _document(settings, episode, model, judged, complete)
        remove_arrays(settings["out"], ("train_", "eval_"))
        if model is not None and judged is not None and model.tried:
            write_arrays(settings["out"], _arrays(model, judged))
        write_json(settings["out"], "evidence.json", document)
    finally:
        state.quiet = was_quiet


def marked_episode(settings: dict[str, Any]) -> Episode | None:
    """The last episode that stepped and whose model's output suits the task, or an earlier one that outweighs it;
    failing that, of those that stepped."""
    state = recorder.STATE
    stepped = [e for e in state.episodes.values() if e.counts["steps"]]
    stepped.sort(key=lambda e: e is state.last_episode)
    returned = inner(state.returned_model)
    own = [e for e in stepped if e.model is not None and e.model.module is returned]
    fitting = [e for e in stepped if e.model is not None and _width(e.model) in WIDTHS.get(settings["task"], ())]
    return meant(own or fitting or stepped)


def marked_model(settings: dict[str, Any]) -> ModelRecord | None:
    """The model of the marked episode, or the one that ``train()`` returned, or the last that was called."""
    state = recorder.STATE
    returned = inner(state.returned_model)
    episode = marked_episode(settings)
    if isinstance(returned, nn.Module) and not (
        episode is not None and episode.model is not None and related(returned, episode.model.module)
    ):
        return state.model(returned)
    if episode is not None:
        model: ModelRecord | None = episode.model
        return model
    called = [m for m in state.models.values() if m.called is not None]
    fitting = [m for m in called if m.called is not None and m.called[1] in WIDTHS.get(settings["task"], ())]
    found = fitting or called or _only_defined()
    return found[-1] if found else None


def judged_by(model: ModelRecord) -> ModelRecord:
    """The net that was judged: the trained one, or else the last copy of it, such as an average of its weights, that
    was judged by other data. A copy that was called on the training data only may be a teacher; one with other weights,
    or those from before the training, is another net."""
    if model.evaluations and _sees_other_data(model, model):
        return model
    copies = [m for m in recorder.STATE.models.values() if m.copy_of is model and _sees_other_data(m, model)]
    return max(copies, key=lambda m: m.used, default=model)


def _sees_other_data(copy: ModelRecord, trained: ModelRecord) -> bool:
    validation = copy.validation()
    if validation is None or not trained.sees_new_data(validation):
        return False
    before = [e.initial for e in recorder.STATE.episodes.values() if e.model is trained]
    return related(copy.module, trained.module) and not any(holds(copy.module, weights) for weights in before)


def _passes(model: ModelRecord, judged: ModelRecord) -> list[dict[str, Any]]:
    """Passes over data by their order, those of a copy over what it was judged by put in after the training they
    followed. Other passes of a copy may be part of a training, as a teacher's are."""
    validation = judged.validation()
    if judged is model or validation is None:
        return model.passes
    dataset = getattr(validation.loader, "dataset", None)
    others = [p for p in judged.passes if p["phase"] == "eval" and p["step"] and dataset_of(p["_source"]) is dataset]
    merged = sorted([*model.passes, *others], key=lambda p: int(p["step"]))
    return merged if len(merged) <= MAX_PASSES else merged[: MAX_PASSES // 2] + merged[-MAX_PASSES // 2 :]


def final_net(settings: dict[str, Any]) -> nn.Module | None:
    """The net that is handed in: what ``train()`` returned, which may be a copy of the trained one, or else that."""
    returned, model = inner(recorder.STATE.returned_model), marked_model(settings)
    return returned if isinstance(returned, nn.Module) else None if model is None else model.module


def _only_defined() -> list[ModelRecord]:
    """Nets that stand in the student's namespace and were never called, the largest last."""
    found = (inner(v) for v in namespace.user_namespace().values() if isinstance(v, nn.Module))
    values = {id(v): v for v in found}
    modules = sorted(values.values(), key=architecture.size)
    return [recorder.STATE.model(m) for m in modules if next(m.parameters(), None) is not None]


def _width(model: ModelRecord) -> int | None:
    for sample in (model.train_sample, *(e.sample for e in model.evaluations.values())):
        outputs = sample.arrays("x").get("x_outputs")
        if outputs is not None:
            return int(outputs.shape[1]) if outputs.ndim > 1 else 0
    return None


def _document(
    settings: dict[str, Any],
    episode: Episode | None,
    model: ModelRecord | None,
    judged: ModelRecord | None,
    complete: bool,
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema_version": 1,
        "task": settings["task"],
        "complete": complete,
        "torch": torch.__version__[:200],
        "python": platform.python_version(),
        "names": [n for n in COURSE_NAMES if callable(namespace.user_namespace().get(n))],
        "notes": [note[:2000] for note in [*_choice(model), *shims.NOTES, *recorder.STATE.notes]][:64],
        "remembered": memory.ROOM.remembered,
        "stood_in": list(stand_ins.USED),
        "episodes": [_episode(e, marked=e is episode) for e in list(recorder.STATE.episodes.values())[-32:]],
        "loaders": _loaders(),
        "datasets": _datasets(),
        "shortened": recorder.STATE.shortening.claims,
    }
    if model is None or judged is None:
        return document
    validation = judged.validation()
    document |= {
        "device": str(next((p.device for p in model.module.parameters()), "cpu"))[:200],
        "losses": recorder.STATE.losses.entries(model.number),
        "train_curve": model.train_curve.points(),
        "eval_curve": judged.eval_curve.points(),
        "passes": [_pass(p) for p in _passes(model, judged)],
        "split": _split(model, validation),
    }
    if complete:
        rows = validation.sample.first_rows(8) if validation is not None else None
        rows = model.train_sample.first_rows(8) if rows is None else rows
        rows = model.called[0] if rows is None and model.called is not None else rows
        rows = architecture.invented(model.module, settings["task"]) if rows is None else rows
        document["architecture"] = architecture.describe(model.module, rows, episode, settings["task"], model.call)
    return document


def _choice(marked: ModelRecord | None) -> list[str]:
    last = recorder.STATE.last_episode
    return [EARLIER] if last is not None and outweighs(marked, last.model) else []


def _arrays(model: ModelRecord, judged: ModelRecord) -> dict[str, Any]:
    validation = judged.validation()
    return model.train_sample.arrays("train") | (validation.sample.arrays("eval") if validation is not None else {})


def _episode(episode: Episode, *, marked: bool) -> dict[str, Any]:
    counts, group = episode.counts, (episode.optimiser.param_groups or [{}])[0]
    names = (
        "steps",
        "backwards",
        "zero_grads",
        "steps_with_empty_gradients",
        "stale_backwards",
        "zeroed_before_step",
        "steps_in_eval_mode",
        "detached_backwards",
        "samples",
        "non_finite_losses",
    )
    return {
        "optimiser": {
            "kind": "" if isinstance(episode.optimiser, ByHand) else type(episode.optimiser).__name__[:200],
            "lr": finite(group.get("lr")),
            "weight_decay": finite(group.get("weight_decay")),
            "parameter_tensors": len(episode.parameters()),
        },
        "model_class": type(episode.model.module).__name__[:200] if episode.model is not None else "",
        "marked": marked,
        **{name: counts[name] for name in names},
        "weight_change": episode.change()[0],
        "batch_sizes": [size for size, _ in episode.batch_sizes.most_common(16)],
        "distinct_batches": len(episode.batches),
        "first_cell": episode.first_cell,
        "last_cell": episode.last_cell,
        "model_id": episode.model.number if episode.model is not None else 0,
    }


def _pass(entry: dict[str, Any]) -> dict[str, Any]:
    source = entry["_source"]
    book = recorder.STATE.sources
    return {k: v for k, v in entry.items() if not k.startswith("_")} | {
        "loader": None if source is None else source.record.number,
        "dataset": book.dataset_number(dataset_of(source)),
    }


def _note_defined_data() -> None:
    """Data sets and loaders that stand in the student's namespace and were not used yet."""
    book = recorder.STATE.sources
    for value in namespace.user_namespace().values():
        if isinstance(value, DataLoader):
            book.loader(value)
        elif isinstance(value, Dataset):
            book.dataset_number(value)


def _loaders() -> list[dict[str, Any]]:
    book = recorder.STATE.sources
    return [
        {
            "id": r.number,
            "dataset": book.dataset_number(getattr(r.loader, "dataset", None)),
            "batch_size": getattr(r.loader, "batch_size", None),
            "shuffles": sources.shuffles(r.loader),
            "drop_last": bool(getattr(r.loader, "drop_last", False)),
            "workers": int(getattr(r.loader, "num_workers", 0)),
            "batches": sources.length(r.loader),
            "iterations": r.iterations,
            "abandoned": max(0, r.iterations - r.finished),
        }
        for r in list(book.loaders.values())[:64]
    ]


def _datasets() -> list[dict[str, Any]]:
    book = recorder.STATE.sources
    found = []
    for number, dataset in enumerate(list(book.datasets.values())[:64]):
        inner = sources.wrapped(dataset)
        found.append(
            {
                "id": number,
                "kind": type(dataset).__name__[:200],
                "module": type(dataset).__module__[:200],
                "length": sources.length(dataset),
                "base": book.dataset_number(inner[0]) if inner else None,
                "arguments": sources.argument_texts(dataset),
                "split": sources.split_flag(dataset),
            }
        )
    return found


def _split(model: ModelRecord, validation: Evaluation | None) -> dict[str, Any]:
    trained = model.train_sample.hashes
    if validation is None:
        return {"train_rows": len(trained)}
    evaluated = validation.sample.hashes
    return {
        "train_rows": len(trained),
        "eval_rows": len(evaluated),
        "shared_rows": len(trained & evaluated),
        "shared_indices": sources.shared_indices(model.train_loader, validation.loader),
    }
