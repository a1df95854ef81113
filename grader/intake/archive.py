"""Unpacks a zip or tar of submissions into a private folder: regular files only, everything bounded, nothing silent."""

import bz2
import errno
import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from grader.errors import EnvironmentProblem, IntakeError
from grader.intake.folders import is_class, is_fork
from grader.intake.members import Places, parts_of
from grader.intake.submission import Submission
from grader.intake.text import shown
from grader.limits import GIB, KIB, MAX_ARCHIVE_BYTES, MAX_ARCHIVE_ENTRIES, MAX_SUBMISSION_BYTES, MIB

PIECE = 256 * KIB
MOST_AT_ONCE = 16 * MIB  # a reader of tar headers may ask for so many bytes, and no more
MOST_TABLE = MAX_ARCHIVE_ENTRIES * 512  # bytes of a zip's table of contents
SPARE = 64 * MIB  # of the disk, left free
OTHERS = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"}
COMPRESSED: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OverflowError)
UNREADABLE = (*DAMAGED, NotImplementedError, RuntimeError, OSError, struct.error, IndexError)
GENERATED = ("__MACOSX", ".DS_Store", "Thumbs.db")


@dataclass(frozen=True)
class LeftOut:
    """A member that was left out or renamed; ``parts`` of its place, as far as it has one."""

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


@dataclass(frozen=True)
class Member:
    """One entry. ``wrong`` says why it is no plain file or folder, if it is none."""

    name: str
    folder: bool
    wrong: str
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Whether a file is an archive by its first bytes, also one of a kind that is not read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError:
        return False
    known = (b"PK\x03\x04", b"PK\x05\x06", *COMPRESSED, *OTHERS)
    return head.startswith(known) or head[257:262] == b"ustar"


@contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    """Unpack into a temporary folder that is deleted at the end; ``folder`` is the level at which students lie.

    Raises ``IntakeError`` if the archive is damaged, of a kind that is not read, or too large to be one of submissions,
    and ``EnvironmentProblem`` if the disk is full.
    """
    base = Path(tempfile.mkdtemp(prefix="grader-unpacked-"))
    try:
        found = Unpacked(base, base / "all")
        found.folder.mkdir(mode=0o700)
        try:
            _unpack(path, found)
        except UNREADABLE as problem:
            if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise EnvironmentProblem(
                    f"The disk is full; {shown(path.name)} could not be unpacked in {base.parent}."
                ) from problem
            raise IntakeError(
                f"{shown(path.name)} is damaged or incomplete ({type(problem).__name__}); download it again, or unpack"
                " it yourself and name the folder."
            ) from problem
        while (inner := _wrapped(found.folder)) is not None:
            found.folder, found.depth = inner, found.depth + 1
        yield found
    finally:
        shutil.rmtree(base, ignore_errors=True)


def with_left_out(submissions: list[Submission], found: Unpacked) -> list[Submission]:
    """The submissions with what was left out of each among its notes; who has nothing else left is there as well."""
    notes: dict[str, list[str]] = {}
    for one in found.left_out:
        notes.setdefault(_student(one.parts, found.depth), []).append(one.sentence)
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
    if len(inside) == 1 and inside[0].is_dir() and not is_fork(inside[0]) and is_class(inside[0]):
        return inside[0]
    return None


def _unpack(path: Path, found: Unpacked) -> None:
    writer = _Writer(path, found)
    with path.open("rb") as stream:
        head = stream.read(512)
        stream.seek(0)
        kind = next((kind for start, kind in OTHERS.items() if head.startswith(start)), None)
        if kind is not None:
            raise IntakeError(f"{kind} archives are not read; unpack {shown(path.name)} yourself and name the folder.")
        if head.startswith(b"PK"):
            members = _zip_members(stream)
        else:
            opener = next((o for start, o in COMPRESSED.items() if head.startswith(start)), None)
            members = _tar_members(stream if opener is None else opener(stream))
        for number, member in enumerate(members):
            if number >= MAX_ARCHIVE_ENTRIES:
                raise IntakeError(
                    f"{shown(path.name)} has more than {MAX_ARCHIVE_ENTRIES:,} entries; unpack it yourself, leave out"
                    " what was not handed in, and name the folder."
                )
            writer.take(member)


def _zip_members(stream: IO[bytes]) -> Iterator[Member]:
    if _table_size(stream) > MOST_TABLE:
        raise IntakeError(f"The archive has more than {MAX_ARCHIVE_ENTRIES:,} entries; unpack it yourself.")
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            wrong = ""
            if info.flag_bits & 0x1:
                wrong = "is encrypted"
            elif kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                wrong = "is a link or no regular file"
            yield Member(info.orig_filename, info.is_dir(), wrong, lambda info=info: archive.open(info))  # type: ignore[misc]


