"""What a trained model is and does: its layers, and the operations of one traced forward pass."""

import copy
import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from . import shim_weights
from .answer import answer
from .tensors import finite, first_tensor, row_numel

MAX_LISTED = 400
MAX_OPERATIONS = 600
LINEARITY_LIMIT = 20_000_000  # parameters up to which the model is copied for the linearity probe
DROPOUT = (nn.modules.dropout._DropoutNd,)
BATCHNORM = (nn.modules.batchnorm._BatchNorm,)


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation that returns a tensor, views included."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[dict[str, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        output = first_tensor(result)
        if output is not None and len(self.operations) < MAX_OPERATIONS:
            name = str(func).removeprefix("aten.").split(".")[0]
            self.operations.append({"name": name[:200], "output_shape": list(output.shape)[:16]})
        return result


def describe(
    model: nn.Module, inputs: Tensor | None, episode: Any, task: str = "", call: tuple[Any, Any] | None = None
) -> dict[str, Any]:
    """The ``ArchitectureClaim`` of ``model``. ``inputs``: a few recorded rows (n, ...), or None. ``call``: positional
    and named arguments of a recorded call, if the net takes more than one tensor."""
    named = list(model.named_parameters())
    modules = list(model.modules())
    claim: dict[str, Any] = {
        "class_name": type(model).__name__[:200],
        "parameters": sum(p.numel() for _, p in named if _known(p)),
        "trainable_parameters": sum(p.numel() for _, p in named if _known(p) and p.requires_grad),
        "parameter_list": _parameters(named, episode),
        "has_dropout": any(isinstance(m, DROPOUT) for m in modules),
        "has_batchnorm": any(isinstance(m, BATCHNORM) for m in modules),
        "lacks_weights": any(map(shim_weights.lacks, modules)),
        "input_tensors": 1 if call is None else sum(isinstance(v, Tensor) for v in (*call[0], *call[1].values())),
    }
    if inputs is None:
        return claim | {"layers": _layers(model, {}), "trace_error": "No input of the model was recorded."}
    return claim | _trace(model, inputs, task, call)


def size(model: nn.Module) -> int:
    """Numbers in all parameters that have a shape yet."""
    return sum(p.numel() for p in model.parameters() if _known(p))


def invented(model: nn.Module, task: str) -> Tensor | None:
    """A few random inputs of the shape that the first layer and the task ask for; None if it cannot be told."""
    generator = torch.Generator().manual_seed(11)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            side = 128 if task.startswith("ellipse") else 28
            return torch.rand(4, module.in_channels, side, side, generator=generator)
        if isinstance(module, (nn.Linear, nn.BatchNorm1d)):
            width = module.in_features if isinstance(module, nn.Linear) else module.num_features
            return torch.rand(8, width, generator=generator)
    return None


def _known(parameter: nn.Parameter) -> bool:
    return not isinstance(parameter, nn.parameter.UninitializedParameter)


def _parameters(named: list[tuple[str, nn.Parameter]], episode: Any) -> list[dict[str, Any]]:
    held = {id(p) for p in episode.parameters()} if episode is not None else set()
    changes = episode.change()[1] if episode is not None else {}
    return [
        {
            "name": name[:200],
            "shape": list(p.shape)[:16],
            "trainable": p.requires_grad,
            "in_optimiser": id(p) in held,
            "gradient": episode.gradients.get(name, "unknown") if episode is not None else "unknown",
            "change": changes.get(name),
        }
        for name, p in named[:MAX_LISTED]
        if _known(p)
    ]


def _layers(model: nn.Module, shapes: dict[str, list[int]]) -> list[dict[str, Any]]:
    leaves = [(n, m) for n, m in model.named_modules() if not list(m.children())]
    return [
        {
            "name": name[:200],
            "kind": type(module).__name__[:200],
            "output_shape": shapes.get(name),
            "parameters": sum(p.numel() for p in module.parameters(recurse=False) if _known(p)),
        }
        for name, module in leaves[:MAX_LISTED]
    ]


