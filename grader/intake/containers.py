"""Reads the members of zips and tars one after another, and never more of a header than one can need."""

import bz2
import gzip
import io
import lzma
import re
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from grader.errors import IntakeError
from grader.limits import GIB, KIB, MAX_ARCHIVE_BYTES, MAX_ARCHIVE_ENTRIES, MAX_SUBMISSION_BYTES, MIB

PIECE = 256 * KIB
ADVICE = "unpack it yourself, leave out what was not handed in, and name the folder"
MOST_TABLE = MAX_ARCHIVE_ENTRIES * 512  # bytes of a zip's table of contents
MOST_HEADER = 32 * KIB  # bytes of all headers of one member of a tar
MOST_MEMORY = 128 * MIB  # for the decompressor of a tar.xz; xz -9 needs 65 MiB
MOST_AFTER = 16 * MIB  # bytes behind the last member of a tar that are read to check its sum
BLOCK = 512  # bytes of a block of a tar
_DIGITS = re.compile(rb"\d{100}")  # in a header: readers before Python 3.11.10 take the square of that time
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA may ask for 4 GiB of memory


@dataclass(frozen=True)
class Member:
    """One entry. ``size`` in bytes and ``mtime`` in seconds are what the archive says. ``wrong`` says why it is no
    plain file or folder, if it is none."""

    name: str
    folder: bool
    wrong: str
    size: int
    mtime: Callable[[], float]
    open: Callable[[], IO[bytes] | None]


def too_many() -> IntakeError:
    """For an archive of too many entries."""
    return IntakeError(f"The archive has more than {MAX_ARCHIVE_ENTRIES:,} entries; {ADVICE}.")


def too_large() -> IntakeError:
    """For an archive of too much content."""
    return IntakeError(f"The archive holds more than {MAX_ARCHIVE_BYTES / GIB:.3g} GiB; {ADVICE}.")


def compression(head: bytes) -> Callable[[IO[bytes]], Any] | None:
    """What decompresses a tar that begins so, or nothing if it is no compressed one."""
    openers: dict[bytes, Callable[[IO[bytes]], Any]] = {
        b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
        b"BZh": bz2.BZ2File,
        b"\xfd7zXZ\x00": lambda stream: io.BufferedReader(_Xz(stream)),
    }
    return next((opener for start, opener in openers.items() if head.startswith(start)), None)


def is_tar(head: bytes) -> bool:
    """Whether these first 512 bytes are a header of a tar, old or new, by its sum."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def zip_members(stream: IO[bytes]) -> Iterator[Member]:
    """The members of a zip. Raises ``IntakeError`` if they are too many, and what ``zipfile`` raises if broken."""
    bounded: Any = _BoundedReads(stream)
    with zipfile.ZipFile(bounded) as archive:
        infos = archive.infolist()
        if len(infos) > MAX_ARCHIVE_ENTRIES:
            raise too_many()
        overlapping = _overlapping(infos)
        for info in infos:
            name = _zip_name(info)
            yield Member(
                name=name,
                folder=name.endswith(("/", "\\")),
                wrong="overlaps another member" if id(info) in overlapping else _wrong(info),
                size=info.file_size,
                mtime=lambda info=info: time.mktime((*info.date_time, 0, 0, -1)),  # type: ignore[misc]
                open=lambda info=info: archive.open(info),  # type: ignore[misc]
            )


def tar_members(stream: IO[bytes]) -> Iterator[Member]:
    """The members of a tar that is not compressed, or no longer. Raises ``tarfile.TarError`` and the like where it is
    broken or ends too early."""
    forward = _Forward(stream)
    fileobj: Any = forward
    with tarfile.open(fileobj=fileobj, mode="r:") as archive:
        before = -1
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # else all headers stay in memory
            if info.size < 0 or archive.offset <= before:
                raise tarfile.ReadError("a header of negative size")
            before = archive.offset
            forward.left = sys.maxsize  # content is counted by the one who takes it
            yield Member(
                name=_text(info.name),
                folder=info.isdir(),
                wrong="" if info.isreg() or info.isdir() else "is a link or no regular file",
                size=info.size,
                mtime=lambda info=info: float(info.mtime),  # type: ignore[misc]
                open=lambda info=info: archive.extractfile(info),  # type: ignore[misc]
            )
            forward.left = MOST_HEADER
        _require_end(forward)


def _require_end(forward: "_Forward") -> None:
    """A tar ends with a block of zeros; where there is none, or the sum behind is wrong, something is missing."""
    if forward.last != bytes(BLOCK):
        raise tarfile.ReadError("no end mark")
    forward.left = MOST_AFTER
    while forward.left >= PIECE and forward.read(PIECE):
        pass


def _wrong(info: zipfile.ZipInfo) -> str:
    kind = info.external_attr >> 28  # the type in a Unix mode
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if kind not in (0, 0o10, 0o4):
        return "is a link or no regular file"
    return "" if info.compress_type in _METHODS else "is compressed in a way that is not read"


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Archivers of macOS write UTF-8 without saying so, which is then read as the old code page."""
    name = info.orig_filename
    if info.flag_bits & 0x800:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _text(name: str) -> str:
    """A name of a tar whose bytes are no UTF-8 is read as text of Windows."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return name


def _overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Members whose bytes reach into those of the next: how a small zip unpacks to a huge one."""
    found, end = set(), None
    for info in sorted(infos, key=lambda info: info.header_offset, reverse=True):
        if end is not None and info.header_offset + 30 + info.compress_size > end:
            found.add(id(info))
        end = info.header_offset
    return found


class _BoundedReads:
    """A file of which not more than a table of contents is read at once, whatever a header asks for."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(MOST_TABLE + 1 if size < 0 else min(size, MOST_TABLE + 1))
        if len(data) > MOST_TABLE:
            raise too_many()
        return data


class _Forward:
    """A stream that is read from its start to its end, at most ``left`` bytes before somebody allows more."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._place = stream, 0
        self.left, self.last = MOST_HEADER, b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.left:
            raise tarfile.ReadError("a header of more than the allowed size")
        data = self._stream.read(size)
        self._place += len(data)
        self.left -= len(data)
        self.last = data
        if size > BLOCK and self.left < MOST_HEADER and _DIGITS.search(data):
            raise tarfile.ReadError("a header that is no text")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Skips what lies between; what was skipped is not taken from ``left``."""
        if whence != io.SEEK_SET or offset < self._place:
            raise tarfile.ReadError("a header that points back")
        if offset > MAX_ARCHIVE_BYTES + MAX_SUBMISSION_BYTES:
            raise too_large()
        while self._place < offset:
            skipped = len(self._stream.read(min(PIECE, offset - self._place)))
            if not skipped:
                raise tarfile.ReadError("unexpected end of data")
            self._place += skipped
        return self._place

    def tell(self) -> int:
        return self._place


class _Xz(io.RawIOBase):
    """Decompresses xz with a bound on memory, which ``lzma.LZMAFile`` cannot be given."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._data = stream, b""
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._decompressor.eof:
                rest = (self._decompressor.unused_data or self._stream.read(PIECE)).lstrip(b"\0")
                if not rest:
                    return 0
                self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_MEMORY)
            elif self._decompressor.needs_input:
                rest = self._stream.read(PIECE)
                if not rest:
                    raise EOFError("unexpected end of data")
            else:
                rest = b""
            data = self._decompressor.decompress(rest, max_length=len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
