"""Finds out by a trial whether bubblewrap can make a sandbox here, and says what mends it where it cannot."""

import subprocess
from functools import lru_cache
from pathlib import Path

from grader.sandbox.policy import ISOLATING, OPTIONAL, without

UBUNTU_SWITCH = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
USERNS_SWITCH = Path("/proc/sys/kernel/unprivileged_userns_clone")
INSTALL = "Install it with `apt-get install bubblewrap` (or your distribution's like)"


@lru_cache(maxsize=4)
def lacking(path: str) -> tuple[str, ...]:
    """Options of :data:`OPTIONAL` that this bubblewrap does not know."""
    done = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=30, check=False)
    words = (done.stdout + done.stderr).split()
    return tuple(option for option in OPTIONAL if option not in words)


@lru_cache(maxsize=4)
def trial(path: str) -> str | None:
    """Run nothing in all the namespaces a job gets; the reason if that fails."""
    argv = [
        path,
        *without(ISOLATING, lacking(path)),
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--",
        "/bin/sh",
        "-c",
        ":",
    ]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"bubblewrap could not be started: {problem}."
    if done.returncode == 0:
        return None
    said = " ".join(done.stderr.split())[:200] or f"exit code {done.returncode}"
    return f"bubblewrap is installed but cannot make a sandbox here ({said}). {advice()}"


def advice() -> str:
    """What mends a bubblewrap that is installed and cannot make a sandbox."""
    if _reads(UBUNTU_SWITCH, "1"):
        return (
            "This system restricts user namespaces through AppArmor (Ubuntu 23.10 and later): allow bwrap by a profile"
            " in /etc/apparmor.d (package apparmor-profiles has bwrap-userns-restrict), or set"
            " `sysctl kernel.apparmor_restrict_unprivileged_userns=0`."
        )
    if _reads(USERNS_SWITCH, "0"):
        return "Allow user namespaces with `sysctl kernel.unprivileged_userns_clone=1`."
    return "Inside a container, user namespaces must be allowed to it; else use --isolation process on your own files."


def _reads(path: Path, value: str) -> bool:
    try:
        return path.read_text(encoding="ascii").strip() == value
    except OSError:
        return False
