"""Small hand-made runs for tests of checks and grades: a sound one per task, and changes to it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grader.checks import Context
from grader.evidence.bundle import Evidence
from grader.evidence.model import EvidenceDocument
from grader.intake.submission import Cell
from grader.predictions.model import HeldOutPredictions
from grader.rubric import load_calibration
from grader.tasks.model import RawInputs, TaskSpec, Truth, World
from grader.types import Method, TaskId

CLASSES = ("Adelie", "Chinstrap", "Gentoo")
DIGITS = tuple(str(d) for d in range(10))
NAMES = ("row", "column", "row radius", "column radius")
SPECS = {
    spec.id: spec
    for spec in (
        TaskSpec(
            TaskId.PENGUINS_CLASSIFICATION,
            "Species",
            "classification",
            "table",
            3,
            CLASSES,
            (),
            "accuracy",
            "",
            True,
            "01",
        ),
        TaskSpec(TaskId.PENGUINS_REGRESSION, "Mass", "regression", "table", 1, (), ("mass",), "mae", "g", False, "02"),
        TaskSpec(
            TaskId.MNIST_CLASSIFICATION, "Digits", "classification", "image", 10, DIGITS, (), "accuracy", "", True, "03"
        ),
        TaskSpec(TaskId.ELLIPSE_REGRESSION, "Ellipse", "regression", "image", 4, (), NAMES, "rmse", "px", False, "04"),
    )
}
LOSSES = {
    TaskId.PENGUINS_CLASSIFICATION: ("cross_entropy", [16, 3], [16], "index"),
    TaskId.PENGUINS_REGRESSION: ("mse_loss", [16, 1], [16, 1], "float"),
    TaskId.MNIST_CLASSIFICATION: ("cross_entropy", [16, 10], [16], "index"),
    TaskId.ELLIPSE_REGRESSION: ("mse_loss", [16, 4], [16, 4], "float"),
}


def guesses(method: Method | None = Method.REPLAY, **fields: Any) -> HeldOutPredictions:
    """Predictions come by in one go."""
    return HeldOutPredictions(method, **fields)


def truth(task: TaskId, n: int, seed: int = 0) -> Truth:
    """Made-up true targets."""
    rng = np.random.default_rng(seed)
    spec = SPECS[task]
    if spec.classes:
        return Truth(labels=(np.arange(n) % len(spec.classes)).astype(np.int64))
    if spec.outputs == 1:
        return Truth(values=rng.normal(4200, 800, (n, 1)))
    return Truth(values=np.column_stack([rng.uniform(32, 96, (n, 2)), rng.uniform(4, 32, (n, 2))]))


def world(task: TaskId, *, stand_in: bool = False) -> World:
    """A world of 60 held-out and 284 training items."""
    spec = SPECS[task]
    table = pd.DataFrame({"bill_length_mm": np.zeros(284)}) if spec.inputs == "table" else None
    side = {TaskId.MNIST_CLASSIFICATION: (28, 28), TaskId.ELLIPSE_REGRESSION: (128, 128, 3)}.get(task)
    images = None if side is None else np.zeros((60, *side), dtype=np.uint8)
    heldout = RawInputs(table=None if table is None else table.iloc[:60], images=images)
    training = RawInputs(table=table, images=images)
    size = len(training)
    return World(
        task=task,
        training_dir=Path("training"),
        heldout_dir=Path("heldout"),
        training=training,
        training_truth=truth(task, size, 1),
        heldout=heldout,
        heldout_truth=truth(task, 60),
        decoys=truth(task, 60, 2),
        masks={},
        origin="made up",
        stand_in=stand_in,
        digest="0",
    )


def predictions(task: TaskId, *, wrong: float = 0.0, method: Method | None = Method.REPLAY) -> HeldOutPredictions:
    """Predictions of which the share ``wrong`` is another class, or that are off by ``wrong`` units."""
    true = truth(task, 60)
    if true.labels is not None:
        labels = true.labels.copy()
        bad = round(wrong * len(labels))
        labels[:bad] = (labels[:bad] + 1) % len(SPECS[task].classes)
        return guesses(method, labels=labels)
    assert true.values is not None
    return guesses(method, values=true.values + wrong)


def curve(start: float, end: float, n: int = 100) -> list[dict[str, Any]]:
    """A loss that falls as an exponential and levels out."""
    return [{"step": 10 * (i + 1), "loss": end + (start - end) * float(np.exp(-8 * i / n))} for i in range(n)]


def claims(task: TaskId) -> dict[str, Any]:
    """Claims of a sound training."""
    spec = SPECS[task]
    kind, inputs, targets, form = LOSSES[task]
    image = spec.inputs == "image"
    names = (
        ["convolution", "relu", "max_pool2d_with_indices", "view", "t", "addmm"]
        if image
        else ["t", "addmm", "native_batch_norm", "leaky_relu", "t", "addmm"]
    )
    layer = {"name": "a", "kind": "Conv2d" if image else "Linear", "parameters": 96, "output_shape": [8, 16]}
    return {
        "schema_version": 1,
        "task": task,
        "complete": True,
        "architecture": {
            "class_name": "Net",
            "parameters": 500,
            "trainable_parameters": 500,
            "layers": [
                layer,
                {"name": "b", "kind": "ReLU", "parameters": 0},
                {"name": "c", "kind": "Linear", "parameters": 50, "output_shape": [8, spec.outputs]},
            ],
            "parameter_list": [
                {
                    "name": "a.weight",
                    "shape": [100, 5],
                    "trainable": True,
                    "in_optimiser": True,
                    "gradient": "yes",
                    "change": 0.8,
                }
            ],
            "operations": [{"name": name, "output_shape": [8, 16]} for name in names],
            "output_shape": [8, spec.outputs],
            "has_dropout": True,
            "has_batchnorm": True,
            "linearity": 0.8,
        },
        "episodes": [
            {
                "optimiser": {"kind": "Adam", "lr": 0.001, "parameter_tensors": 1},
                "model_class": "Net",
                "marked": True,
                "steps": 1000,
                "backwards": 1000,
                "zero_grads": 1000,
                "weight_change": 0.8,
                "batch_sizes": [16],
                "distinct_batches": 800,
                "samples": 16000,
            }
        ],
        "losses": [
            {
                "kind": kind,
                "phase": "train",
                "calls": 1000,
                "input_shape": inputs,
                "target_shape": targets,
                "target_form": form,
            }
        ],
        "train_curve": curve(1.0, 0.005 if spec.family == "regression" else 0.05),
        "eval_curve": curve(1.0, 0.1),
        "passes": [
            {
                "phase": "train",
                "loader": 0,
                "dataset": 0,
                "forwards": 10,
                "samples": 160,
                "steps": 10,
                "step": 10,
                "in_training_mode": 10,
                "with_gradients": 10,
            },
            {"phase": "eval", "loader": 1, "dataset": 1, "forwards": 4, "samples": 60, "step": 10},
        ],
        "loaders": [
            {"id": 0, "dataset": 0, "batch_size": 16, "shuffles": True, "batches": 10, "iterations": 100},
            {"id": 1, "dataset": 1, "batch_size": 16, "shuffles": False, "batches": 4, "iterations": 100},
        ],
        "datasets": [
            {"id": 0, "kind": "Data", "length": 160, "split": "train"},
            {"id": 1, "kind": "Data", "length": 60, "split": "valid"},
        ],
        "split": {"train_rows": 160, "eval_rows": 60, "shared_rows": 0},
        "shortened": [],
    }


def arrays(task: TaskId, n: int = 160) -> dict[str, Any]:
    """Recorded rows: noise for inputs, targets in mixed order."""
    rng = np.random.default_rng(3)
    spec = SPECS[task]
    shape = (5,) if spec.inputs == "table" else (1, 28, 28) if spec.classes else (3, 16, 16)
    if spec.classes:
        targets: Any = rng.integers(0, spec.outputs, n)
    else:
        targets = rng.normal(1.0, 0.2, (n, 1)) if spec.outputs == 1 else rng.uniform(0.1, 0.9, (n, 4))
    return {
        "train_inputs": rng.normal(size=(n, *shape)).astype(np.float32),
        "train_targets": targets,
        "train_outputs": np.zeros((n, spec.outputs), np.float32),
    }


def document(task: TaskId, **changes: Any) -> EvidenceDocument:
    """The document of a sound run with top-level keys changed."""
    plain: dict[str, Any] = {
        "student": "s",
        "task": task,
        "file": "a.ipynb",
        "digest": "d",
        "host": {"isolation": "process", "exit": "finished", "wall_s": 5.0},
        "cells": [{"index": i, "status": "ok", "lines": 4} for i in range(4)],
        "claims": claims(task),
        "heldout": {"schema_version": 1},
    }
    return EvidenceDocument.model_validate(plain | changes)


def changed(original: Any, path: str, value: Any) -> Any:
    """A copy of nested dicts and lists with one place changed; ``path`` such as ``episodes.0.steps``."""
    head, _, rest = path.partition(".")
    if isinstance(original, list):
        at = int(head)
        return [
            changed(v, rest, value) if rest and i == at else value if i == at else v for i, v in enumerate(original)
        ]
    return original | {head: changed(original[head], rest, value) if rest else value}


def context(
    task: TaskId = TaskId.PENGUINS_CLASSIFICATION,
    *,
    guess: Any = None,
    data: Any = None,
    doc: Any = None,
    stand_in: bool = False,
    source: Any = (),
    **places: Any,
) -> Context:
    """A sound run.

    ``places``: claims to change, with ``__`` for the dots of the path; ``doc``: top-level keys of the document;
    ``source``: the texts of its cells.
    """
    told: Any = claims(task)
    for place, value in places.items():
        told = changed(told, place.replace("__", "."), value)
    evidence = Evidence(document(task, **({"claims": told} | (doc or {}))), arrays(task) if data is None else data)
    return Context(
        evidence,
        world(task, stand_in=stand_in),
        predictions(task) if guess is None else guess,
        SPECS[task],
        load_calibration(task, stand_in=stand_in),
        tuple(Cell(i, text) for i, text in enumerate(source)),
    )


def untouched(task: TaskId = TaskId.PENGUINS_CLASSIFICATION, *, source: Any = (), **more: Any) -> Context:
    """A run in which nothing was trained."""
    bare = {"schema_version": 1, "task": task, "complete": True}
    return context(task, guess=guesses(None), data={}, doc={"claims": bare} | more, source=source)


def cell(index: int, error: str = "", message: str = "", *, status: str = "") -> dict[str, Any]:
    """One cell with code, which ended with ``error`` if one is named."""
    told = {"name": error, "message": message} if error else None
    return {"index": index, "lines": 3, "status": status or ("error" if error else "ok"), "error": told}


NO_PREDICTIONS = guesses(None, refused=("replay: KeyError: 'sex'",))
