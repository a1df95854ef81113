"""Holds the kernel's Unix sockets by descriptor, so that a link put in their place is never followed to the host's."""

import asyncio
import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path

STEP_S = 0.05


class Sockets:
    """The sockets of some channels, once they exist. Where the system cannot hold them, their paths are used."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths if hasattr(os, "O_PATH") else {}
        self._held: dict[str, int] = {}

    async def appear(self, alive: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until all of them exist; False if the kernel died first, was too slow, or made something else there."""
        deadline = time.monotonic() + seconds
        while missing := [name for name in self._paths if name not in self._held]:
            for name in missing:
                if not self._hold(name):
                    return False
            if not alive() or time.monotonic() > deadline:
                return False
            await asyncio.sleep(STEP_S)
        return True

    def _hold(self, name: str) -> bool:
        """False if there is something that is no socket. A descriptor means this very socket for ever."""
        try:
            descriptor = os.open(self._paths[name], os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return False
        self._held[name] = descriptor
        return True

    def url(self, name: str) -> str | None:
        """Where to connect; None if this channel is not held."""
        return f"ipc:///proc/self/fd/{self._held[name]}" if name in self._held else None

    def close(self) -> None:
        """Let go of them."""
        while self._held:
            os.close(self._held.popitem()[1])
