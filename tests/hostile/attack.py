"""Describes one hostile submission: what it tries, what it hands in, and how the run must end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.types import TaskId, TaskStatus

# Replaced in every file's text when the class is written to disk, by what the observer watches.
CANARY_FILE = "@CANARY_FILE@"  # a file outside every job that holds the secret text; must stay unread and unchanged
CANARY_FOLDER = "@CANARY_FOLDER@"  # a world-writable folder outside every job; must stay empty
CANARY_PORT = "@CANARY_PORT@"  # a TCP port on loopback on which the observer listens; must see no connection
CANARY_SOCKET = "@CANARY_SOCKET@"  # path of a Unix socket of the host; must see no connection
ABSTRACT_SOCKET = "@ABSTRACT_SOCKET@"  # name of an abstract Unix socket of the host (without the leading zero byte)
CANARY_VARIABLE = "GRADER_TEST_SECRET"  # an environment variable of the grader that holds the secret text
SECRET = "canary-secret-5f1d"  # in the file and in the variable; must be in no page, result or console line
# How an attack tells that it got what it was after: it raises an exception whose text begins with one of these.
ESCAPED = ("TOLD", "FOUND", "REACHED", "STARTED")


@dataclass(frozen=True)
class Attack:
    """One hostile student.

    ``name``: the student's folder, and the id of the test. ``numbers``: of the kinds of attack that docs/security.md
    lists. ``tries``: what it attempts, for that table (no full stop). ``files``: text by path in the folder; ``make``:
    writes what no text can be (links, FIFOs, odd names) into the folder.

    ``folder``: the student's folder where that is no name for a test.

    The outcome: ``statuses`` its task may have (more than one where the attack races); ``says``: a sentence (or part of
    one) that the student's page must hold, or ``or_says`` in its place where it depends on how quick the machine is;
    ``held_out_at_most``: points of 30 it may get for held-out data (None: does
    not matter);
    ``held_out_at_least``: points it must get, where the attack is to cost an honest net nothing.
    ``control``: with ``--isolation process`` the same folder does harm, seen by the observer ("file" read and told,
    "variable" told, "folder" written, "port" or "socket" reached): the proof that the attack is a real one.
    """

    name: str
    numbers: tuple[int, ...]
    tries: str
    files: Mapping[str, str] = field(default_factory=dict)
    make: Callable[[Path], None] | None = None
    task: TaskId = TaskId.PENGUINS_CLASSIFICATION
    statuses: tuple[TaskStatus, ...] = (TaskStatus.MARKED,)
    says: str = ""
    or_says: str = ""
    held_out_at_most: float | None = None
    held_out_at_least: float | None = None
    control: str = ""
    folder: str = ""

    def sentences(self) -> list[str]:
        """What its page must say one of, on one line each."""
        return [" ".join(said.split()) for said in (self.says, self.or_says) if said]
