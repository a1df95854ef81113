"""The kernel's sockets are held by descriptor: a link that is put in their place later is never followed."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from grader.execute.sockets import Sockets

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot hold a socket by its path")


def listener(path: Path) -> socket.socket:
    """A Unix socket that listens at ``path``."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen()
    made.settimeout(5)
    return made


def appear(sockets: Sockets, *, alive: bool = True, seconds: float = 5.0) -> bool:
    """Wait for them."""
    return asyncio.run(sockets.appear(lambda: alive, seconds=seconds))


def test_a_link_that_comes_later_is_not_followed(tmp_path: Path) -> None:
    """Whoever connects reaches the socket that was there first, or nothing."""
    path = tmp_path / "k"
    with listener(path) as first, listener(tmp_path / "host") as host:
        sockets = Sockets({"shell": path})
        assert appear(sockets)
        path.unlink()
        path.symlink_to(tmp_path / "host")
        url = sockets.url("shell")
        assert url is not None
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(url.removeprefix("ipc://"))
            first.accept()[0].close()
        host.settimeout(0)
        with pytest.raises(BlockingIOError):
            host.accept()
        sockets.close()
        assert sockets.url("shell") is None


@pytest.mark.parametrize("kind", ["link", "file", "folder"])
def test_what_is_no_socket_is_refused(tmp_path: Path, kind: str) -> None:
    """A link to a socket as well."""
    path = tmp_path / "k"
    with listener(tmp_path / "host"):
        if kind == "link":
            path.symlink_to(tmp_path / "host")
        elif kind == "file":
            path.touch()
        else:
            path.mkdir()
        sockets = Sockets({"shell": path})
        assert not appear(sockets)
        assert sockets.url("shell") is None


def test_a_kernel_that_died_is_not_waited_for(tmp_path: Path) -> None:
    """Nor one that takes too long."""
    assert not appear(Sockets({"shell": tmp_path / "k"}), alive=False)
    assert not appear(Sockets({"shell": tmp_path / "k"}), seconds=0)


def test_channels_that_are_not_held_keep_their_address() -> None:
    """TCP, and systems without such descriptors."""
    sockets = Sockets({})
    assert appear(sockets)
    assert sockets.url("shell") is None
