"""The evidence of one run: facts that the supervisor saw, and claims that came out of the sandbox.

Everything under :class:`Claims` and :class:`HeldOutClaims` was written beside the student's code and may be forged.
:class:`HostFacts` and :class:`CellRecord` were written by the trusted side. Numbers that are not finite are written as
``None`` next to a count, so that NaN is never a state. Every list and text has an upper bound; whatever exceeds it
does not validate.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from grader.limits import MAX_CELLS, MAX_ERROR_NAME, MAX_ERROR_TEXT, MAX_TRACEBACK
from grader.types import CellStatus, Exit, TaskId

SCHEMA_VERSION: Literal[1] = 1

Name = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=2_000)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Shape = Annotated[list[Annotated[int, Field(ge=0, le=2**40)]], Field(max_length=16)]


class Record(BaseModel):
    """Base of every record: immutable, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


# --- written by the trusted side ---------------------------------------------------------------------------------


class HostFacts(Record):
    """What the supervisor measured from outside."""

    isolation: Name  # "bubblewrap" or "process"
    exit: Exit
    sentence: Text = ""  # what a student reads about a limit that was hit; empty after a normal end
    exit_code: int | None = None
    signal: int | None = None
    wall_s: Finite = 0.0
    cpu_s: Finite | None = None
    peak_memory_bytes: Count | None = None
    memory_bound_by: Name = "none"  # "cgroup", "watchdog", "rlimit" or "none"
    output_bytes: Count = 0
    started: Literal["cold", "warm"] = "cold"  # warm: forked from a process that had imported the heavy packages
    start_s: Finite = 0.0  # from setting up the sandbox until the kernel answered
    device: Name = "cpu"
    world: Name = ""  # digest of the training and held-out worlds
    data_origin: Text = ""  # e.g. "stand-in digits (scikit-learn)"
    stand_in: bool = False
    seed: int = 0


class CellError(Record):
    """An exception that ended a cell."""

    name: Annotated[str, Field(max_length=MAX_ERROR_NAME)]
    message: Annotated[str, Field(max_length=MAX_ERROR_TEXT)]
    traceback: Annotated[str, Field(max_length=MAX_TRACEBACK)] = ""


class CellRecord(Record):
    """One code cell, in order. ``index`` counts all cells of the notebook from 0."""

    index: Count
    status: CellStatus
    error: CellError | None = None
    wall_s: Finite = 0.0
    lines: Count = 0  # lines of source that are neither blank nor comment
    has_output: bool = False
    may_fail: bool = False  # tagged as one that shows an error, or need not be run


# --- written beside the student's code -----------------------------------------------------------------------------


class ParameterClaim(Record):
    """One parameter tensor of the marked model."""

    name: Name
    shape: Shape
    trainable: bool
    in_optimiser: bool
    gradient: Literal["yes", "zero", "none", "unknown"] = "unknown"  # what it held when the optimiser stepped
    change: Finite | None = None  # |w_end - w_first_step| / |w_first_step|, L2; None if unknown


class LayerClaim(Record):
    """One leaf module of the marked model, in order of definition."""

    name: Name
    kind: Name  # class name
    parameters: Count
    output_shape: Shape | None = None  # batch of the traced forward included


class OperationClaim(Record):
    """One tensor operation of a traced forward pass, in order of execution, e.g. ``linear``, ``convolution``,
    ``relu``."""

    name: Name
    output_shape: Shape


class ArchitectureClaim(Record):
    """What the marked model is and does, from one traced forward pass in evaluation mode."""

    class_name: Name
    parameters: Count
    trainable_parameters: Count
    layers: Annotated[list[LayerClaim], Field(max_length=400)] = []
    parameter_list: Annotated[list[ParameterClaim], Field(max_length=400)] = []
    operations: Annotated[list[OperationClaim], Field(max_length=600)] = []
    input_shape: Shape | None = None
    input_tensors: Count = 1  # that a call was given; the shape is that of the first
    output_shape: Shape | None = None
    has_dropout: bool = False
    has_batchnorm: bool = False
    lacks_weights: bool = False  # a part of it asked for pretrained weights that were not at hand
    linearity: Finite | None = None  # |f(a)+f(b)-f(c)-f(a+b-c)| / scale, float64; about 1e-15 for an affine map
    trace_error: Text | None = None


