"""Estimators that embed rows in few dimensions, answered by principal components of the data at once.

Whatever they are not sure to do as the real ones would, the real ones do: arguments and data out of the ordinary,
and attributes that only a real fit has. Random numbers are drawn as the real ones draw them, so that what comes later
is as it would be.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Use = Callable[[], None]
ORDINARY = frozenset(  # parameters under which an embedding is still one point for each row
    {"n_neighbors", "n_components", "metric", "n_epochs", "learning_rate", "min_dist", "spread", "low_memory", "n_jobs"}
    | {"random_state", "local_connectivity", "repulsion_strength", "negative_sample_rate", "transform_seed", "verbose"}
    | {"set_op_mix_ratio", "target_metric", "target_weight", "init"}
)
METRICS = frozenset({"euclidean", "manhattan", "cosine", "correlation", "chebyshev", "minkowski", "l1", "l2"})
LEADING = ("n_neighbors", "n_components", "metric")  # by position
EXACT_ROWS = 4_096  # up to so many rows UMAP compares all of them
MAX_COLUMNS = 1_024  # of the data that are looked at
INT32 = np.iinfo(np.int32)


class Quick:
    """Stands for the class that ``load`` gives; makes projections where the arguments are ordinary, else real ones."""

    def __init__(self, load: Callable[[], Any], use: Use) -> None:
        self._load, self._use = load, use
        self.__name__ = self.__qualname__ = "UMAP"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """An estimator."""
        if not _ordinary(dict(zip(LEADING, args, strict=False)) | kwargs, len(args)):
            return self._load()(*args, **kwargs)
        self._use()
        return Projection(self._load, args, kwargs)

    def __instancecheck__(self, instance: Any) -> bool:
        return type(instance) is Projection or isinstance(instance, self._load())

    def __mro_entries__(self, _bases: Any) -> tuple[type, ...]:
        return (self._load(),)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._load(), name)


def _ordinary(named: dict[str, Any], positions: int) -> bool:
    components, neighbours = named.get("n_components", 2), named.get("n_neighbors", 15)
    plain = positions <= len(LEADING) and set(named) <= ORDINARY and named.get("metric", "euclidean") in METRICS
    sizes = type(components) is int and type(neighbours) is int and 1 <= components <= 100 and 2 <= neighbours <= 1_000
    return plain and sizes and named.get("init", "spectral") == "spectral"


class Projection:
    """The methods that notebooks use. ``embedding_``: (n, n_components) float32 once rows (n, ...) were fitted."""

    def __init__(self, load: Callable[[], Any], args: Any, kwargs: Any) -> None:
        self._load, self._args, self._kwargs = load, args, kwargs
        self._named = dict(zip(LEADING, args, strict=False)) | kwargs
        self._fitted: tuple[Any, Any] | None = None
        self._real_one: Any = None
        self._axes: Any = None

    def fit(self, X: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N803  the parameter's name there
        """Find the principal components of the standardised columns."""
        table = None if args or kwargs or self._real_one is not None else self._table(X)
        if table is None:
            self._real().fit(X, y, *args, **kwargs)
            return self
        self._fitted = (X, y)
        self._draw(len(table))
        centre, spread = table.mean(axis=0), table.std(axis=0)
        spread[spread == 0] = 1.0
        scaled = (table - centre) / spread
        _, directions = np.linalg.eigh(scaled.T @ scaled)
        self._axes = centre, spread, directions[:, ::-1][:, : self._components()]
        self.embedding_ = self._project(table)
        return self

    def fit_transform(self, X: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N803  as above
        """Rows (n, ...) -> (n, n_components)."""
        return self.fit(X, y, *args, **kwargs).embedding_

    def transform(self, X: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N803  as above
        """Rows (n, ...) -> (n, n_components), by the components that were found."""
        table = None if args or kwargs or self._axes is None or self._real_one is not None else self._table(X, least=1)
        if table is None or table.shape[1] != len(self._axes[0]):
            return self._real().transform(X, *args, **kwargs)
        return self._project(table)

    def get_params(self, deep: bool = True) -> Any:
        """As scikit-learn's estimators have it."""
        return self._real(fitted=False).get_params(deep)

    def set_params(self, **params: Any) -> Any:
        """As scikit-learn's estimators have it."""
        self._real().set_params(**params)
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_repr_", "_ipython_")) or name in ("_named", "_real_one", "_axes"):
            raise AttributeError(name)
        if name in self._named:
            return self._named[name]
        return getattr(self._real(), name)

    def __repr__(self) -> str:
        return f"UMAP({', '.join(f'{name}={value!r}' for name, value in self._named.items())})"

    def _real(self, *, fitted: bool = True) -> Any:
        """The real estimator, fitted to what this one was fitted to."""
        real = self._real_one
        if real is None:
            real = self._load()(*self._args, **self._kwargs)
            if fitted:
                self._real_one = real
                self.__dict__.pop("embedding_", None)
                if self._fitted is not None:
                    real.fit(*self._fitted)
        return real

    def _components(self) -> int:
        return int(self._named.get("n_components", 2))

    def _table(self, rows: Any, least: int | None = None) -> Any:
        """The rows as finite numbers (n, columns); None if they are anything else, or too few to be embedded."""
        try:
            table = np.asarray(rows, dtype=np.float64)
        except Exception:  # whatever a foreign kind of table may raise; the real one will raise its own
            return None
        if table.ndim != 2 or not table.shape[1] or not np.isfinite(table).all():
            return None
        fewest = self._named.get("n_neighbors", 15) + 1 if least is None else least
        return table[:, :MAX_COLUMNS] if len(table) >= fewest else None

    def _project(self, table: Any) -> Any:
        centre, spread, directions = self._axes
        answer = np.zeros((len(table), self._components()), dtype=np.float32)
        answer[:, : directions.shape[1]] = (table - centre) / spread @ directions
        return answer

    def _draw(self, rows: int) -> None:
        """Draw from a generator that others use too what UMAP draws: for its first layout, for noise, for its seeds."""
        state, width = self._named.get("random_state"), self._components()
        shared = np.random.mtrand._rand if state is None or state is np.random else state
        if not isinstance(shared, np.random.RandomState) or rows >= EXACT_ROWS:
            return
        shared.normal(size=(rows, width + 1))
        shared.normal(scale=0.0001, size=(rows, width))
        shared.randint(INT32.min, INT32.max, 3)


def without_descent(original: Any, use: Use) -> Any:
    """scikit-learn's own t-SNE, which stops at its first layout: the principal components."""

    class TSNE(original):  # type: ignore[misc]
        def _tsne(self, _affinities: Any, _freedom: Any, _rows: int, X_embedded: Any, **_: Any) -> Any:  # noqa: N803
            use()
            self.kl_divergence_, self.n_iter_ = 0.0, getattr(self, "max_iter", 0)
            return X_embedded * 1e5  # the first layout is tiny, for the descent's sake

    TSNE.__module__, TSNE.__qualname__, TSNE.__doc__ = original.__module__, original.__qualname__, original.__doc__
    return TSNE
