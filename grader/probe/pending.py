"""Plots that are not drawn until somebody looks at them: figures of seaborn's kind, answered without drawing.

What is done to such a plot is noted. The first time that anything else is asked of it, the call is made after all, and
what was noted is done; so code that goes on working with a plot meets the real one.
"""

import functools
import inspect
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from . import recorder

Use = Callable[[], None]
GRIDS = {  # what the calls give
    "pairplot": "PairGrid",
    "jointplot": "JointGrid",
    **dict.fromkeys(("relplot", "displot", "catplot", "lmplot"), "FacetGrid"),
    "clustermap": "ClusterGrid",
    **{name: name for name in ("PairGrid", "JointGrid", "FacetGrid")},
}
OF_GRIDS = frozenset(  # methods that give the grid itself
    {
        "map",
        "map_lower",
        "map_upper",
        "map_diag",
        "map_offdiag",
        "map_dataframe",
        "plot",
        "plot_joint",
        "plot_marginals",
    }
    | {"set", "set_titles", "set_axis_labels", "set_xlabels", "set_ylabels", "set_xticklabels", "set_yticklabels"}
    | {"add_legend", "despine", "tight_layout", "refline", "tick_params"}
)
OF_FIGURES = frozenset({"suptitle", "subplots_adjust", "tight_layout", "set_size_inches", "set_dpi", "set_facecolor"})
COLUMNS = ("x", "y", "hue", "col", "row", "style", "size", "vars", "x_vars", "y_vars")
PLOTTERS = frozenset({"seaborn", "matplotlib", "mpl_toolkits", "pandas", "IPython", "matplotlib_inline"})
RANDOM = frozenset({"stripplot", "swarmplot"})  # they may draw from the generator that everybody shares
WAITING: deque["Drawing"] = deque(maxlen=8)  # since figures were last closed


class Drawing:
    """One call that was put off, and all that was done with its result since."""

    def __init__(self, make: Callable[[], Any], kind: type | None) -> None:
        self.kind = kind
        self.cell = recorder.STATE.cell
        self._make = make
        self._log: list[tuple[Callable[[], Any], str, tuple[Any, ...], dict[str, Any]]] = []
        self._results: list[Any] = []
        self.made = False
        self._plot: Any = None

    def plot(self) -> Any:
        """The real plot, drawn now if it was not before."""
        if not self.made:
            self._plot, self.made = self._make(), True
            if self in WAITING:
                WAITING.remove(self)
            for owner, name, args, kwargs in self._log:
                self._results.append(getattr(owner(), name)(*args, **kwargs))
        return self._plot

    def note(self, owner: Callable[[], Any], name: str, args: Any, kwargs: Any) -> Callable[[], Any]:
        """Put off a method of the plot or of a part of it; what gives its result later."""
        self._log.append((owner, name, args, kwargs))
        number = len(self._log) - 1

        def result() -> Any:
            self.plot()
            return self._results[number]

        return result


class Pending:
    """Behaves as the plot of a :class:`Drawing`, or a part of it, does; ``find`` gives the real one."""

    def __init__(self, drawing: Drawing, find: Callable[[], Any], kind: type | None, later: frozenset[str]) -> None:
        state = {"drawing": drawing, "find": find, "kind": kind, "later": later}
        object.__setattr__(self, "_probe_pending", state)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return _state(self)["kind"] or Pending

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_repr_", "_ipython_")):  # a cell that ends with a plot looks for these
            raise AttributeError(name)
        state = _state(self)
        drawing, kind = state["drawing"], state["kind"]
        if not drawing.made and kind is not None:
            if name in ("fig", "figure") and state["later"] is OF_GRIDS and hasattr(kind, name):
                return Pending(drawing, lambda: getattr(drawing.plot(), name), _figure_class(), OF_FIGURES)
            if name in state["later"] and hasattr(kind, name):
                return functools.partial(_put_off, self, name)
        return getattr(state["find"](), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_state(self)["find"](), name, value)

    def __iter__(self) -> Iterator[Any]:
        return iter(_state(self)["find"]())

    def __getitem__(self, where: Any) -> Any:
        return _state(self)["find"]()[where]

    def __len__(self) -> int:
        return len(_state(self)["find"]())

    def __bool__(self) -> bool:
        return _state(self)["kind"] is not None or bool(_state(self)["find"]())

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        import numpy as np

        return np.asarray(_state(self)["find"](), *args)

    def __repr__(self) -> str:
        kind = _state(self)["kind"]
        return repr(_state(self)["find"]()) if kind is None else f"<{kind.__module__}.{kind.__name__}>"


def _state(pending: Pending) -> dict[str, Any]:
    state: dict[str, Any] = object.__getattribute__(pending, "_probe_pending")
    return state


