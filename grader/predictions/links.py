"""Finds what a student applies to the model's output outside the model, from pairs of output and tensor at the loss."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from grader.predictions.model import NotProven, Numbers
from grader.predictions.recorded import line, rows

CLOSE = 1e-4
ENOUGH = 8  # numbers that a line must explain
MAX_NUMBERS = 200_000  # of outputs that are looked at: all of any usual net
Function = Callable[[Numbers], Numbers]


def _special(name: str, times: int = 1) -> Function:
    """A function of scipy, which is imported when one is needed; what is over classes is over the last axis."""

    def apply(values: Numbers) -> Numbers:
        from scipy import special

        function, over = getattr(special, name), {"axis": -1} if name.endswith("softmax") else {}
        for _ in range(times):
            values = function(values, **over)
        return values

    return apply


FUNCTIONS: dict[str, Function] = {
    "nothing": lambda v: v,
    "relu": lambda v: np.maximum(v, 0),
    "sigmoid": _special("expit"),
    "softmax": _special("softmax"),
    "log_softmax": _special("log_softmax"),
    "tanh": np.tanh,
    "exp": lambda v: np.exp(np.minimum(v, 80)),
    "softplus": lambda v: np.logaddexp(0, v),
    "abs": np.abs,
    "clamp to [0, 1]": lambda v: np.clip(v, 0, 1),
    "logsigmoid": _special("log_expit"),
    "softmax twice": _special("softmax", times=2),
    "relu, then at most 1": lambda v: np.clip(v, 0, 1),
}


@dataclass(frozen=True)
class Link:
    """``function`` by name, then an affine map (the identity but where a student rescales the output), one for all
    columns or one for each. ``assumed``: not read off what reached the loss."""

    name: str
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    assumed: bool = False

    def apply(self, outputs: Numbers) -> Numbers:
        """The tensor at the loss (n, k) for outputs (n, ...)."""
        made: Numbers = np.asarray(self.scale) * FUNCTIONS[self.name](rows(outputs)) + np.asarray(self.offset)
        return made


IDENTITY = Link("nothing")


def infer(outputs: Numbers | None, at_loss: Numbers | None) -> Link:
    """The link that explains what reached the loss. Without a record of it: nothing was applied.

    Raises ``NotProven`` if no known function does.
    """
    if outputs is None or at_loss is None or len(outputs) != len(at_loss):
        return IDENTITY
    given, wanted = rows(outputs), rows(at_loss)
    finite = np.isfinite(given).all(axis=1) & np.isfinite(wanted).all(axis=1)
    if given.shape != wanted.shape or not finite.any():
        raise NotProven("What lies between the model's output and the loss could not be told.")
    some = np.flatnonzero(finite)
    some = some[
        np.unique(np.linspace(0, len(some) - 1, max(1, MAX_NUMBERS // max(1, given.shape[1]))).astype(np.int64))
    ]
    given, wanted = given[some].astype(np.float64), wanted[some].astype(np.float64)
    for name, function in FUNCTIONS.items():
        if _close(function(given), wanted):
            return Link(name)
    for name in FUNCTIONS:
        if (found := _rescaled(name, given, wanted)) is not None:
            return found
    raise NotProven("What lies between the model's output and the loss could not be told.")


def _rescaled(name: str, given: Numbers, wanted: Numbers) -> Link | None:
    """A function, and then one rising line over all columns or one for each, if that explains what was ``wanted``."""
    made = FUNCTIONS[name](given)
    for parts in ([(made.reshape(-1), wanted.reshape(-1))], list(zip(made.T, wanted.T, strict=True))):
        try:
            lines = [line(*part) for part in parts]
        except NotProven:
            return None
        scale, offset = np.array(lines).T
        if (scale > 0).all() and _close(scale * made + offset, wanted) and len(parts[0][0]) >= ENOUGH:
            many = len(parts) > 1
            return Link(name, tuple(scale) if many else float(scale[0]), tuple(offset) if many else float(offset[0]))
    return None


def _close(made: Numbers, wanted: Numbers) -> bool:
    size = max(1e-6, float(np.abs(wanted).max()))
    return bool(np.quantile(np.abs(made - wanted), 0.99) <= CLOSE * size)
