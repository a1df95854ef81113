"""Calls of a net's ``forward`` itself, which count as calls of the net."""

import ast
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Call = Callable[[nn.Module, Callable[..., Any], Any, Any], Any]


class Direct:
    """Stands for the ``forward`` of one net. A copy of the net, or a saved one, has the method of its class again.

    ``call``: makes a call of a net by the method given.
    """

    def __init__(self, module: nn.Module, call: Call) -> None:
        self._module, self._call = module, call
        method = types.MethodType(type(module).forward, module)
        functools.update_wrapper(self, method, updated=())  # whoever looks finds the method's own text

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The same as the method."""
        return self._call(self._module, types.MethodType(type(self._module).forward, self._module), args, kwargs)

    def __reduce__(self) -> Any:
        return getattr, (self._module, "forward")  # of a net that has no state yet: the method


def install() -> None:
    """TorchScript, which wants methods only, is given nets as they were."""
    original = torch.jit.script
    if "_frames_up" not in inspect.signature(original).parameters:
        return

    @functools.wraps(original)
    def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
        own = vars(obj).get("forward") if isinstance(obj, nn.Module) else None
        if not isinstance(own, Direct):
            return original(obj, *args, **{**kwargs, "_frames_up": kwargs.get("_frames_up", 0) + 1})
        del obj.forward
        try:
            return original(obj, *args, **kwargs)
        finally:
            obj.forward = own

    torch.jit.script = script


def names_forward(text: str) -> bool:
    """Whether code calls ``forward`` of something other than ``super()``; False if Python cannot read it."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        calls = [node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    found = [f.value for f in calls if isinstance(f, ast.Attribute) and f.attr == "forward"]
    return any(not (isinstance(v, ast.Call) and getattr(v.func, "id", "") == "super") for v in found)


def calls_forward(kind: type) -> bool:
    """Whether a method of this class of nets, such as one that predicts, calls ``forward`` itself."""
    methods = {name: value for base in kind.__mro__[::-1] for name, value in vars(base).items() if _own(base)}
    codes = [getattr(value, "__code__", None) for name, value in methods.items() if name != "forward"]
    return any(code is not None and "forward" in code.co_names for code in codes)


def _own(base: type) -> bool:
    return base is not object and base.__module__.partition(".")[0] not in ("torch", "torchvision", "builtins")


def is_usual(module: nn.Module) -> bool:
    """Whether its ``forward`` is that of its class."""
    own = vars(module).get("forward")
    return own is None or (getattr(own, "__func__", None) is type(module).forward and own.__self__ is module)
