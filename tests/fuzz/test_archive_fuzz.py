"""Made-up and damaged archives: only the documented errors come out, and nothing lands outside the folder."""

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import EnvironmentProblem, IntakeError
from grader.intake import archive
from grader.intake.archive import unpacked
from grader.intake.members import Places, parts_of

MANY = settings(
    max_examples=2_000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False
)
PIECES = st.sampled_from(
    [
        "..",
        ".",
        "",
        "ana",
        "ANA",
        "Zo\u00eb",
        "Zoe\u0308",
        "a\0b",
        "\n",
        "C:",
        "x" * 300,
        "~",
        "\\",
        "..\\..",
        "\ud800",
        "con",
    ]
)
NAMES = st.one_of(st.lists(PIECES, max_size=6).map("/".join), st.text(max_size=20), PIECES.map(lambda p: "/" + p))
CONTENT = st.binary(max_size=200)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, b"Z"])
MEMBERS = st.lists(st.tuples(NAMES, CONTENT, KINDS), max_size=8)
DAMAGE = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=12)


def zip_of(members: list[tuple[str, bytes, bytes]]) -> bytes:
    """A zip; names that cannot be written are made writable by their bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content, kind in members:
            info = zipfile.ZipInfo("x")
            info.filename = name.encode("utf-8", "replace").decode()[:60_000]
            if kind == tarfile.SYMTYPE:
                info.external_attr = 0o120777 << 16
            out.NameToInfo.clear()  # a name may come twice
            out.writestr(info, content)
    return buffer.getvalue()


def tar_of(members: list[tuple[str, bytes, bytes]]) -> bytes:
    """A tar, compressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as out:
        for name, content, kind in members:
            info = tarfile.TarInfo(name.replace("\0", "") or "x")
            info.type, info.linkname = kind, "/etc/passwd"
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            try:
                out.addfile(info, io.BytesIO(content))
            except (UnicodeError, struct.error, ValueError):
                continue
    return buffer.getvalue()


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
def _elsewhere(home: Path) -> object:
    """Temporary folders are made in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive.tempfile, "tempdir", str(home / "tmp"))
        yield


def take(home: Path, data: bytes) -> None:
    """Unpack these bytes; the documented errors may come, and nothing may be left."""
    path = home / "archive"
    path.write_bytes(data)
    try:
        with unpacked(path) as found:
            below = [p for p in found.base.rglob("*") if p.is_symlink() or not (p.is_file() or p.is_dir())]
            assert below == []
            for one in found.left_out:
                assert one.parts
                assert one.sentence.isprintable()
    except (IntakeError, EnvironmentProblem):
        pass  # documented
    assert sorted(p.name for p in home.iterdir()) == ["archive", "tmp"]
    assert list((home / "tmp").iterdir()) == []


@MANY
@given(members=MEMBERS, damage=DAMAGE)
def test_zips(home: Path, members: list[tuple[str, bytes, bytes]], damage: list[tuple[int, int]]) -> None:
    """Odd names, links, and changed bytes."""
    take(home, damaged(zip_of(members), damage))


@MANY
@given(members=MEMBERS, damage=DAMAGE)
def test_tars(home: Path, members: list[tuple[str, bytes, bytes]], damage: list[tuple[int, int]]) -> None:
    """The same, below the compression."""
    import gzip

    plain = gzip.decompress(tar_of(members))
    take(home, damaged(plain, damage) if damage else gzip.compress(plain, 1))


@MANY
@given(
    start=st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00", b""]),
    rest=st.binary(),
)
def test_bytes(home: Path, start: bytes, rest: bytes) -> None:
    """Anything that begins like an archive."""
    take(home, start + rest)


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
        assert all(len(part.encode("utf-8", "surrogateescape")) <= 255 for part in place)
        key = tuple(part.casefold() for part in place)
        assert key not in taken
        taken.add(key)
