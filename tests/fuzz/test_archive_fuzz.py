"""Made-up and damaged archives: only the documented errors come out, nothing lands outside, nothing is lost."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import EnvironmentProblem, IntakeError
from grader.intake import archive
from grader.intake.archive import LeftOut, unpacked
from grader.intake.members import Places, parts_of

MANY = settings.get_profile("fuzz files")
ODD_PARTS = ["..", ".", "", "ana", "ANA", "Zo\u00eb", "Zoe\u0308", "a\0b", "\n", "C:", "x" * 300, "x" * 255, "~", "\\"]
ODD_PARTS += ["..\\..", "\ud800", "con", "ana (2)", "ana.", "x.zip", "\u202e", "\x9b", "__MACOSX", "\u2028"]
PIECES = st.sampled_from(ODD_PARTS)
NAMES = st.one_of(st.lists(PIECES, max_size=6).map("/".join), st.text(max_size=20), PIECES.map(lambda p: "/" + p))
CONTENT = st.binary(max_size=200)
TYPES = [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"Z"]
TYPES += [tarfile.AREGTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
TYPES += [tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE, tarfile.SOLARIS_XHDTYPE]
LINK = 0o120777 << 16  # the kind of a zip's member
Members = list[tuple[str, bytes, bool]]
MEMBERS = st.lists(st.tuples(NAMES, CONTENT, st.booleans()), max_size=8)
DAMAGE = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=12)
SIZES = st.one_of(
    st.sampled_from([b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-1\0", b"00000001000\0", b"x"]),
    st.integers(0, 1_500).map(lambda size: b"%011o\0" % size),
    st.binary(max_size=12),
)
KEYS = ["path", "size", "linkpath", "mtime", "GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.map", "hdrcharset"]
KEYS += ["GNU.sparse.size", "GNU.sparse.realsize", "GNU.sparse.numblocks", "GNU.sparse.name", "GNU.sparse.offset"]
VALUES = st.sampled_from(["0", "1", "-1", "-1024", "9" * 30, "1e300", "nan", "BINARY", "../x", "0,1,0,-5", "1,1", "x"])
RECORDS = st.dictionaries(st.sampled_from(KEYS), VALUES | st.text(max_size=8), max_size=4)
BODIES = st.one_of(CONTENT, RECORDS.map(lambda found: b"".join(record(*item) for item in found.items())))
HEADERS = st.lists(st.tuples(NAMES, st.sampled_from(TYPES), SIZES | st.none(), BODIES), max_size=6)


def record(key: str, value: str) -> bytes:
    """A line of a tar's extended header; its length counts itself."""
    text = f" {key}={value}\n".encode("utf-8", "replace")
    size = len(text) + 1
    size += len(str(size)) - 1
    return str(size + (len(str(size)) + len(text) != size)).encode() + text


def zip_of(members: Members) -> bytes:
    """A zip of names and contents, some of them links; names that cannot be written are made writable."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content, link in members:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name.encode("utf-8", "replace").decode()
            info.external_attr = LINK if link else 0
            out.NameToInfo.clear()  # a name may come twice
            out.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tar_of(members: Members) -> bytes:
    """A tar of the same."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name, content, link in members:
            info = tarfile.TarInfo(name.encode("utf-8", "replace").decode())
            info.type, info.linkname = (tarfile.SYMTYPE, "/etc/passwd") if link else (tarfile.REGTYPE, "")
            info.size = 0 if link else len(content)
            out.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def header(name: str, kind: bytes, size: bytes) -> bytes:
    """One header of a tar with these bytes in its fields, and a right sum."""
    fields = name.encode("utf-8", "replace")[:100].ljust(100, b"\0") + b"0000777\0" * 3
    fields += size[:12].ljust(12, b"\0") + b"00000000000\0" + b" " * 8 + kind + b"/etc/passwd".ljust(100, b"\0")
    fields = (fields + b"ustar\x0000").ljust(512, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def damaged(data: bytes, places: list[tuple[int, int]]) -> bytes:
    """The same with some bytes changed."""
    changed = bytearray(data)
    for place, value in places:
        if changed:
            changed[place % len(changed)] = value
    return bytes(changed)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the archive and a folder for temporary files, and must hold nothing else."""
    home = tmp_path_factory.mktemp("archives")
    (home / "tmp").mkdir()
    return home


@pytest.fixture(autouse=True, scope="module")
def _elsewhere(home: Path) -> Iterator[None]:
    """Temporary folders are made in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive.tempfile, "tempdir", str(home / "tmp"))
        yield


