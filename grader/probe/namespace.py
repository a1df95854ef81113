"""Looks up what the student defined at the top level of the notebook or module."""

import inspect
from collections.abc import Callable
from typing import Any


def user_namespace() -> dict[str, Any]:
    """The kernel's interactive namespace; empty outside a kernel."""
    try:
        from IPython import get_ipython

        shell = get_ipython()
    except ImportError:
        return {}
    return dict(shell.user_ns) if shell is not None else {}


def function(name: str, *, required: int) -> Callable[..., Any] | None:
    """The student's own function of that name if it can be called with exactly ``required`` positional arguments,
    else None."""
    value = user_namespace().get(name)
    if not inspect.isfunction(value):
        return None
    needed = [
        p
        for p in inspect.signature(value).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    positional = [p for p in needed if p.kind is not p.KEYWORD_ONLY]
    return value if len(needed) == len(positional) == required else None
