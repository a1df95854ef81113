"""Lays out the folders of one job: the student's files, the training world, the probe, settings and sockets."""

import json
import os
import secrets
import shutil
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from grader.errors import EnvironmentProblem
from grader.execute.sparing import FULL, Sparing
from grader.intake.submission import TaskFile
from grader.limits import MAX_SUBMISSION_BYTES, MAX_SUBMISSION_FILES, MIB
from grader.sandbox.protocol import JobLayout, Sandbox
from grader.sandbox.reaper import reaper
from grader.sandbox.removal import remove_tree

MAX_BASE = 70  # bytes of the base folder's path: a Unix socket's whole path may have 107 (103 on macOS)
PROBE_SOURCE = Path(__file__).resolve().parent.parent / "probe"
_NOTED: dict[Path, int] = {}  # folders to be deleted if this process dies
LIBRARIES = {"torch", "torchvision", "numpy", "pandas", "matplotlib", "sklearn", "palmerpenguins", "IPython"}
CHANNELS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


def make() -> JobLayout:
    """A private folder with a short name, and the folders of the job in it. Raises ``EnvironmentProblem``."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  mkdtemp makes a private folder in it
        if len(os.fsencode(parent)) <= MAX_BASE - 12 and Path(parent).is_dir():
            break
    else:
        raise EnvironmentProblem(f"The temporary folder's path is too long ({parent}); set TMPDIR to a shorter one.")
    try:
        layout = JobLayout(Path(tempfile.mkdtemp(prefix="g", dir=parent)).resolve())
        _NOTED[layout.base] = reaper().note(folder=layout.base)
        for folder in (layout.work, layout.out, layout.run, layout.world, layout.heldout):
            folder.mkdir()
    except OSError as problem:
        raise EnvironmentProblem(f"No temporary folder could be made in {parent}: {problem.strerror}.") from problem
    return layout


def remove(layout: JobLayout) -> None:
    """Delete the job's folders, whatever the student's code made of them; links are not followed."""
    remove_tree(layout.base)
    if layout.base in _NOTED:
        reaper().done(_NOTED.pop(layout.base))


def copy_probe(layout: JobLayout) -> Path:
    """Copy the probe as the package ``grader_probe``; its folder. Raises ``EnvironmentProblem``."""
    target = layout.base / "probe" / "grader_probe"
    try:
        shutil.copytree(PROBE_SOURCE, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    except (OSError, shutil.Error) as problem:
        raise EnvironmentProblem(f"No run could be set up in {layout.base.parent}: is its disk full?") from problem
    return target


def copy_submission(file: TaskFile, layout: JobLayout) -> list[str]:
    """Copy the file and its companions into ``work``, regular files only; sentences about what was left out."""
    notes: list[str] = []
    size = 0
    wanted = dict.fromkeys([file.path, *file.companions])
    for number, source in enumerate(wanted):
        if number >= MAX_SUBMISSION_FILES:
            notes.append(f"Only the first {MAX_SUBMISSION_FILES} files of the submission were copied.")
            break
        target = layout.work / place(file, source)
        copied = _copy_regular(source, target, most=MAX_SUBMISSION_BYTES - size, root=file.root)
        if copied is None:
            notes.append(
                f"{source.name[:100]} was not copied: it is a link, no regular file, or the submission is"
                f" larger than {MAX_SUBMISSION_BYTES // MIB} MiB."
            )
        else:
            size += copied
    return notes[:8]


def shadowing(file: TaskFile) -> list[str]:
    """A sentence for each module beside the code that has the name of a library, which the code may import."""
    folders = {file.path.parent, *file.import_roots}
    found = {
        path.name if path.parent in folders else path.parent.name
        for path in file.companions
        if (path.parent in folders and path.suffix == ".py" and path.stem in LIBRARIES | sys.stdlib_module_names)
        or (path.parent.parent in folders and path.name == "__init__.py" and path.parent.name in LIBRARIES)
    }
    return [
        f"{name} has the name of a library, which Python may load it for on your own machine. Give it another name."
        for name in sorted(found)
    ][:4]


def place(file: TaskFile, path: Path) -> Path:
    """Where a path of the submission lies relative to ``work``; files outside ``root`` go to the top."""
    try:
        relative = path.relative_to(file.root)
    except ValueError:
        return Path(path.name)
    return Path(path.name) if ".." in relative.parts else relative


def _copy_regular(source: Path, target: Path, *, most: int, root: Path) -> int | None:
    """Bytes copied, or None if the source may not or cannot be copied."""
    if any(p.is_symlink() for p in source.parents if p != root and p.is_relative_to(root)):
        return None
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if source.is_symlink():
            return None
        with os.fdopen(os.open(source, flags), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > most:
                return None
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                shutil.copyfileobj(stream, out)
            return status.st_size
    except OSError:
        return None


def copy_world(source: Path, target: Path) -> None:
    """Copy a world's content. Raises ``EnvironmentProblem``."""
    try:
        shutil.copytree(source, target, dirs_exist_ok=True)
    except (OSError, shutil.Error) as problem:
        raise EnvironmentProblem(f"The data in {source} could not be copied for a run: {problem}.") from problem


def write_settings(
    file: TaskFile, layout: JobLayout, sandbox: Sandbox, *, device: str, seed: int, sparing: Sparing = FULL
) -> Path:
    """Write ``run/settings.json`` for the probe, with all paths as seen from inside."""

    def seen(path: Path) -> str:
        return str(sandbox.inside(layout, path))

    settings = {
        "task": str(file.task),
        "seed": seed,
        "device": device,
        "work": seen(layout.work),
        "world": seen(layout.world),
        "heldout": seen(layout.heldout),
        "out": seen(layout.out),
        "cwd": seen(working_folder(file, layout)),
        "file": seen(working_folder(file, layout) / file.path.name),
        "import_roots": [seen(layout.work / place(file, root)) for root in file.import_roots],
        "threads": 1,
        "kind": file.kind,
        "sparing": sparing.document(),
    }
    path = layout.run / "settings.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def working_folder(file: TaskFile, layout: JobLayout) -> Path:
    """The folder that the file has inside ``work``."""
    folder = (layout.work / place(file, file.path)).parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_connection(layout: JobLayout, sandbox: Sandbox) -> tuple[Path, dict[str, Any]]:
    """Write the kernel's connection file; also the same connection as seen from outside.

    Unix sockets in ``run``; TCP on the loopback interface where the system has none (never for an isolated backend).
    """
    info: dict[str, Any] = {"key": secrets.token_hex(16), "signature_scheme": "hmac-sha256", "kernel_name": ""}
    if hasattr(socket, "AF_UNIX") and os.name == "posix":
        info |= {"transport": "ipc", **{name: number for number, name in enumerate(CHANNELS, start=1)}}
        within, without = str(sandbox.inside(layout, layout.run / "k")), str(layout.run / "k")
    else:
        info |= {"transport": "tcp", **dict(zip(CHANNELS, _free_ports(), strict=True))}
        within = without = "127.0.0.1"
    path = layout.run / "connection.json"
    path.write_text(json.dumps(info | {"ip": within}), encoding="utf-8")
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return path, info | {"ip": without}


def _free_ports() -> list[int]:
    sockets = [socket.socket() for _ in CHANNELS]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