class OptimiserClaim(Record):
    """The optimiser that last updated the marked model."""

    kind: Name  # class name; empty where the code moves the weights itself
    lr: Finite | None = None
    weight_decay: Finite | None = None
    parameter_tensors: Count = 0


class LossClaim(Record):
    """One loss function as it was called on the way to ``backward`` (``phase`` train) or without it (``phase``
    eval)."""

    kind: Name  # functional name: cross_entropy, nll_loss, mse_loss, binary_cross_entropy, ... or "custom"
    phase: Literal["train", "eval"]
    calls: Count
    input_shape: Shape | None = None
    target_shape: Shape | None = None
    input_dtype: Name = ""
    target_dtype: Name = ""
    input_min: Finite | None = None
    input_max: Finite | None = None
    rows_sum_to_one: bool | None = None  # inputs non-negative and each row sums to 1 (a softmax came before)
    columns_sum_to_one: bool | None = None  # probabilities add up down the batch instead
    target_form: Literal["index", "one-hot", "probabilities", "float", "unknown"] = "unknown"
    reduction: Name = "mean"
    graph: Annotated[list[Name], Field(max_length=16)] = []  # autograd nodes from the loss backwards, nearest first


class EpisodeClaim(Record):
    """Counts over all optimiser steps of one (optimiser, model) pair; the marked one is the last that stepped."""

    optimiser: OptimiserClaim
    model_class: Name
    marked: bool
    steps: Count
    backwards: Count
    zero_grads: Count
    steps_with_empty_gradients: Count = 0  # no parameter had a gradient when step() was called
    stale_backwards: Count = 0  # at backward a gradient already used by a step was still there
    zeroed_before_step: Count = 0  # gradients were zeroed between backward and step
    steps_in_eval_mode: Count = 0  # the forward that led to the step ran with the root module in evaluation mode
    detached_backwards: Count = 0  # backward from a loss with no path to the optimiser's parameters
    weight_change: Finite | None = None  # relative L2 change over all its parameters, first step to the end
    batch_sizes: Annotated[list[Count], Field(max_length=16)] = []  # distinct, most frequent first
    distinct_batches: Count = 0  # distinct first-rows seen (capped at 256)
    samples: Count = 0
    non_finite_losses: Count = 0
    first_cell: Count | None = None  # ordinal among the executed code cells, from 0
    last_cell: Count | None = None
    model_id: Count = 0


class CurvePoint(Record):
    """Mean loss over a stretch of training or over one validation pass. ``step``: optimiser steps done at its end."""

    step: Count
    loss: Finite | None  # None: not finite


class PassClaim(Record):
    """A run of consecutive forwards of the marked model that belong together: a training epoch, a validation pass."""

    phase: Literal["train", "eval"]
    loader: int | None = None  # id of the LoaderClaim that fed it; None: no DataLoader
    dataset: int | None = None  # id of the DatasetClaim behind that loader
    forwards: Count
    samples: Count
    steps: Count = 0
    in_training_mode: Count = 0  # forwards with the root module in training mode
    with_gradients: Count = 0  # forwards with gradient recording enabled
    loss: Finite | None = None  # mean of the loss calls of the pass
    step: Count = 0  # optimiser steps of the marked episode done when the pass ended
    cell: Count | None = None


class LoaderClaim(Record):
    """One ``DataLoader`` that was iterated."""

    id: int
    dataset: int | None = None
    batch_size: Count | None = None
    shuffles: bool | None = None
    drop_last: bool = False
    workers: Count = 0
    batches: Count | None = None  # its length
    iterations: Count = 0  # how often it was iterated
    abandoned: Count = 0  # iterations left before the end


class DatasetClaim(Record):
    """One dataset that fed a loader, or that another wraps."""

    id: int
    kind: Name
    module: Name = ""
    length: Count | None = None
    base: int | None = None  # the dataset that a Subset wraps
    arguments: Annotated[dict[Name, Name], Field(max_length=24)] = {}
    split: Literal["train", "valid", "unknown"] = "unknown"  # read off its constructor arguments


class SplitClaim(Record):
    """Distinct input rows that the marked model was trained on and evaluated on, compared by content and by index."""

    train_rows: Count = 0
    eval_rows: Count = 0
    shared_rows: Count | None = None  # equal content; None: could not be told
    shared_indices: Count | None = None  # items of the same base dataset on both sides; None: could not be told


