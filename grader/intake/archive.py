"""Unpacks a zip or tar of submissions into a private folder: regular files only, everything bounded, nothing silent."""

import errno
import itertools
import lzma
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from grader.errors import EnvironmentProblem, IntakeError
from grader.intake.containers import PIECE, Member, compression, is_tar, tar_members, too_large, too_many, zip_members
from grader.intake.folders import is_of_students, read_path
from grader.intake.members import Places, parts_of
from grader.intake.submission import Submission
from grader.intake.text import shown
from grader.limits import MAX_ARCHIVE_BYTES, MAX_ARCHIVE_ENTRIES, MAX_SUBMISSION_BYTES, MIB
from grader.types import TaskId

SPARE = 64 * MIB  # of the disk, left free
MOST_NOTES = 20  # about the members of one student
MOST_SHOWN = 200  # characters of a member's name
OTHERS = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"}
ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
INNER = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
FULL = (errno.ENOSPC, errno.EDQUOT)
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OverflowError),
    *(NotImplementedError, RuntimeError, struct.error, IndexError, OSError),
)
GENERATED = ("__MACOSX", ".DS_Store", "Thumbs.db")


@dataclass(frozen=True)
class LeftOut:
    """A member that was left out, renamed or left packed; ``parts`` of its place, as far as it has one."""

    parts: tuple[str, ...]
    sentence: str


@dataclass
class Unpacked:
    """``base`` is the temporary folder. ``folder`` holds the submissions, ``depth`` folders below the archive's top;
    ``left_out`` says what of the archive is not there, or under another name."""

    base: Path
    folder: Path
    depth: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


