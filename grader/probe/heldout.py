"""Runs what the student built over the held-out inputs, by each way that applies, and writes ``heldout.json``."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import claims, namespace, recorder, replay, shims
from .answer import answer
from .writing import MAX_ARRAY_BYTES, write_arrays, write_json

BATCH = 128


class NotApplicable(Exception):
    """A way of predicting does not apply; the text says why."""


def write(settings: dict[str, Any]) -> None:
    """Switch every data source to the held-out world and try all ways; none of them may end the others."""
    recorder.STATE.quiet = True
    folder = Path(settings["heldout"])
    shims.use_world(str(folder))
    arrays: dict[str, Any] = {}
    document: dict[str, Any] = {"schema_version": 1, "attempts": []}
    ways: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("predict", lambda: _by_predict(folder, document)),
        ("input-map", lambda: _by_map(settings, folder)),
        ("replay", lambda: _by_replay(settings)),
    ]
    for method, way in ways:
        start = time.monotonic()
        ok, reason = True, ""
        try:
            arrays |= way()
        except NotApplicable as problem:
            ok, reason = False, str(problem)
        except (Exception, SystemExit) as problem:  # of the student's predict, dataset or forward: it becomes data
            ok, reason = False, f"{type(problem).__name__}: {problem}"
        seconds = round(time.monotonic() - start, 3)
        document["attempts"].append({"method": method, "ok": ok, "reason": reason[:1900], "seconds": seconds})
        write_arrays(settings["out"], arrays)
        arrays.clear()
    write_json(settings["out"], "heldout.json", document)


def _model(settings: dict[str, Any]) -> nn.Module:
    module = claims.final_net(settings)
    if module is None:
        raise NotApplicable("No model was trained or called.")
    return module


def run(model: nn.Module, batches: Any, task: str = "") -> Tensor:
    """Answers (n, ...) of the model in evaluation mode, without gradients, over an iterable of input batches."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    was_training = model.training
    model.eval()
    parts = []
    try:
        with torch.no_grad():
            for batch in batches:
                moved = batch.to(device)
                output = answer(model(moved.to(dtype) if moved.is_floating_point() else moved), task)
                if output is None or output.dim() == 0 or output.shape[0] != batch.shape[0]:
                    raise NotApplicable("The model's output has no row for each input row.")
                parts.append(output.float().cpu())
    finally:
        model.train(was_training)
    if not parts:
        raise NotApplicable("There was nothing to predict.")
    return torch.cat(parts)


def _by_map(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = folder / "mapped_inputs.npy"
    if not path.exists():
        raise NotApplicable("The host found no map from the raw data to the model's inputs.")
    inputs = torch.from_numpy(np.load(path, allow_pickle=False))
    outputs = run(_model(settings), torch.split(inputs, BATCH), settings["task"])
    return {"mapped_outputs": outputs.numpy()}


def _by_replay(settings: dict[str, Any]) -> dict[str, Any]:
    record = claims.marked_model(settings)
    if record is None:
        raise NotApplicable("No model was trained or called.")
    inputs, targets = replay.rebuild(record, NotApplicable)
    outputs = run(_model(settings), torch.split(inputs, BATCH), settings["task"])
    arrays = {"replay_inputs": inputs.float().numpy(), "replay_outputs": outputs.numpy()}
    if targets is not None:
        arrays["replay_targets"] = targets.numpy()
    return arrays


def _by_predict(folder: Path, document: dict[str, Any]) -> dict[str, Any]:
    function = namespace.function("predict", required=1)
    if function is None:
        raise NotApplicable("The submission defines no predict(inputs).")
    inputs = _predict_inputs(folder)
    recorder.STATE.quiet = False
    try:
        given = function(inputs)
    finally:
        recorder.STATE.quiet = True
    if isinstance(given, Tensor):
        given = given.detach().cpu()
        return {"predict_outputs": _fitting((given.float() if given.is_floating_point() else given.long()).numpy())}
    values = _fitting(np.asarray(given.to_numpy() if hasattr(given, "to_numpy") else given))
    if values.dtype.kind in "OUS" and values.ndim and all(isinstance(v, str) for v in values.reshape(-1).tolist()):
        document["predict_labels"] = [v[:200] for v in values.reshape(-1).tolist()[:20_000]]
        return {}
    if values.dtype.kind == "O":
        values = np.asarray([float(v) for v in values.reshape(-1)]).reshape(values.shape)
    if values.dtype.kind not in "biuf" or values.ndim == 0:
        raise NotApplicable(f"predict returned {type(given).__name__}, not one prediction for each input.")
    return {"predict_outputs": values}


def _fitting(values: Any) -> Any:
    """The same answers, if there are no more of them than the host reads."""
    if values.nbytes > MAX_ARRAY_BYTES:
        raise NotApplicable("predict returned far more numbers than there are inputs.")
    return values


def _predict_inputs(folder: Path) -> Any:
    table = folder / "predict_inputs.csv"
    if table.exists():
        import pandas as pd

        return pd.read_csv(table)
    images = folder / "predict_inputs.npy"
    if images.exists():
        return np.load(images, allow_pickle=False)
    raise NotApplicable("The host gave no inputs for predict.")