def _table_size(stream: IO[bytes]) -> int:
    """Bytes of a zip's table of contents, which is read at once; source: APPNOTE.TXT 4.3.14 and 4.3.16."""
    end = stream.seek(0, 2)
    stream.seek(max(0, end - 65_557 - 20))
    tail = stream.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile("no end record")
    size = int(struct.unpack_from("<I", tail, place + 12)[0])
    locator = tail[max(0, place - 20) : place]
    if locator.startswith(b"PK\x06\x07"):
        stream.seek(min(struct.unpack_from("<Q", locator, 8)[0], end))
        record = stream.read(56)
        size = max(size, int(struct.unpack_from("<Q", record, 40)[0])) if len(record) == 56 else MOST_TABLE + 1
    stream.seek(0)
    return min(size, end)


def _tar_members(stream: IO[bytes]) -> Iterator[Member]:
    bounded: Any = _Bounded(stream)
    with stream, tarfile.open(fileobj=bounded, mode="r:") as archive:
        for info in archive:
            wrong = "" if info.isreg() or info.isdir() else "is a link or no regular file"
            yield Member(info.name, info.isdir(), wrong, lambda info=info: archive.extractfile(info))  # type: ignore[misc]


class _Bounded:
    """A stream of which nobody can read or skip more than is allowed, whatever headers say."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_AT_ONCE:
            raise tarfile.ReadError("a header of more than the allowed size")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > MAX_ARCHIVE_BYTES + GIB:
            raise IntakeError(f"The archive holds more than {MAX_ARCHIVE_BYTES // GIB} GiB; unpack it yourself.")
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


class _Writer:
    """Writes members below a folder, counting what is written and not what the archive says of itself."""

    def __init__(self, archive: Path, found: Unpacked) -> None:
        self._archive, self._found, self._top = archive, found, found.folder
        self._places, self._written = Places(), 0
        self._most = max(0, min(MAX_ARCHIVE_BYTES, shutil.disk_usage(found.folder).free - SPARE))

    def take(self, member: Member) -> None:
        name = shown(member.name)
        try:
            parts = parts_of(member.name)
        except ValueError as reason:
            parts = tuple(p for p in name.replace("\\", "/").split("/") if p not in ("", ".", "..")) or (name or "?",)
            self._leave_out(parts, f"{name[:200]!r} {reason} and was left out.")
            return
        if any(part in GENERATED for part in parts):
            return
        if member.wrong:
            self._leave_out(parts, f"{name[:200]!r} {member.wrong} and was left out.")
        elif member.folder:
            self._made(self._places.folder(parts))
        else:
            self._file(member, parts)

    def _file(self, member: Member, parts: tuple[str, ...]) -> None:
        place = self._places.file(parts)
        target = self._made(place[:-1]) / place[-1]
        problem = self._copy(member, target)
        name = shown(member.name)[:200]
        if problem:
            target.unlink(missing_ok=True)
            self._leave_out(place, f"{name!r} {problem} and was left out.")
        elif place != parts:
            renamed = shown("/".join(place))[:200]
            self._leave_out(place, f"{name!r} was kept as {renamed!r}: another has the same name, or nearly.")

    def _copy(self, member: Member, target: Path) -> str:
        """Why it could not be copied, or nothing."""
        size = 0
        try:
            source = member.open()
            if source is None:
                return "cannot be read"
            with source, target.open("xb") as out:
                target.chmod(0o600)
                while piece := source.read(PIECE):
                    size += len(piece)
                    if size > MAX_SUBMISSION_BYTES:
                        return f"has more than {MAX_SUBMISSION_BYTES // MIB} MiB"
                    self._count(len(piece))
                    out.write(piece)
        except (*DAMAGED, NotImplementedError, RuntimeError, struct.error) as problem:
            return f"is damaged or compressed in a way that is not read ({type(problem).__name__})"
        return ""

    def _count(self, size: int) -> None:
        self._written += size
        if self._written <= self._most:
            return
        name = shown(self._archive.name)
        if self._most < MAX_ARCHIVE_BYTES:
            raise EnvironmentProblem(f"There is not enough room in {self._top.parent.parent} to unpack {name}.")
        raise IntakeError(
            f"{name} holds more than {MAX_ARCHIVE_BYTES // GIB} GiB; unpack it yourself, leave out what was not handed"
            " in, and name the folder."
        )

    def _made(self, place: tuple[str, ...]) -> Path:
        folder = self._top
        for part in place:
            folder /= part
            folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _leave_out(self, parts: tuple[str, ...], sentence: str) -> None:
        self._found.left_out.append(LeftOut(parts, sentence))
