"""Picks the backend for the isolation the user asked for."""

from grader.errors import SandboxUnavailable
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.process import LocalProcess
from grader.sandbox.protocol import Sandbox
from grader.types import Isolation


def choose(isolation: Isolation, *, forks: str | None = None) -> tuple[Sandbox, str]:
    """The backend and a sentence about it for the report, empty where the isolation is what was promised.

    ``forks``: the address of a fork server, for warm starts. Raises ``SandboxUnavailable`` for ``REQUIRED`` where
    bubblewrap cannot be used; the text says how to get it.
    """
    if isolation is Isolation.PROCESS:
        return LocalProcess(), "The code ran as an ordinary process without isolation, as asked for."
    bubblewrap = Bubblewrap(forks=forks)
    reason = bubblewrap.available()
    if reason is None:
        return bubblewrap, ""
    if isolation is Isolation.REQUIRED:
        raise SandboxUnavailable(reason)
    return LocalProcess(), f"The code ran as an ordinary process without isolation. {reason}"
