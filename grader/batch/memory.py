"""Keeps workers small: large blocks go back to the system at once, and all that is free after each job."""

import ctypes
import gc
import sys
from functools import lru_cache
from typing import Any

import psutil

from grader.limits import MIB

GROWN = 16 * MIB  # more than this since the last time, and it is worth looking for what can be given back
LARGE = 4 * MIB  # blocks from this size on are the system's own, and go back to it when they are freed
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of mallopt(3)


@lru_cache(maxsize=1)
def _library() -> Any:
    """The C library where it is glibc, else None: others have no such calls, or need none."""
    if sys.platform != "linux":
        return None
    found = ctypes.CDLL(None)
    return found if hasattr(found, "mallopt") and hasattr(found, "malloc_trim") else None


def lean() -> None:
    """Have this process, and those forked from it, allocate frugally.

    glibc would give each thread an arena of its own, and after the first large array that is freed keep the next ones
    for itself.
    """
    if (library := _library()) is not None:
        library.mallopt(M_MMAP_THRESHOLD, LARGE)
        library.mallopt(M_TRIM_THRESHOLD, 4 * LARGE)
        library.mallopt(M_ARENA_MAX, 1)


class Memory:
    """What this process took when it was last looked at (bytes)."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = 0

    def give_back(self) -> None:
        """Give free memory back to the system if this process has grown."""
        if self._taken() < self._before + GROWN:
            return
        gc.collect()
        if (library := _library()) is not None:
            library.malloc_trim(0)
        self._before = self._taken()

    def _taken(self) -> int:
        return int(self._process.memory_info().rss)
