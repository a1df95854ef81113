"""Which modules stand for the same net."""

from typing import Any

from torch import nn
from torch.nn.parallel import DistributedDataParallel

COMPILED = "OptimizedModule"  # of torch.compile; its own module takes long to import
PARALLEL = (nn.DataParallel, DistributedDataParallel)


def inner(module: Any) -> Any:
    """The net that was given to ``torch.compile`` or ``DataParallel``: the same weights, inputs and outputs."""
    while True:
        if type(module).__name__ == COMPILED:
            held = getattr(module, "_orig_mod", None)
        elif isinstance(module, PARALLEL):
            held = module.module
        else:
            return module
        if not isinstance(held, nn.Module):
            return module
        module = held


def alike(one: nn.Module, other: nn.Module) -> bool:
    """Whether two nets have weights of the same names and shapes: one may be a copy of the other, or an average of what
    the other was."""
    return _shapes(one) == _shapes(other)


def only_holds(module: nn.Module) -> bool:
    """Whether a module computes nothing: it has weights, and neither parts nor a ``forward``."""
    return type(module).forward is nn.Module.forward and next(module.children(), None) is None


def _shapes(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name.removeprefix("module."), tuple(p.shape)) for name, p in module.named_parameters()]
