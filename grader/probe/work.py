"""How much work a training is, counted by its operations, so that it does not depend on the machine or its load."""

import math
import weakref
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from .models import Forward
from .tensors import first_tensor, unobserved

# The nominal processor that the unit of work, one second of it, is named after: about one of a server of 2020.
PER_CALL = 10e-6  # seconds for each operation that is begun,
PER_NUMBER = 0.7e-9  # each number that it returns,
PER_FLOP = 0.05e-9  # each addition or multiplication in products of matrices and convolutions,
PER_WEIGHT = 3e-9  # and each weight, once in a step
BOTH_WAYS = 3.0  # a pass forward and backward takes as long as so many forward
MAX_SHAPES = 64
MAX_FAILED = 8  # calls that ended in an error while they were looked into, after which a net is left alone
MUCH_LARGER = 4  # times as many items: then work on the weights alone, which each call has once, shows more clearly
NOTHING: AbstractContextManager[Any] = nullcontext()
Shape = tuple[bool, tuple[int, ...]]  # net in training mode, numbers of dimensions and along all but the first


@dataclass(frozen=True)
class Price:
    """Of a pass through a net and back, in seconds of the nominal processor, found by a call with so many ``items``."""

    fixed: float
    each: float  # item
    items: int


@dataclass(frozen=True)
class _Latest:
    """A call whose price is known, as most are like the one before: a net, its mode, the form of what it was given, and
    what a pass back costs with it."""

    module: "weakref.ref[nn.Module]"
    training: bool
    shape: torch.Size
    seconds: float

    def is_like(self, module: nn.Module, inputs: Tensor | None, *, training: bool) -> bool:
        """Whether another call costs the same."""
        if inputs is None or not _has_items(inputs) or self.shape != inputs.shape:
            return False
        return self.module() is module and self.training == training


class _Prices:
    """What is known of one net."""

    def __init__(self) -> None:
        self.by_shape: dict[Shape, Price] = {}
        self.failed = 0

    def of(self, shape: Shape, items: int) -> float:
        """Of a pass; by the price of the shape next in size, if this one is not known."""
        price = self.by_shape.get(shape)
        if price is not None:
            return price.fixed + price.each * items
        size, alike = _size(shape), [known for known in self.by_shape if known[0] == shape[0]]
        if not alike:
            return 0.0
        next_ = min(alike, key=lambda known: abs(math.log(_size(known) / size)))
        price = self.by_shape[next_]
        return price.fixed + price.each * items * size / _size(next_)


class Work:
    """Counts what passes through nets and back cost. The first call with gradients for each shape of an item is looked
    into; the price of later ones follows from their number of items. ``allowed``: seconds of the nominal processor."""

    def __init__(self, allowed: float = math.inf) -> None:
        self._allowed, self._done = allowed, 0.0
        self._known: weakref.WeakKeyDictionary[nn.Module, _Prices] = weakref.WeakKeyDictionary()
        self._latest: _Latest | None = None

    def looking(self, module: nn.Module, args: Any, kwargs: Any) -> AbstractContextManager[Any]:
        """In which to make a call of a net."""
        inputs = first_tensor(args) if args else first_tensor(kwargs)
        if inputs is None or not _has_items(inputs) or not torch.is_grad_enabled():
            return NOTHING
        if self._latest is not None and self._latest.is_like(module, inputs, training=module.training):
            return NOTHING
        prices = self._known.get(module)
        if prices is None:
            prices = self._known[module] = _Prices()
        shape = _shape(inputs, training=module.training)
        price = prices.by_shape.get(shape)
        if price is not None and len(inputs) < MUCH_LARGER * price.items:
            seconds = prices.of(shape, len(inputs))
            self._latest = _Latest(weakref.ref(module), module.training, inputs.shape, seconds)
            return NOTHING
        full = price is None and len(prices.by_shape) >= MAX_SHAPES
        if full or prices.failed >= MAX_FAILED or not unobserved():
            return NOTHING
        self._latest = None
        return _Counter(module, prices, inputs)

    def add(self, call: Forward) -> None:
        """A pass back goes through a call."""
        latest = self._latest
        if latest is not None and latest.is_like(call.model.module, call.inputs, training=call.training):
            self._done += latest.seconds
        else:
            self._done += self.of(call)

    @property
    def done(self) -> float:
        """Seconds of the nominal processor so far."""
        return self._done

    @property
    def is_spent(self) -> bool:
        """Whether more was done than is allowed."""
        return self._done > self._allowed

    def of(self, call: Forward) -> float:
        """Seconds of the nominal processor that it takes, and the pass back; nothing for what is not known."""
        prices = self._known.get(call.model.module)
        if prices is None or call.inputs is None or not _has_items(call.inputs):
            return 0.0
        return prices.of(_shape(call.inputs, training=call.training), len(call.inputs))


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations, the numbers they return, and the sums and products in them. What it cannot count, it leaves
    out: nothing of it may come in the way of the net."""

    supports_higher_order_operators = True

    def __init__(self, module: nn.Module, prices: _Prices, inputs: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._module, self._prices = module, prices
        self._shape, self._items = _shape(inputs, training=module.training), len(inputs)
        self._calls = 0
        self._seconds = 0.0

    @classmethod
    def is_infra_mode(cls) -> bool:
        """Nets that are compiled may be called all the same."""
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._calls += 1
        if isinstance(func, OpOverload) and not func.is_view:
            with suppress(Exception):  # any kind of operation may come by
                output = first_tensor(result)
                self._seconds += PER_NUMBER * (output.numel() if output is not None else 0)
                self._seconds += PER_FLOP * _flops(func, args, kwargs or {}, result)
        return result

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, problem, trace)  # type: ignore[no-untyped-call]
        if kind is not None:
            self._prices.failed += 1
            return
        fixed = BOTH_WAYS * PER_CALL * self._calls
        with suppress(Exception):  # parameters may be anything, or not there yet
            fixed += PER_WEIGHT * sum(p.numel() for p in self._module.parameters())  # those frozen now may learn later
        each = BOTH_WAYS * self._seconds / self._items
        self._prices.by_shape[self._shape] = Price(fixed, each, self._items)


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


def _has_items(inputs: Tensor) -> bool:
    return not inputs.is_nested and inputs.layout is torch.strided and inputs.dim() > 0 and len(inputs) > 0


def _shape(inputs: Tensor, *, training: bool) -> Shape:
    return training, (inputs.dim(), *inputs.shape[1:])


def _size(shape: Shape) -> int:
    return max(1, math.prod(shape[1][1:]))