def take(home: Path, data: bytes) -> tuple[list[bytes], list[LeftOut]] | None:
    """Unpack these bytes: contents and notes. The documented errors may come, and nothing may be left."""
    (home / "archive").write_bytes(data)
    contents, notes = [], None
    try:
        with unpacked(home / "archive") as found:
            for folder, folders, files in os.walk(found.base):
                for name in folders:
                    assert not os.path.islink(os.path.join(folder, name))
                for path in (Path(folder, name) for name in files):
                    assert path.is_file()
                    assert not path.is_symlink()
                    contents.append(path.read_bytes())
            notes = found.left_out
            for one in notes:
                assert one.parts
                assert all(one.parts)
                assert one.sentence.isprintable()
    except (IntakeError, EnvironmentProblem):
        pass  # documented
    assert sorted(os.listdir(home)) == ["archive", "tmp"]
    assert os.listdir(home / "tmp") == []
    return None if notes is None else (contents, notes)


@MANY
@given(members=MEMBERS, damage=DAMAGE)
def test_damaged_zips(home: Path, members: Members, damage: list[tuple[int, int]]) -> None:
    """Odd names, links, and changed bytes."""
    take(home, damaged(zip_of(members), damage))


@MANY
@given(members=HEADERS, damage=DAMAGE, end=st.booleans())
def test_tars_of_any_headers(
    home: Path, members: list[tuple[str, bytes, bytes | None, bytes]], damage: list[tuple[int, int]], *, end: bool
) -> None:
    """Every kind of member with sizes and extended headers that lie, under right sums."""
    data = b""
    for name, kind, size, body in members:
        data += header(name, kind, b"%011o\0" % len(body) if size is None else size) + body + bytes(-len(body) % 512)
    data += bytes(1024 * end)
    take(home, gzip.compress(data, 1) if len(damage) == 1 else damaged(data, damage[1:]))


@MANY
@given(
    start=st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00", b""]),
    rest=st.binary(),
)
def test_bytes(home: Path, start: bytes, rest: bytes) -> None:
    """Anything that begins like an archive."""
    take(home, start + rest)


@MANY
@given(members=MEMBERS, kind=st.sampled_from([zip_of, tar_of]))
def test_every_member_is_there_or_named(home: Path, members: Members, kind: object) -> None:
    """The content of each file comes out once, or a sentence says why not; links never come out."""
    assert callable(kind)
    numbered = [(name, struct.pack("<I", n) + content, link) for n, (name, content, link) in enumerate(members)]
    try:
        data = kind(numbered)
    except (UnicodeError, ValueError, struct.error):
        return  # the writer refuses such a name
    found = take(home, data)
    if not members or found is None:
        assert not members or not data.startswith(b"PK")
        return
    contents, notes = found
    sent = [content for name, content, _ in numbered if not (kind is zip_of and name.endswith(("/", "\\")))]
    left_out = [one for one in notes if one.sentence.endswith("was left out.")]
    silent = sum(any(word in name for word in archive.GENERATED) for name, _, _ in members)
    assert len(set(contents)) == len(contents)
    assert set(contents) <= {content for _, content, link in numbered if not link}
    assert len(contents) + len(left_out) + silent >= len(sent)


@MANY
@given(names=st.lists(NAMES, max_size=12))
def test_places_never_collide_and_never_lead_out(names: list[str]) -> None:
    """However the names are chosen."""
    places, taken = Places(), set()
    for name in names:
        try:
            parts = parts_of(name)
        except ValueError:
            continue
        place = places.file(parts)
        assert not {"..", ".", ""} & set(place)
        assert not any("/" in part or "\\" in part or "\0" in part for part in place)
        assert all(len(part.encode("utf-8")) <= 255 for part in place)
        key = tuple(part.casefold() for part in place)
        assert key not in taken
        taken.add(key)