def _put_off(owner: Pending, method: str, /, *args: Any, **kwargs: Any) -> Any:
    """Note a call of a method, unless code of the student's own or random numbers take part in it."""
    state = _state(owner)
    if not _harmless(args, kwargs):
        return getattr(state["find"](), method)(*args, **kwargs)
    result = state["drawing"].note(state["find"], method, args, kwargs)
    if state["later"] is OF_GRIDS:
        return owner
    return Pending(state["drawing"], result, _text_class(), frozenset()) if method == "suptitle" else None


def _harmless(args: Any, kwargs: Any) -> bool:
    for value in (*args, *kwargs.values()):
        if callable(value) and (_top(value) not in PLOTTERS or getattr(value, "__name__", "") in RANDOM):
            return False
    return not any("jitter" in name for name in kwargs)


def _top(value: Any) -> str:
    return str(getattr(value, "__module__", "")).split(".", 1)[0]


def _figure_class() -> type:
    from matplotlib.figure import Figure

    return Figure


def _text_class() -> type:
    from matplotlib.text import Text

    return Text


def figure(original: Any, use: Use) -> Any:
    """A call that gives its plot only when it is looked at."""

    @functools.wraps(original, updated=())
    def answer(*args: Any, **kwargs: Any) -> Any:
        if not _certain(original, args, kwargs):
            return original(*args, **kwargs)
        use()
        return _pending(original, args, kwargs)

    return _Grid(original, answer) if isinstance(original, type) else answer


def _pending(original: Any, args: Any, kwargs: Any) -> Pending:
    kept, named = [_as_it_is(v) for v in args], {name: _as_it_is(v) for name, v in kwargs.items()}
    kind = original if isinstance(original, type) else _kind(original)
    drawing = Drawing(lambda: original(*kept, **named), kind)
    WAITING.append(drawing)
    return Pending(drawing, drawing.plot, kind, OF_GRIDS)


def _kind(original: Any) -> type | None:
    seaborn = sys.modules.get("seaborn.axisgrid"), sys.modules.get("seaborn.matrix")
    name = GRIDS.get(original.__name__, "") if _top(original) == "seaborn" else ""
    found = next((getattr(module, name) for module in seaborn if name and hasattr(module, name)), None)
    return found if isinstance(found, type) else None


def _as_it_is(value: Any) -> Any:
    """A table that keeps its columns whatever becomes of the original; any other value itself."""
    return value.copy(deep=False) if _is_table(value) else value


def _is_table(value: Any) -> bool:
    return type(value).__name__ == "DataFrame" and _top(type(value)) == "pandas"


def _certain(original: Any, args: Any, kwargs: Any) -> bool:
    """Whether the real call would go well, draw no random numbers, and call nothing of the student's."""
    try:
        bound = inspect.signature(original).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return False
    given = {**bound.arguments, **bound.arguments.get("kwargs", {})}
    table: Any = next((given[name] for name in ("data", "frame") if name in given), None)
    if not _is_table(table) or not len(table) or given.get("ax") is not None or not _harmless(args, kwargs):
        return False
    if original.__name__ == "catplot" and given.get("kind", "strip") == "strip":
        return False  # its jitter comes from the generator that everybody shares
    numbers = table.select_dtypes("number")
    if original.__name__ == "clustermap" and (numbers.shape != table.shape or not numbers.notna().all(axis=None)):
        return False
    return numbers.shape[1] > 0 and all(_known(given.get(name), table) for name in COLUMNS)


def _known(value: Any, table: Any) -> bool:
    """Whether columns are named that are there."""
    names = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    known = {*table.columns, *table.index.names}
    return (value is None or isinstance(value, (str, list, tuple))) and all(
        isinstance(name, str) and name in known for name in names
    )


class _Grid:
    """Stands for a class of seaborn's: makes plots that are not drawn yet, and is the class in every other respect."""

    def __init__(self, original: type, answer: Callable[..., Any]) -> None:
        functools.update_wrapper(self, original, updated=())
        self._original, self._answer = original, answer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._answer(*args, **kwargs)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self._original)

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._original)

    def __mro_entries__(self, _bases: Any) -> tuple[type, ...]:
        return (self._original,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def looked_for(original: Callable[..., Any]) -> Callable[..., Any]:
    """``pyplot.gcf`` or ``gca``: whoever asks for the current figure, and is no plotting library, gets the real one."""

    @functools.wraps(original)
    def current(*args: Any, **kwargs: Any) -> Any:
        if WAITING and _top_of_caller() not in PLOTTERS:
            for drawing in [d for d in WAITING if d.cell == recorder.STATE.cell]:
                drawing.plot()
        return original(*args, **kwargs)

    return current


def _top_of_caller() -> str:
    return str(sys._getframe(2).f_globals.get("__name__", "")).split(".", 1)[0]
