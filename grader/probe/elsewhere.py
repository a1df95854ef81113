"""What notebooks take for granted where they were written and is not here: a GPU, widgets in the page."""

import functools
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from . import shims

CALL = re.compile(r"\.cuda\(")
NAME = re.compile(r"(?<![=!]=)(?<![=!]= )[\"'](?:cuda|mps)(?::\d+)?[\"'](?!\s*if\b)(?!\s+in\b)")
NEEDED = "Code asks for a GPU whether or not there is one; here it got the processor instead."
MAKERS = (
    *("arange", "as_tensor", "empty", "empty_like", "eye", "full", "full_like", "linspace", "ones", "ones_like"),
    *("rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros", "zeros_like"),
)


def install() -> None:
    """Progress bars in plain text where there are no widgets to draw them."""
    shims.watch("tqdm.notebook", _plain_bars)


def _plain_bars(module: Any) -> None:
    if module.IProgress is not None:
        return
    from tqdm import std  # type: ignore[import-untyped,unused-ignore]

    class Bar(std.tqdm):  # type: ignore[misc,unused-ignore]
        """As ``tqdm.notebook.tqdm``, in plain text."""

        def __init__(self, *args: Any, display: bool = True, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    def trange(*args: Any, **kwargs: Any) -> Any:
        return Bar(range(*args), **kwargs)

    module.tqdm = module.tqdm_notebook = Bar
    module.trange = module.tnrange = trange


def on_cell_start(info: Any = None) -> None:
    """A cell begins: if it asks for a GPU by name and there is none, the processor takes its place from now on."""
    text = getattr(info, "raw_cell", None)
    if isinstance(text, str) and _asks(text) and not torch.cuda.is_available():
        _without_gpu()


def _asks(text: str) -> bool:
    """Whether a GPU is named without a look whether there is one, as most notebooks take."""
    return CALL.search(text) is not None or (NAME.search(text) is not None and "is_available" not in text)


@functools.cache
def _without_gpu() -> None:
    """Tensors and nets that are sent to a GPU stay where they are."""
    for owner in (torch.Tensor, nn.Module):
        _set(owner, "cuda", _stays)
        _set(owner, "to", _on_processor(owner.to))
    for name in MAKERS:
        _set(torch, name, _as_built_in(name, _on_processor(getattr(torch, name))))
    _set(torch, "set_default_device", _on_processor(torch.set_default_device))
    _set(torch.cuda, "synchronize", _nothing)


def _set(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


def _as_built_in(name: str, call: Any) -> Any:
    """The call under the name of the one that it wraps, so that it can be pickled, and be used in code that is
    scripted."""
    call.__module__, call.__qualname__ = "torch", name
    with suppress(Exception):  # of torch's own, without a promise
        from torch.jit import _builtins

        if known := _builtins._find_builtin(call.__wrapped__):  # type: ignore[no-untyped-call]
            _builtins._register_builtin(call, known)
    return call


def _stays(self: Any, *_args: Any, **_kwargs: Any) -> Any:
    shims.note(NEEDED)
    return self


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    """There is nothing to wait for."""


def _on_processor(original: Callable[..., Any]) -> Callable[..., Any]:
    """A call whose ``device`` is the processor where a GPU is asked for."""

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(map(_is_gpu, args)):
            args = tuple(torch.device("cpu") if _is_gpu(value) else value for value in args)
        if "device" in kwargs and _is_gpu(kwargs["device"]):
            kwargs["device"] = torch.device("cpu")
        return original(*args, **kwargs)

    return call


def _is_gpu(value: Any) -> bool:
    kind = value.type if type(value) is torch.device else value.partition(":")[0] if type(value) is str else ""
    if kind not in ("cuda", "mps"):
        return False
    shims.note(NEEDED)
    return True
