"""Small helpers about tensors that must never disturb the student's run."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

USUAL = (Tensor, nn.Parameter)
FLOAT, STRIDED = torch.float32, torch.strided  # looked up in torch, each takes as long as a test of a tensor
KINDS, FLOATS, STRIDEDS = frozenset(USUAL), frozenset({FLOAT}), frozenset({STRIDED})
SHAPE, DTYPE, LAYOUT, IS_CPU = map(attrgetter, ("shape", "dtype", "layout", "is_cpu"))


def finite(value: Any) -> float | None:
    """A Python float, or None if it is not a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if number == number and abs(number) != float("inf") else None


def first_tensor(value: Any) -> Tensor | None:
    """The tensor itself, or the first tensor of a tuple, list or mapping (not nested deeper than one level)."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        if type(value) in (tuple, list) and value and isinstance(value[0], Tensor):  # others may count otherwise
            return value[0]
        return next((item for item in value if isinstance(item, Tensor)), None)
    return None


def keep(value: Tensor, rows: int | None = None) -> Tensor:
    """A detached copy on the CPU of the first ``rows`` rows, outside autograd and inference mode."""
    part = value.detach()
    if rows is not None and part.dim() > 0:
        part = part[:rows]
    return part.clone() if part.device.type == "cpu" else part.to("cpu", copy=True)


def row_numel(value: Tensor | None) -> int:
    """Numbers per row of a batch (n, ...)."""
    return value.numel() // value.shape[0] if value is not None and value.dim() and value.shape[0] else 0


HUGE = 1e300  # in place of what is infinite
MOST_FINER = 200  # times a row is doubled at most before it is compared


class RowHasher:
    """Fingerprints of the rows of a batch: equal rows give equal numbers, others practically never."""

    def __init__(self, columns: int = 512) -> None:
        self._columns = columns
        self._plans: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, batch: Tensor) -> list[int]:
        """``batch`` (n, ...) -> n integers. Rows that differ only below float32 precision count as equal."""
        flat = batch.detach().reshape(batch.shape[0], -1)
        index, weights = self._plan(flat.shape[1])
        picked = flat.index_select(1, index.to(flat.device)).to("cpu", torch.float64)
        sums: list[float] = torch.nan_to_num(picked @ weights * self._finer(picked), 0.0, HUGE, -HUGE).tolist()
        return [round(total * 1e5) for total in sums]

    @staticmethod
    def _finer(picked: Tensor) -> Tensor:
        """(n,) powers of two that bring rows of numbers below 1 to the size of others, so that they stay apart."""
        if not picked.shape[1]:
            return torch.ones(len(picked), dtype=picked.dtype)
        largest = torch.nan_to_num(picked.abs().amax(dim=1))
        return torch.exp2(-torch.frexp(largest).exponent.clamp(-MOST_FINER, 0).to(picked.dtype))

    def _plan(self, width: int) -> tuple[Tensor, Tensor]:
        if width not in self._plans:
            generator = torch.Generator().manual_seed(20_240_613)
            count = min(width, self._columns)
            index = torch.randperm(width, generator=generator)[:count]
            weights = torch.rand(count, generator=generator, dtype=torch.float64) + 0.5
            self._plans[width] = (index, weights)
        return self._plans[width]


def plain(value: Any) -> bool:
    """Whether it is a tensor or weight as most are: single precision, on a processor, in one piece."""
    return (
        type(value) in USUAL
        and value.dtype is FLOAT
        and value.is_cpu
        and value.layout is STRIDED
        and value.is_contiguous()
    )


def all_plain(values: Sequence[Any]) -> bool:
    """Whether all of them are :func:`plain`, and none was made in inference mode; asked of all at once, which takes
    half as long."""
    return (
        KINDS.issuperset(map(type, values))
        and FLOATS.issuperset(map(DTYPE, values))
        and all(map(IS_CPU, values))
        and STRIDEDS.issuperset(map(LAYOUT, values))
        and all(map(Tensor.is_contiguous, values))
        and not any(map(Tensor.is_inference, values))
    )


def channels_first(value: Any) -> bool:
    """Whether it is a plain batch of images (N, C, H, W), as they usually lie in memory."""
    return plain(value) and value.dim() == 4 and value.numel() > 0


def channels_last(value: Any) -> bool:
    """Whether it is as plain, but with the channels of a pixel side by side."""
    return (
        type(value) is Tensor
        and value.dtype is FLOAT
        and value.is_cpu
        and value.layout is STRIDED
        and value.dim() == 4
        and value.numel() > 0
        and value.is_contiguous(memory_format=torch.channels_last)
    )


def images(value: Any) -> bool:
    """Whether it is a plain batch of images, in either layout."""
    return channels_first(value) or channels_last(value)


def undisturbed() -> bool:
    """Whether it is ordinary training or prediction: unobserved, and in the precision of its numbers."""
    return (
        unobserved()
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._is_torch_function_mode_enabled()
        and forward_ad._current_level < 0
    )


def unobserved() -> bool:
    """Whether nobody looks into operations now, or puts them together into something else."""
    return (
        not torch.compiler.is_compiling()  # first, as a compiler can follow none of the others
        and _get_current_dispatch_mode() is None
        and torch._C._get_tracing_state() is None
        and not torch._C._are_functorch_transforms_active()
    )
