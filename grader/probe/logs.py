"""Logs that nobody keeps: what stands for a writer of one takes every call."""

from collections.abc import Iterator
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
