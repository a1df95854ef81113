"""How much work a training is, counted by its operations, so that it does not depend on the machine or its load."""

import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode
from torch.utils.flop_counter import flop_registry

from .models import Forward
from .tensors import first_tensor

# The nominal processor that the unit of work, one second of it, is named after: about one of a server of 2020.
PER_CALL = 10e-6  # seconds for each operation that is begun,
PER_NUMBER = 0.7e-9  # each number that it returns,
PER_FLOP = 0.05e-9  # each addition or multiplication in products of matrices and convolutions,
PER_WEIGHT = 3e-9  # and each weight, once in a step
BOTH_WAYS = 3.0  # a pass forward and backward takes as long as so many forward
MAX_SHAPES = 64
NOTHING: AbstractContextManager[Any] = nullcontext()


@dataclass(frozen=True)
class Price:
    """Of a pass through a net and back, in seconds of the nominal processor."""

    fixed: float
    each: float  # item


class Work:
    """Counts what the calls of nets cost. The first call with gradients for each shape of an item is looked into; the
    price of later ones follows from their number of items."""

    def __init__(self) -> None:
        self._prices: weakref.WeakKeyDictionary[nn.Module, dict[Any, Price]] = weakref.WeakKeyDictionary()

    def looking(self, module: nn.Module, args: Any, kwargs: Any) -> AbstractContextManager[Any]:
        """In which to make a call of a net."""
        inputs = first_tensor(args) if args else first_tensor(kwargs)
        if inputs is None or not inputs.dim() or not len(inputs) or not torch.is_grad_enabled():
            return NOTHING
        known = self._prices.setdefault(module, {})
        if _shape(inputs) in known or len(known) >= MAX_SHAPES or not _can_be_looked_into():
            return NOTHING
        return _Counter(module, known, inputs)

    def of(self, calls: Iterable[Forward]) -> float:
        """Seconds of the nominal processor that a step after these calls takes; nothing for what is not known."""
        total = 0.0
        for call in calls:
            inputs = call.inputs
            price = None if inputs is None else self._prices.get(call.model.module, {}).get(_shape(inputs))
            if price is not None:
                total += price.fixed + price.each * call.samples
        return total


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations, the numbers they return, and the sums and products in them."""

    def __init__(self, module: nn.Module, known: dict[Any, Price], inputs: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._module, self._known, self._inputs = module, known, inputs
        self._calls = 0
        self._seconds = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._calls += 1
        if not func.is_view:
            output = first_tensor(result)
            self._seconds += PER_NUMBER * (output.numel() if output is not None else 0)
            self._seconds += PER_FLOP * _flops(func, args, kwargs or {}, result)
        return result

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, problem, trace)  # type: ignore[no-untyped-call]
        if kind is None:
            weights = sum(p.numel() for p in self._module.parameters() if p.requires_grad)
            fixed = BOTH_WAYS * PER_CALL * self._calls + PER_WEIGHT * weights
            self._known[_shape(self._inputs)] = Price(fixed, BOTH_WAYS * self._seconds / len(self._inputs))


def _flops(func: Any, args: Any, kwargs: Any, result: Any) -> float:
    """Additions and multiplications in products of matrices and convolutions; torch's own counter leaves out layers
    with a memory."""
    known = flop_registry.get(func._overloadpacket)
    if known is not None:
        return float(known(*args, **kwargs, out_val=result))
    if func._overloadpacket is torch.ops.aten.mkldnn_rnn_layer:
        steps, weights = len(args[0]) * int(args[0].shape[1]), [w for w in args[1:5] if w.dim() == 2]
        return 2.0 * steps * sum(int(w.numel()) for w in weights)
    return 0.0


def _shape(inputs: Tensor) -> tuple[int, ...]:
    """Of one item, and how many dimensions there are."""
    return (inputs.dim(), *inputs.shape[1:])


def _can_be_looked_into() -> bool:
    """Whether nobody else looks into operations now, or puts them together into something else."""
    return (
        _get_current_dispatch_mode() is None
        and torch._C._get_tracing_state() is None
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )
