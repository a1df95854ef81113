"""Lays out a class, watches what must not be touched, runs the instructor's command, and notes what it saw."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attack import (
    ABSTRACT_SOCKET,
    CANARY_FILE,
    CANARY_FOLDER,
    CANARY_PORT,
    CANARY_SOCKET,
    CANARY_VARIABLE,
    SECRET,
    Attack,
)

LIMITS = ("--time-limit", "60", "--memory-limit", "1.5")
HELD_OUT_KEY = f"{SECRET}-key"  # a key of the instructor's own, so what is said about held-out inputs stays hidden
PATIENCE_S = 3_600
WATCHED = Path(__file__).with_name("watched.py")


@dataclass
class Canaries:
    """What lies and listens outside every job. ``connections``: names of the listeners that were reached."""

    folder: Path
    placeholders: dict[str, str]
    connections: list[str] = field(default_factory=list)

    @property
    def secret_file(self) -> Path:
        """Holds the secret."""
        return self.folder / "secret.txt"

    @property
    def drop(self) -> Path:
        """A folder that everyone may write to."""
        return self.folder / "drop"

    def harmed(self) -> list[str]:
        """What was changed or reached."""
        found = [f"reached {name}" for name in self.connections]
        if self.secret_file.read_text() != SECRET:
            found.append("file changed")
        return found + [f"written {path.name}" for path in self.drop.iterdir()]


@contextmanager
def canaries(folder: Path) -> Iterator[Canaries]:
    """Canaries in ``folder``, which must have a short name."""
    (folder / "drop").mkdir(parents=True)
    (folder / "drop").chmod(0o777)
    (folder / "secret.txt").write_text(SECRET)
    path, abstract = str(folder / "socket"), f"grader-canary-{secrets.token_hex(6)}"
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        unix, hidden = (stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) for _ in range(2))
        unix.bind(path)
        hidden.bind("\0" + abstract)
        found = Canaries(
            folder,
            {
                CANARY_FILE: str(folder / "secret.txt"),
                CANARY_FOLDER: str(folder / "drop"),
                CANARY_PORT: str(tcp.getsockname()[1]),
                CANARY_SOCKET: path,
                ABSTRACT_SOCKET: abstract,
            },
        )
        for name, listener in (("port", tcp), ("socket", unix), ("abstract socket", hidden)):
            listener.listen()
            threading.Thread(target=_note, args=(listener, name, found), daemon=True).start()
        yield found


def _note(listener: socket.socket, name: str, found: Canaries) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return
        found.connections.append(name)


def lay_out(attack: Attack, folder: Path, placeholders: dict[str, str]) -> Path:
    """The student's folder below ``folder``."""
    home = folder / (attack.folder or attack.name)
    home.mkdir()
    for name, text in attack.files.items():
        filled = text
        for mark, value in placeholders.items():
            filled = filled.replace(mark, value)
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(filled, encoding="utf-8")
    if attack.make is not None:
        attack.make(home)
    return home


@dataclass(frozen=True)
class Run:
    """What one command did. ``peak_mib``: memory of the grader itself; ``forks_mib``: of its fork server; ``left``:
    processes, mounts, files and groups that it left; ``harmed``: canaries."""

    code: int
    console: str
    reports: Path
    peak_mib: float
    forks_mib: float
    left: list[str]
    harmed: list[str]

    def students(self) -> dict[str, dict[str, Any]]:
        """Entries of the results file by student."""
        document = json.loads((self.reports / "results.json").read_text(encoding="utf-8"))
        return {entry["student"]: entry for entry in document["submissions"]}

    def texts(self) -> str:
        """Everything that was written for readers."""
        files = [p for p in self.reports.rglob("*") if p.is_file()]
        return self.console + "".join(p.read_bytes().decode("utf-8", "replace") for p in files)


def run(folder: Path, words: Iterable[str], found: Canaries) -> Run:
    """Run ``grader`` with these words and ``--out``; ``folder`` is private to this run and has a short name."""
    temporary, reports, notes = folder / "t", folder / "reports", folder / "watched.json"
    temporary.mkdir()
    environment = {
        **os.environ,
        "TMPDIR": str(temporary),
        CANARY_VARIABLE: SECRET,
        "GRADER_HELDOUT_KEY": HELD_OUT_KEY,
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "grader", *words, "--out", str(reports)]
    done = subprocess.run(
        [sys.executable, str(WATCHED), str(notes), *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    console = (done.stdout + done.stderr).decode("utf-8", "replace")
    seen = json.loads(notes.read_text())
    files = [f"file {p.name}" for p in temporary.iterdir()]
    left = [*seen["processes"], *seen["mounts"], *files, *_groups(seen["seen"])]
    return Run(seen["code"], console, reports, seen["peak_mib"], seen["forks_mib"], left, found.harmed())


def _groups(makers: Iterable[int]) -> list[str]:
    """Control groups that these processes made."""
    from grader.sandbox import cgroups

    found = cgroups.hierarchy()
    folders = [path for parent in found.parents for path in parent.glob(f"{cgroups.PREFIX}*")] if found else []
    return [str(p) for p in folders if int(p.name.split("-")[1]) in set(makers)]


def bubblewrap_missing() -> str | None:
    """Why the class cannot be run here."""
    from grader.sandbox.bubblewrap import Bubblewrap

    return Bubblewrap().available() or (None if shutil.which("sh") else "no shell")