def is_archive(path: Path) -> bool:
    """Whether a file is an archive by its first bytes, also one of a kind that is not read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError:
        return False
    return head.startswith((*ZIPS, *OTHERS)) or compression(head) is not None or is_tar(head)


@contextmanager
def unpacked(path: Path, *, made: Callable[[Path], object] = str) -> Iterator[Unpacked]:
    """Unpack into a temporary folder that is deleted at the end; ``folder`` is the level at which students lie.

    ``made`` is called with the folder before anything is in it, so that it can be deleted if this process is killed.
    Raises ``IntakeError`` if the archive is damaged, of a kind that is not read, or too large to be one of submissions,
    and ``EnvironmentProblem`` if there is no room for it.
    """
    try:
        base = Path(tempfile.mkdtemp(prefix="grader-unpacked-"))
    except OSError as problem:
        raise EnvironmentProblem(f"No temporary folder can be made ({problem.strerror}); set TMPDIR.") from problem
    try:
        made(base)
        found = Unpacked(base, base / "all")
        try:
            found.folder.mkdir(mode=0o700)
            _unpack(path, found)
        except DAMAGED as problem:
            raise _explained(problem, path, base) from problem
        while (inner := _wrapped(found.folder)) is not None:
            found.folder, found.depth = inner, found.depth + 1
        yield found
    finally:
        shutil.rmtree(base, ignore_errors=True)


def read_unpacked(found: Unpacked, archive: Path, *, task: TaskId | None = None) -> list[Submission]:
    """All submissions of an archive, with what was left out of each among its notes; also of those who have nothing
    else. Raises as ``read_path`` does."""
    name = shown(archive.name)
    try:
        submissions = read_path(found.folder, task=task, student=name.partition(".")[0] or name, many=True)
    except IntakeError as problem:
        if not found.left_out:
            raise IntakeError(str(problem).replace(str(found.folder), name)) from problem
        submissions = []
    return with_left_out(submissions, found)


def with_left_out(submissions: list[Submission], found: Unpacked) -> list[Submission]:
    """The submissions with what was left out of each among its notes; who has nothing else left is there as well."""
    notes: dict[str, list[str]] = {}
    for one in found.left_out:
        notes.setdefault(_student(one.parts, found.depth), []).append(one.sentence)
    for said in notes.values():
        more = len(said) - MOST_NOTES
        said[MOST_NOTES:] = [f"{more:,} more members of the archive were left out or renamed."] if more > 0 else []
    known = {submission.student for submission in submissions}
    everyone = [replace(s, notes=(*s.notes, *notes.get(s.student, ()))) for s in submissions]
    everyone += [Submission(name, (), (), tuple(said)) for name, said in notes.items() if name not in known]
    return sorted(everyone, key=lambda submission: submission.student)


def _student(parts: tuple[str, ...], depth: int) -> str:
    """Whose it is: the name of the folder, or of a file that lies among the folders."""
    if depth < len(parts) - 1:
        return shown(parts[depth])
    return shown(Path(parts[-1]).stem or parts[-1])


def _wrapped(folder: Path) -> Path | None:
    """The only folder inside, if that is one of students."""
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir() and is_of_students(inside[0]):
        return inside[0]
    return None


def _explained(problem: Exception, path: Path, base: Path) -> Exception:
    name = shown(path.name)
    if isinstance(problem, OSError) and problem.errno in FULL:
        return _no_room(name, base.parent)
    if isinstance(problem, OSError) and problem.strerror:
        return IntakeError(f"{name} cannot be unpacked ({problem.strerror}); unpack it yourself and name the folder.")
    return IntakeError(
        f"{name} is damaged or incomplete ({type(problem).__name__}); download it again, or unpack it yourself and name"
        " the folder."
    )


def _no_room(name: str, folder: Path) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"There is not enough room in {folder} to unpack {name}; free some, or set TMPDIR to a folder with more."
    )


def _unpack(path: Path, found: Unpacked) -> None:
    writer = _Writer(path, found)
    with path.open("rb") as stream:
        for number, member in enumerate(_members(stream, shown(path.name))):
            if number >= MAX_ARCHIVE_ENTRIES:
                raise too_many()
            writer.take(member)
    writer.finish()


def _members(stream: IO[bytes], name: str) -> Iterator[Member]:
    head = stream.read(512)
    stream.seek(0)
    kind = next((kind for start, kind in OTHERS.items() if head.startswith(start)), None)
    if kind is not None:
        raise IntakeError(f"{kind} archives are not read; unpack {name} yourself and name the folder.")
    if head.startswith(b"PK"):
        return zip_members(stream)
    decompressed = compression(head)
    return tar_members(stream if decompressed is None else decompressed(stream))


class _Writer:
    """Writes members below a folder, counting what is written and not what the archive says of itself."""

    def __init__(self, archive: Path, found: Unpacked) -> None:
        self._archive, self._found, self._top = archive, found, found.folder
        self._places, self._written = Places(), 0
        self._made: set[tuple[str, ...]] = {()}
        self._most = max(0, min(MAX_ARCHIVE_BYTES, shutil.disk_usage(found.folder).free - SPARE))

    def take(self, member: Member) -> None:
        name = shown(member.name)
        try:
            parts = parts_of(member.name)
        except ValueError as reason:
            parts = tuple(p for p in name.replace("\\", "/").split("/") if p not in ("", ".", ".."))
            clean = tuple("".join(c if c.isprintable() else "?" for c in part) for part in parts)
            self._note(clean or ("?",), member, f"{reason} and was left out.")
            return
        if any(part in GENERATED for part in parts):
            return
        if member.wrong:
            self._note(parts, member, f"{member.wrong} and was left out.")
        elif member.folder:
            problem = self._make(self._places.folder(parts))
            if problem:
                self._note(parts, member, problem)
        else:
            self._file(member, parts)

    def finish(self) -> None:
        """Say which folders have another name, once each, and put every sentence to the folder as it is called now."""
        folders = self._places.folders
        notes = [LeftOut(self._now(one.parts), one.sentence) for one in self._found.left_out]
        notes += [
            LeftOut((*place, place[-1]), _kept("/".join(name), place))
            for name, place in folders.items()
            if name and name[-1] != place[-1]
        ]
        self._found.left_out[:] = notes

    def _now(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Where the folder of a member is, as far as it is there."""
        folders = self._places.folders
        known = next(n for n in range(len(parts) - 1, -1, -1) if parts[:n] in folders)
        return (*folders[parts[:known]], *parts[known:])

    def _file(self, member: Member, parts: tuple[str, ...]) -> None:
        if member.size > MAX_SUBMISSION_BYTES:
            self._note(parts, member, _TOO_LARGE.format(MAX_SUBMISSION_BYTES / MIB))
            return
        place = self._places.file(parts)
        problem = self._make(place[:-1]) or self._copy(member, self._top.joinpath(*place))
        if problem:
            self._note(parts, member, problem)
            return
        if place[-1] != parts[-1]:
            self._found.left_out.append(LeftOut(parts, _kept(member.name, place)))
        if parts[-1].lower().endswith(INNER):
            self._note(parts, member, "is an archive inside the archive, which is not unpacked; hand in what it holds.")

    def _copy(self, member: Member, target: Path) -> str:
        """Why it could not be copied, or nothing."""
        try:
            source = member.open()
            if source is None:
                return "cannot be read and was left out."
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with source, os.fdopen(handle, "wb") as out:
                complete = self._copied(source, out)
            if complete:
                _set_time(target, member)
                return ""
            problem = _TOO_LARGE.format(MAX_SUBMISSION_BYTES / MIB)
        except DAMAGED as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            problem = f"is damaged or cannot be written here ({type(error).__name__}) and was left out."
        target.unlink(missing_ok=True)
        return problem

    def _copied(self, source: IO[bytes], out: IO[bytes]) -> bool:
        """Whether all of it was copied; not if it is larger than one member may be."""
        size = 0
        while piece := source.read(PIECE):
            size += len(piece)
            if size > MAX_SUBMISSION_BYTES:
                return False
            self._written += len(piece)
            if self._written > MAX_ARCHIVE_BYTES:
                raise too_large()
            if self._written > self._most:
                raise _no_room(shown(self._archive.name), self._found.base.parent)
            out.write(piece)
        return True

    def _make(self, place: tuple[str, ...]) -> str:
        """Make a folder and those above it, each once; why one could not be made, or nothing."""
        for above in itertools.accumulate(((part,) for part in place), initial=()):
            if above in self._made:
                continue
            try:
                self._top.joinpath(*above).mkdir(mode=0o700)
            except OSError as error:
                if error.errno in FULL:
                    raise
                return f"cannot be written here ({error.strerror}) and was left out."
            self._made.add(above)
        return ""

    def _note(self, parts: tuple[str, ...], member: Member, said: str) -> None:
        self._found.left_out.append(LeftOut(parts, f"{shown(member.name)[:MOST_SHOWN]!r} {said}"))


_TOO_LARGE = "has more than {:.3g} MiB and was left out."


def _kept(name: str, place: tuple[str, ...]) -> str:
    new = shown("/".join(place))[:MOST_SHOWN]
    return f"{shown(name)[:MOST_SHOWN]!r} was kept as {new!r}: another has the same name, or nearly."


def _set_time(target: Path, member: Member) -> None:
    """The time the archive gives, since the newest of several files is the one that is marked."""
    try:
        when = min(max(member.mtime(), 0.0), 2.0**32)
        os.utime(target, (when, when))
    except (ValueError, OverflowError, OSError):
        pass  # it has no time that a file can have, and keeps that of now