def _trace(model: nn.Module, inputs: Tensor, task: str, call: tuple[Any, Any] | None) -> dict[str, Any]:
    device = next(model.parameters()).device
    rows = inputs[:8].to(device)
    shapes: dict[str, list[int]] = {}
    handles: list[Any] = []
    tracer = _Tracer()
    was_training = model.training
    error, output = None, None
    try:
        for name, module in model.named_modules():
            if not list(module.children()) and not isinstance(module, torch.jit.ScriptModule):  # which takes no hooks
                handles.append(module.register_forward_hook(functools.partial(_note_shape, shapes, name)))
        model.eval()
        with torch.no_grad(), tracer:
            output = answer(_called(model, rows, call, (shapes, tracer.operations)), task)
    except (Exception, SystemExit) as problem:  # of the student's forward: it becomes data
        error = f"{type(problem).__name__}: {problem}"[:500]
    finally:
        for handle in handles:
            handle.remove()
        model.train(was_training)
    return {
        "operations": tracer.operations,
        "layers": _layers(model, shapes),
        "trace_error": error,
        "input_shape": list(rows.shape)[:16],
        "output_shape": None if output is None else list(output.shape)[:16],
        "linearity": None if error else _linearity(model, rows, task),
    }


def _called(model: nn.Module, rows: Tensor, call: tuple[Any, Any] | None, seen: tuple[Any, ...]) -> Any:
    """What the net makes of the rows, or of the recorded call if they do not suffice; ``seen`` of the failure is
    cleared."""
    try:
        return model(rows)
    except Exception:
        if call is None:
            raise
    for notes in seen:
        notes.clear()
    args, named = call
    return model(*(_on(value, rows) for value in args), **{name: _on(value, rows) for name, value in named.items()})


def _on(value: Any, rows: Tensor) -> Any:
    return value.to(rows.device) if isinstance(value, Tensor) else value


def _note_shape(shapes: dict[str, list[int]], name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
    tensor = first_tensor(output)
    if tensor is not None:
        shapes.setdefault(name, list(tensor.shape)[:16])


def _linearity(model: nn.Module, rows: Tensor, task: str) -> float | None:
    """``|f(a) + f(b) - f(c) - f(a + b - c)|`` relative to the spread of f; zero to rounding exactly for affine maps."""
    if (
        not rows.is_floating_point()
        or sum(p.numel() for p in model.parameters()) > LINEARITY_LIMIT
        or not row_numel(rows)
    ):
        return None
    try:
        with torch.no_grad():
            twin = copy.deepcopy(model).double().eval()
            vars(twin).pop("forward", None)  # one set on the net itself would call the original
            found = [_residual(twin, rows, task, attempt) for attempt in range(6)]
    except (Exception, SystemExit):  # a model that cannot be copied or run in float64: the probe has no answer
        return None
    return finite(max((r for r in found if r is not None), default=None))


def _residual(model: nn.Module, rows: Tensor, task: str, attempt: int) -> float | None:
    """One try around one row, in random directions; None where the model is constant."""
    a = rows[attempt % len(rows)][None].double()
    spread = (rows.double().std() + a.abs().mean() * 0.1 + 1e-3) * (1 + attempt)
    generator = torch.Generator().manual_seed(7 + attempt)
    b, c = (a + torch.randn(a.shape, generator=generator, dtype=torch.float64).to(a.device) * spread for _ in range(2))
    fa, fb, fc, fd = (answer(model(x), task) for x in (a, b, c, a + b - c))
    if fa is None or fb is None or fc is None or fd is None:
        return None
    scale = max(float((fa - fb).abs().max()), float((fa - fc).abs().max()))
    return float((fa + fb - fc - fd).abs().max()) / scale if scale > 0 else None