class ShortenedClaim(Record):
    """A training that was cut short: its code went on, its net stayed what it was from there on."""

    reason: Literal["converged", "budget", "time"]
    model_id: Count
    cell: Count | None = None  # ordinal among the executed code cells, from 0
    step: Count  # optimiser steps of the model before it; 0: a training that was not begun
    epochs: Count  # runs over the training data in that cell before it
    metric: Literal["", "accuracy", "mae", "rmse"] = ""
    value: Finite | None = None  # mean of the latest passes over the data it was judged by, in the task's unit


class Claims(Record):
    """All that the probe says after the student's code has ended (``evidence.json``).

    Arrays lie beside it in ``.npy`` files; rows of arrays with one prefix belong together. ``train_*`` were seen on
    the way to an
    optimiser step of the marked model, ``eval_*`` in evaluation passes of it (validation) after the first step.
    Tabular: up to
    1,024 distinct rows; images: up to 64. Names: ``train_inputs, train_outputs, train_loss_inputs, train_targets``
    and the same with ``eval_``:
    model input (n, ...), model output (n, ...), the tensor that reached the loss (n, ...), the target that reached
    the loss (n, ...).
    """

    schema_version: Literal[1]
    task: TaskId
    complete: bool  # False: a snapshot taken during the run, since the process did not live to the end
    torch: Name = ""
    python: Name = ""
    device: Name = "cpu"  # where the marked model's parameters were
    architecture: ArchitectureClaim | None = None
    episodes: Annotated[list[EpisodeClaim], Field(max_length=32)] = []
    losses: Annotated[list[LossClaim], Field(max_length=16)] = []
    train_curve: Annotated[list[CurvePoint], Field(max_length=400)] = []
    eval_curve: Annotated[list[CurvePoint], Field(max_length=400)] = []
    passes: Annotated[list[PassClaim], Field(max_length=600)] = []
    loaders: Annotated[list[LoaderClaim], Field(max_length=64)] = []
    datasets: Annotated[list[DatasetClaim], Field(max_length=64)] = []
    split: SplitClaim = SplitClaim()
    shortened: Annotated[list[ShortenedClaim], Field(max_length=32)] = []
    names: Annotated[list[Name], Field(max_length=64)] = []  # of the course's functions, those defined
    notes: Annotated[list[Text], Field(max_length=64)] = []  # e.g. that pretrained weights were missing
    remembered: Count = 0  # items of data sets that were built twice alike and not always built again
    stood_in: Annotated[list[Name], Field(max_length=32)] = []  # calls that a stand-in answered at least once

    @property
    def marked(self) -> EpisodeClaim | None:
        """The episode whose model is marked, if anything was ever trained."""
        return next((e for e in self.episodes if e.marked), None)


NO_PREDICT = "The submission defines no predict(inputs)."  # the probe's own reason, in these words


class AttemptClaim(Record):
    """How one way of predicting went: ``ok`` or the reason why it did not apply."""

    method: Literal["predict", "replay", "input-map"]
    ok: bool
    reason: Text = ""
    seconds: Finite = 0.0


class HeldOutClaims(Record):
    """What the probe says after the held-out inputs were shown to it (``heldout.json``).

    Arrays: ``predict_outputs`` (n, ...) in the order of the inputs given; ``replay_inputs, replay_outputs,
    replay_targets`` (m, ...) in the order of
    the rebuilt dataset (targets are decoys as the student's pipeline encodes them); ``mapped_outputs`` (n, ...) for
    the inputs the host prepared.
    ``predict_labels``: when ``predict`` answered with strings, these, else absent.
    """

    schema_version: Literal[1]
    attempts: Annotated[list[AttemptClaim], Field(max_length=8)] = []
    predict_labels: Annotated[list[Name], Field(max_length=20_000)] | None = None
    notes: Annotated[list[Text], Field(max_length=16)] = []


# --- the whole --------------------------------------------------------------------------------------------------------


class EvidenceDocument(Record):
    """Everything known of one run except its arrays; stored as JSON, read back by checks and reports."""

    schema_version: Literal[1] = SCHEMA_VERSION
    student: Name
    task: TaskId
    file: Name
    digest: Name  # of the submitted files
    host: HostFacts
    cells: Annotated[list[CellRecord], Field(max_length=MAX_CELLS)] = []
    claims: Claims | None = None
    heldout: HeldOutClaims | None = None
    problems: Annotated[list[Text], Field(max_length=32)] = []  # why claims or arrays are missing or were refused
    notes: Annotated[list[Text], Field(max_length=32)] = []  # from intake: which file was taken, and so on
