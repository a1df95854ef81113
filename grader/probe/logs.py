"""Logs that nobody keeps and progress bars that nobody sees: what stands for one takes every call."""

from collections.abc import Iterable, Iterator
from typing import Any


class AbsentLog:
    """Stands for a writer of a log and for all that it gives: takes every call, attribute and item, and does nothing.

    It is no number, so a training that would take one from it fails.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever asks what it is may know
            raise AttributeError(name)
        return self

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing is done."""
        return self

    def __getitem__(self, _key: Any) -> "AbsentLog":
        return self

    def __setitem__(self, _key: Any, _value: Any) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_problem: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True


class UnseenBar(AbsentLog):
    """Stands for a progress bar: goes through what it is given, which is its first argument or the first that is named
    and can be gone through, other bars aside."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        named = (v for v in kwargs.values() if isinstance(v, Iterable) and not isinstance(v, (str, AbsentLog)))
        self._items: Any = args[0] if args else next(named, ())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
