"""Which modules stand for the same net."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

COMPILED = "OptimizedModule"  # of torch.compile; its own module takes long to import
RELATED = 0.3  # cosine between the weights of a net and of a copy of what it once was; of other nets it is about 0
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


def related(one: nn.Module, other: nn.Module) -> bool:
    """Whether the weights of two nets that are alike have the same origin, as those of a net and of their average, and
    not only the same form."""
    if not alike(one, other):  # one of them was rebuilt since
        return False
    return bool(torch.cosine_similarity(_matrices(one), _matrices(other), dim=0) > RELATED)


def holds(module: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    """Whether its weights are exactly these."""
    own = _named(module)
    return own.keys() == weights.keys() and all(torch.equal(p.cpu(), weights[name]) for name, p in own.items())


def only_holds(module: nn.Module) -> bool:
    """Whether a module computes nothing, but has weights that functions use."""
    return isinstance(module, (nn.ParameterDict, nn.ParameterList))


def _matrices(module: nn.Module) -> Tensor:
    """All numbers of its weights that are no vectors, in a row that is never empty."""
    found = [p.detach().reshape(-1).to("cpu", torch.float64) for p in module.parameters() if p.dim() > 1]
    return torch.cat([torch.zeros(1, dtype=torch.float64), *found])


def _named(module: nn.Module) -> dict[str, Tensor]:
    return {name.removeprefix("module."): p.detach() for name, p in module.named_parameters()}


def _shapes(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(p.shape)) for name, p in _named(module).items()]
