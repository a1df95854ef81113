"""Items of data sets as plain values: their exact content as a digest, and copies that share nothing with them."""

import hashlib
import struct
from typing import Any

import numpy as np
import torch
from torch import Tensor

OVERHEAD = 400  # bytes that a tensor or an array takes beside its numbers, about
SMALL = 64  # the same for any other value
MAX_DEPTH = 6
NUMBERS = "biuf"  # kinds of arrays: truth values, integers, real numbers


class Unfit(Exception):
    """A value that cannot be remembered: of another kind, or with more to it than its numbers."""


def digest(item: Any) -> bytes:
    """Equal for items that agree in every type, shape, layout and bit. Raises ``Unfit``."""
    made = hashlib.blake2b(digest_size=16)
    _feed(item, made, 0)
    return made.digest()


def _feed(value: Any, made: Any, depth: int) -> None:
    kind = type(value)
    if kind is Tensor:
        _require_plain(value)
        made.update(f"T{value.dtype}{tuple(value.shape)}{value.stride()};".encode())
        made.update(value.contiguous().reshape(-1).view(torch.uint8).numpy())
    elif kind is np.ndarray:
        if value.dtype.kind not in NUMBERS or not value.dtype.isnative:
            raise Unfit
        made.update(f"A{value.dtype.str}{value.shape}{value.strides};".encode())
        made.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    elif isinstance(value, np.generic) and value.dtype.kind in NUMBERS:
        made.update(f"N{value.dtype.str};".encode() + value.tobytes())
    elif kind in (tuple, list, dict):
        _feed_nest(value, made, depth + 1)
    else:
        made.update(_scalar(value))


def _feed_nest(value: Any, made: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Unfit
    made.update(f"{type(value).__name__}{len(value)};".encode())
    if isinstance(value, dict):
        for key in value:
            made.update(_scalar(key))
    for part in value.values() if isinstance(value, dict) else value:
        _feed(part, made, depth)


def _scalar(value: Any) -> bytes:
    kind = type(value)
    if kind is float:
        content = struct.pack("d", value)
    elif kind is str:
        content = str(value).encode("utf-8", "surrogatepass")
    elif kind is bytes:
        content = bytes(value)
    elif kind in (int, bool):
        content = str(value).encode()
    else:
        raise Unfit
    return f"{kind.__name__}{len(content)};".encode() + content


def _require_plain(value: Tensor) -> None:
    plain = value.device.type == "cpu" and value.layout is torch.strided and not value.is_nested
    if not plain or value.requires_grad or value.is_complex() or value.is_quantized or value.is_neg():
        raise Unfit


def copied(item: Any) -> Any:
    """The same item in memory of its own, which batches in the same way. Raises ``Unfit``."""
    kind = type(item)
    if kind is Tensor:
        with torch.inference_mode(mode=False):
            twin = item.clone()
        _require_same_batches(item, twin)
        return twin
    if kind is np.ndarray:
        array = item.copy(order="K")
        if array.strides != item.strides:
            _require_same_batches(torch.as_tensor(item), torch.as_tensor(array))
        return array
    if kind in (tuple, list):
        return kind(copied(part) for part in item)
    if kind is dict:
        return {key: copied(part) for key, part in item.items()}
    return item


def _require_same_batches(item: Tensor, twin: Tensor) -> None:
    """The layout of a batch follows that of its items, and a copy of an item with gaps or overlaps has another one."""
    if item.stride() != twin.stride() and torch.stack([item]).stride() != torch.stack([twin]).stride():
        raise Unfit


def size(item: Any) -> int:
    """About how many bytes a copy of the item takes."""
    if isinstance(item, (Tensor, np.ndarray)):
        return int(item.nbytes) + OVERHEAD
    if isinstance(item, (tuple, list)):
        return SMALL + sum(size(part) for part in item)
    if isinstance(item, dict):
        return SMALL + sum(SMALL + size(part) for part in item.values())
    return SMALL + (len(item) if isinstance(item, (str, bytes)) else 0)
