"""The cheap answers that expensive calls get, by kind: projections of data, plots that are not drawn, nothing."""

import functools
import sys
from collections.abc import Callable
from typing import Any

from . import pending, projection
from .logs import AbsentLog, UnseenBar

Use = Callable[[], None]


def embedding(original: Any, use: Use) -> Any:
    """An estimator that embeds rows in few dimensions at once."""
    if hasattr(original, "_tsne"):
        return projection.without_descent(original, use)
    return projection.Quick(lambda: original, use)


def close(original: Any, use: Use) -> Any:
    """A call that closes all figures without drawing them; one that is told not to wait leaves them open."""

    @functools.wraps(original)
    def answer(*_args: Any, **kwargs: Any) -> None:
        if kwargs.get("block") is False:
            return
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pending.WAITING or (pyplot is not None and pyplot.get_fignums()):
            use()
        pending.WAITING.clear()
        if pyplot is not None:
            pyplot.close("all")
        inline = sys.modules.get("matplotlib_inline.backend_inline")
        if inline is not None:
            inline.show._to_draw = []  # it would hold the figures until it draws them

    return answer


def nothing(original: Any, use: Use) -> Any:
    """A call that does nothing."""

    @functools.wraps(original)
    def answer(*_args: Any, **_kwargs: Any) -> None:
        use()

    return answer


def log(original: Any, use: Use) -> Any:
    """A writer of a log, or a call that gives one."""

    class Log(AbsentLog):
        """Stands for one, as a class would."""

        def __init__(self, *_args: Any, **_kwargs: Any) -> None:
            use()

    return functools.update_wrapper(Log, original, updated=())


def items(original: Any, use: Use) -> Any:
    """A progress bar around what it is given."""

    @functools.wraps(original)
    def answer(*args: Any, **kwargs: Any) -> UnseenBar:
        use()
        return UnseenBar(*args, **kwargs)

    return answer


ANSWERS: dict[str, Callable[[Any, Use], Any]] = {
    "projection": embedding,
    "figure": pending.figure,
    "close": close,
    "nothing": nothing,
    "log": log,
    "items": items,
}
