"""Archives of submissions: what may be in them, and what must not come out of them."""

import errno
import io
import json
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from intake_examples import TRAINING, notebook

from grader import intake
from grader.errors import EnvironmentProblem, IntakeError
from grader.intake import archive, containers
from grader.intake.archive import is_archive, read_unpacked, unpacked, with_left_out
from grader.intake.members import Places, parts_of

NAME = "01_penguin_classification.ipynb"
NOTEBOOK = json.dumps(notebook(TRAINING))
Pack = Callable[[Path, Mapping[str, bytes]], Path]


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    """A zip of these members, names as they are."""
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            out.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED)
    return path.with_suffix(".zip")


def tarred(path: Path, members: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    """A tar of these members."""
    target = path.with_suffix(".tar.gz")
    with tarfile.open(target, mode) as out:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return target


def content(folder: Path) -> dict[str, bytes]:
    """Every regular file below, by its relative path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is left behind can be seen."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(archive.tempfile, "tempdir", str(tmp_path / "tmp"))


@pytest.fixture(params=[zipped, tarred], ids=["zip", "tar"])
def pack(request: pytest.FixtureRequest) -> Pack:
    """Both kinds."""
    made: Pack = request.param
    return made


def test_a_class_comes_out_as_it_went_in(tmp_path: Path, pack: Pack) -> None:
    """With or without a wrapping folder; private; and nothing is left afterwards."""
    members = {f"{name}/{NAME}": NOTEBOOK.encode() for name in ("ana", "ben")} | {"ana/data/x.csv": b"1\n"}
    for prefix in ("", "class/"):
        path = pack(tmp_path / f"a{len(prefix)}", {prefix + name: data for name, data in members.items()})
        assert is_archive(path)
        with unpacked(path) as found:
            assert content(found.folder) == members
            assert found.left_out == []
            modes = {stat.S_IMODE(p.stat().st_mode) for p in found.folder.rglob("*")}
            assert modes == {0o600, 0o700}
            assert [s.student for s in intake.read_path(found.folder, many=True)] == ["ana", "ben"]
        assert not found.base.exists()


@pytest.mark.parametrize("mode", ["w", "w:bz2", "w:xz"])
def test_other_compressions_of_tar_are_read(tmp_path: Path, mode: str) -> None:
    """And plain ones."""
    path = tarred(tmp_path / "a", {"ana/x.py": b"x = 1"}, mode)
    assert is_archive(path)
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x = 1"}


def test_loose_notebooks_are_one_student_each(tmp_path: Path, pack: Pack) -> None:
    """As a download of single files has it."""
    path = pack(tmp_path / "a", {f"{n}_{NAME}": NOTEBOOK.encode() for n in ("ana", "ben")})
    with unpacked(path) as found:
        assert len(intake.read_path(found.folder, many=True)) == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.py", "leads out"),
        ("ana/../../evil.py", "leads out"),
        ("ana\\..\\..\\evil.py", "leads out"),
        ("/tmp/evil.py", "absolute"),
        ("\\\\server\\share\\evil.py", "absolute"),
        ("C:\\evil.py", "absolute"),
        ("C:evil.py", "absolute"),
        ("ana/ev\nil.py", "control characters"),
        ("ana/" + "x" * 256, "too long"),
        ("/".join(["deep"] * 30), "too deep"),
    ],
)
def test_names_that_lead_elsewhere_are_left_out_with_a_note(tmp_path: Path, pack: Pack, name: str, why: str) -> None:
    """The rest of the archive is there; the bytes of the archive do hold the name."""
    path = pack(tmp_path / "a", {"ana/good.py": b"x = 1", name: b"evil"})
    before = set(tmp_path.rglob("*"))
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/good.py": b"x = 1"}
        (one,) = found.left_out
        assert why in one.sentence
        assert "\n" not in one.sentence
        assert b"evil" not in b"".join(content(found.base).values())
    assert set(tmp_path.rglob("*")) == before


def test_links_devices_and_pipes_are_left_out(tmp_path: Path) -> None:
    """A link out of the folder, a file through a link, a device, a FIFO, a hard link."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as out:
        for kind, name, target in (
            (tarfile.SYMTYPE, "ana/out", "/etc"),
            (tarfile.LNKTYPE, "ana/hard", "/etc/passwd"),
            (tarfile.CHRTYPE, "ana/device", ""),
            (tarfile.FIFOTYPE, "ana/pipe", ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            out.addfile(info)
        info = tarfile.TarInfo("ana/out/through.py")
        info.size = 1
        out.addfile(info, io.BytesIO(b"x"))
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/out/through.py": b"x"}
        assert (found.folder / "ana" / "out").is_dir()
        assert not (found.folder / "ana" / "out").is_symlink()
        assert len(found.left_out) == 4
    assert not Path("/etc/through.py").exists()


def test_a_link_in_a_zip_is_left_out(tmp_path: Path) -> None:
    """Its kind stands in the attributes."""
    info = zipfile.ZipInfo("ana/out")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr(info, "/etc/passwd")
    with unpacked(tmp_path / "a.zip") as found:
        assert content(found.folder) == {}
        (submission,) = with_left_out([], found)
        assert submission.student == "ana"
        assert "is a link" in submission.notes[0]


def test_names_that_differ_only_by_case_or_unicode_form_are_both_kept(tmp_path: Path, pack: Pack) -> None:
    """As are folders of two students; the note is the student's."""
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    path = pack(
        tmp_path / "a",
        {"ana/x.py": b"1", "ANA/x.py": b"2", "ana/X.py": b"3", f"{composed}/x.py": b"4", f"{decomposed}/x.py": b"5"},
    )
    with unpacked(path) as found:
        assert sorted(content(found.folder).values()) == [b"1", b"2", b"3", b"4", b"5"]
        assert content(found.folder)["ANA (2)/x.py"] == b"2"
        assert content(found.folder)["ana/X (2).py"] == b"3"
        assert len({name.casefold() for name in content(found.folder)}) == 5
        notes = {s.student: s.notes for s in with_left_out([], found)}
    assert notes["ANA (2)"] == ("'ANA' was kept as 'ANA (2)': another has the same name, or nearly.",)
    assert "'ana/X.py' was kept as 'ana/X (2).py'" in notes["ana"][0]


def test_a_name_that_comes_twice_and_a_file_where_a_folder_is(tmp_path: Path) -> None:
    """Nothing overwrites anything."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("ana/x.py", "first")
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("ana/x.py", "second")
        out.writestr("ana", "a file")
    with unpacked(path) as found:
        assert sorted(content(found.folder).values()) == [b"a file", b"first", b"second"]


def test_a_bomb_is_stopped_by_what_it_writes(tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """One member that is too large costs itself; too much in all costs the archive; nothing is left on the disk."""
    monkeypatch.setattr(archive, "MAX_SUBMISSION_BYTES", 1_000_000)
    path = pack(tmp_path / "a", {"ana/big.bin": bytes(3_000_000), "ana/x.py": b"x"})
    assert path.stat().st_size < 30_000
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x"}
        assert "has more than 0.954 MiB" in found.left_out[0].sentence
    monkeypatch.setattr(archive, "MAX_SUBMISSION_BYTES", 10_000_000)
    for module in (archive, containers):
        monkeypatch.setattr(module, "MAX_ARCHIVE_BYTES", 2_000_000)
    with pytest.raises(IntakeError, match="holds more than"), unpacked(path):
        pass


def test_ten_thousand_files_come_out_and_too_many_end_in_a_sentence(
    tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cap is a number of entries."""
    path = pack(tmp_path / "a", {f"ana/{number}.py": b"" for number in range(10_000)})
    with unpacked(path) as found:
        assert len(content(found.folder)) == 10_000
    for module in (archive, containers):
        monkeypatch.setattr(module, "MAX_ARCHIVE_ENTRIES", 9_999)
    with pytest.raises(IntakeError, match="more than 9,999 entries"), unpacked(path):
        pass


def test_a_zip_that_lies_about_a_size_costs_that_member(tmp_path: Path) -> None:
    """Its table of contents says less than there is."""
    path = zipped(tmp_path / "a", {"ana/big.bin": bytes(5_000_000), "ana/x.py": b"x"})
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x"}
        assert "damaged" in found.left_out[0].sentence


def test_a_tar_header_that_wants_much_memory_is_refused(tmp_path: Path) -> None:
    """A long name of 64 MiB is read at once by whoever believes it."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 64 * 1024 * 1024
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    with pytest.raises(IntakeError, match="damaged"), unpacked(path):
        pass


def pax(records: bytes, size: int | None = None) -> bytes:
    """A block of extra headers, as the tars of today have them."""
    info = tarfile.TarInfo("extra")
    info.type, info.size = tarfile.XHDTYPE, len(records) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + records + bytes(-len(records) % 512)


def member(name: str, content: bytes) -> bytes:
    """A file as it stands in a tar."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


END = bytes(1024)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(pax(b"14 size=-1024\n"), id="negative size"),
        pytest.param(pax(b"9" * 30_000), id="digits without end"),
        pytest.param(b"".join(pax(b"9 path=aa\n") for _ in range(2_000)), id="headers of headers"),
        pytest.param(pax(b"", 1 << 40), id="a header of a terabyte"),
        pytest.param(pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"), id="a sparse map that is none"),
        pytest.param(b"", id="no end"),
        pytest.param(member("ana/y.py", b"y") + b"x" * 512, id="rubbish between members"),
    ],
)
def test_a_tar_that_lies_ends_in_one_sentence(tmp_path: Path, start: bytes) -> None:
    """Readers have looped for ever, taken all memory, or stopped without a word and lost the rest."""
    path = tmp_path / "a.tar"
    path.write_bytes(member("ana/x.py", b"x") + END)
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x"}
    path.write_bytes(member("ana/a.py", b"a") + start + member("ben/x.py", b"x" * 2_000) + (END if start else b""))
    with pytest.raises(IntakeError, match="download it again"), unpacked(path):
        pass


def test_a_tar_whose_last_member_is_cut_off_is_an_error(tmp_path: Path) -> None:
    """Its header promises more than there is."""
    path = tmp_path / "a.tar"
    path.write_bytes(member("ana/x.py", b"x" * 5_000)[:2_048])
    with pytest.raises(IntakeError, match="download it again"), unpacked(path):
        pass


def test_a_wrong_sum_of_a_compressed_tar_is_noticed(tmp_path: Path) -> None:
    """It stands behind the last member, where nobody needs to look."""
    path = tarred(tmp_path / "a", {"ana/x.py": b"x"})
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntakeError), unpacked(path):
        pass


def test_a_sparse_member_is_bounded_by_what_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holes cost nothing in the archive, and all their size on the disk."""
    real = pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n31 GNU.sparse.realsize=9000000\n")
    path = tmp_path / "a.tar"
    path.write_bytes(real + member("ana/x.bin", b"1\n8999999\n1\n".ljust(512, b"\0") + b"x") + END)
    with unpacked(path) as found:
        assert (found.folder / "ana" / "x.bin").stat().st_size == 9_000_000
    monkeypatch.setattr(archive, "MAX_SUBMISSION_BYTES", 1_000_000)
    with unpacked(path) as found:
        assert content(found.folder) == {}
        assert "has more than" in found.left_out[0].sentence


def test_an_xz_that_wants_much_memory_is_refused(tmp_path: Path) -> None:
    """Its header says how much: here 768 MiB."""
    import lzma

    small = lzma.compress(member("ana/x.py", b"x") + END, filters=[{"id": lzma.FILTER_LZMA2, "preset": 1}])
    path = tmp_path / "a.tar.xz"
    path.write_bytes(small)
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x"}
    place = small.index(b"\x21\x01") + 2  # the size of the dictionary, then the header's sum
    header = bytearray(small[12 : 12 + (small[12] + 1) * 4])
    header[place - 12] = 35  # 768 MiB
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    path.write_bytes(small[:12] + bytes(header) + small[12 + len(header) :])
    with pytest.raises(IntakeError, match="LZMAError"), unpacked(path):
        pass


def test_a_tar_xz_of_several_streams_is_read(tmp_path: Path) -> None:
    """As parallel compressors write them, with padding between."""
    import lzma

    data = member("ana/x.py", b"x" * 300_000) + END
    path = tmp_path / "a.tar.xz"
    path.write_bytes(lzma.compress(data[:1_000]) + bytes(8) + lzma.compress(data[1_000:]) + bytes(4))
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x" * 300_000}


def test_members_that_overlap_are_left_out(tmp_path: Path) -> None:
    """Two entries of the table share one member's bytes, as a bomb's thousands do."""
    path = zipped(tmp_path / "a", {"ana/x.py": bytes(9_000), "ben/x.py": b"y"})
    data = path.read_bytes()
    table = data.index(b"PK\x01\x02")
    size = data.index(b"PK\x01\x02", table + 4) - table
    end = bytearray(data[data.index(b"PK\x05\x06") :])
    struct.pack_into("<HHI", end, 8, 3, 3, len(data) - table - len(end) + size)
    path.write_bytes(data[: table + size] + data[table : len(data) - len(end)] + bytes(end))
    assert len(zipfile.ZipFile(path).infolist()) == 3
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": bytes(9_000), "ben/x.py": b"y"}
        (one,) = found.left_out
        assert "overlaps" in one.sentence


def test_a_damaged_member_costs_only_itself(tmp_path: Path) -> None:
    """Also of the kinds of compression whose errors look like errors of the disk."""
    path = tmp_path / "a.zip"
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        with zipfile.ZipFile(path, "w", method) as out:
            out.writestr("ana/x.py", "x = 1\n" * 500)
            out.writestr("ben/x.py", "y")
        data = bytearray(path.read_bytes())
        data[60] ^= 0xFF
        path.write_bytes(data)
        with unpacked(path) as found:
            assert content(found.folder) == {"ben/x.py": b"y"}
            assert "'ana/x.py' is damaged" in found.left_out[0].sentence


def test_a_method_that_may_want_much_memory_is_left_out(tmp_path: Path) -> None:
    """LZMA in a zip."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as out:
        out.writestr("ana/x.py", "x")
    with unpacked(tmp_path / "a.zip") as found:
        assert content(found.folder) == {}
        assert "compressed in a way that is not read" in found.left_out[0].sentence


def test_a_claimed_size_over_the_limit_is_not_even_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is counted as written."""
    monkeypatch.setattr(archive, "MAX_SUBMISSION_BYTES", 1_000)
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 1_500)
    path = zipped(tmp_path / "a", {"ana/1.bin": bytes(1_200), "ana/2.bin": bytes(1_200), "ana/x.py": b"x"})
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x"}
        assert len(found.left_out) == 2


def test_an_archive_inside_is_kept_and_named(tmp_path: Path, pack: Pack) -> None:
    """In a student's folder and as all that a student handed in."""
    inner = zipped(tmp_path / "inner", {"x.py": b"x"}).read_bytes()
    path = pack(tmp_path / "a", {"ana/work.ZIP": inner, "ana/x.py": b"x", "ben.tar.gz": inner})
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/work.ZIP": inner, "ana/x.py": b"x", "ben.tar.gz": inner}
        notes = {s.student: s.notes for s in with_left_out([], found)}
    assert "'ana/work.ZIP' is an archive inside the archive" in notes["ana"][0]
    assert "'ben.tar.gz' is an archive inside the archive" in notes["ben.tar"][0]


def test_an_archive_with_nothing_to_grade_is_named_and_its_notes_are_kept(tmp_path: Path, pack: Pack) -> None:
    """The error speaks of the archive, not of a folder that is gone by then."""
    path = pack(tmp_path / "a", {"ana/x.txt": b""})
    with unpacked(path) as found, pytest.raises(IntakeError, match=rf"was found in {path.name};"):
        read_unpacked(found, path)
    path = pack(tmp_path / "b", {"ana/../../x.ipynb": b"", "ben.zip": b""})
    with unpacked(path) as found:
        assert [(s.student, len(s.notes)) for s in read_unpacked(found, path)] == [("ana", 1), ("ben", 1)]


def test_a_fork_at_the_top_is_called_as_the_archive(tmp_path: Path, pack: Pack) -> None:
    """It has no folder of its own to be called by."""
    path = pack(tmp_path / "ana", {f"exercises/{NAME}": NOTEBOOK.encode(), "src/ml_workshop/__init__.py": b""})
    with unpacked(path) as found:
        assert [s.student for s in read_unpacked(found, path)] == ["ana"]


def test_many_notes_about_one_student_end_in_a_count(tmp_path: Path, pack: Pack) -> None:
    """Those of another are not crowded out."""
    path = pack(tmp_path / "a", {f"ana/{n}/../x": b"" for n in range(100)} | {"ben/../../x": b""})
    with unpacked(path) as found:
        notes = {s.student: s.notes for s in with_left_out([], found)}
    assert len(notes["ana"]) == 21
    assert notes["ana"][-1] == "80 more members of the archive were left out or renamed."
    assert len(notes["ben"]) == 1


def test_what_macos_adds_is_left_out_without_a_word(tmp_path: Path, pack: Pack) -> None:
    """And does not hide the wrapping folder."""
    members = {f"class/{name}/{NAME}": NOTEBOOK.encode() for name in ("ana", "ben")}
    path = pack(tmp_path / "a", members | {"__MACOSX/class/._ana": b"x", "class/.DS_Store": b"x"})
    with unpacked(path) as found:
        assert set(content(found.folder)) == {f"ana/{NAME}", f"ben/{NAME}"}
        assert found.left_out == []


def test_a_wrapping_folder_of_notebooks_named_after_students_is_a_class(tmp_path: Path, pack: Pack) -> None:
    """And a folder with several versions of one student's work is that student's."""
    for names, students in (
        ([f"class/{n}_{NAME}" for n in ("ana", "ben")], [f"ana_{NAME[:-6]}", f"ben_{NAME[:-6]}"]),
        ([f"ana/{NAME}", f"ana/{NAME.replace('.', '_v2.')}"], ["ana"]),
        ([f"fork/exercises/{NAME}", "fork/src/ml_workshop/__init__.py"], ["fork"]),
    ):
        path = pack(tmp_path / students[0], dict.fromkeys(names, NOTEBOOK.encode()))
        with unpacked(path) as found:
            assert [s.student for s in intake.read_path(found.folder, many=True)] == students


def test_files_keep_their_time(tmp_path: Path) -> None:
    """The newest of several is the one that is marked; a time that no file can have becomes one it can."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        for year in (2020, 2022, 2021):
            out.writestr(zipfile.ZipInfo(f"ana/{NAME[:-6]}_{year}.ipynb", (year, 5, 1, 12, 0, 0)), NOTEBOOK)
    with unpacked(tmp_path / "a.zip") as found:
        (submission,) = intake.read_path(found.folder, many=True)
    assert submission.files[0].path.name.endswith("_2022.ipynb")
    for when in ("-5", "1e300", "nan", "inf"):
        record = f" mtime={when}\n".encode()
        path = tmp_path / "a.tar"
        path.write_bytes(pax(b"%d%b" % (len(record) + 2, record)) + member("ana/x.py", b"x") + END)
        with unpacked(path) as found:
            assert content(found.folder) == {"ana/x.py": b"x"}


def test_names_in_old_encodings_are_text(tmp_path: Path) -> None:
    """UTF-8 of macOS that does not say so, and Windows-1252 in a tar."""
    name = "Zo\u00eb/x.py"
    path = zipped(tmp_path / "a", {"Zo\u00eb/x.py": b"x"})
    data = path.read_bytes()
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(start) + offset
        data = data[:place] + bytes(2) + data[place + 2 :]
    path.write_bytes(data)
    with unpacked(path) as found:
        assert content(found.folder) == {name: b"x"}
    path = tmp_path / "b.tar"
    with tarfile.open(path, "w", encoding="cp1252") as out:
        out.addfile(tarfile.TarInfo(name))
    with unpacked(path) as found:
        assert content(found.folder) == {name: b""}


def test_backslashes_separate_and_names_that_windows_refuses_are_left_out_there(tmp_path: Path) -> None:
    """Old archivers of Windows write them so, folders included."""
    path = zipped(tmp_path / "a", {"ana\\": b"", "ana\\x.py": b"x"})
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x"}
        assert found.left_out == []
    for name in ("ana/x.py:stream", "ana/NUL.txt", "ana./x.py", "ana/a?.py"):
        assert parts_of(name, windows=False) == tuple(name.split("/"))
        with pytest.raises(ValueError, match="Windows"):
            parts_of(name, windows=True)


def test_ten_thousand_times_the_same_long_name(tmp_path: Path) -> None:
    """Each gets a number at once; numbers already taken are passed over."""
    places = Places()
    names = ["x" * 250 + f"{n:05}" for n in range(5_000)] * 2
    assert len({places.file((name,)) for name in names}) == 10_000
    names = [*(f"y ({n}).py" for n in range(5_000)), *["y.py"] * 5_000]
    assert len({places.file((name,)) for name in names}) == 10_000


def test_what_cannot_be_written_costs_only_that_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that this file system refuses; but a full disk ends it all, as a fault of the machine."""
    opened, refusal = os.open, [errno.EILSEQ]

    def refusing(path: object, *arguments: object) -> int:
        if str(path).endswith("bad.py"):
            raise OSError(refusal[0], os.strerror(refusal[0]))
        return opened(path, *arguments)  # type: ignore[arg-type]

    path = zipped(tmp_path / "a", {"ana/bad.py": b"x", "ana/x.py": b"x"})
    monkeypatch.setattr(os, "open", refusing)
    with unpacked(path) as found:
        assert content(found.folder) == {"ana/x.py": b"x"}
        assert "cannot be written here" in found.left_out[0].sentence
    refusal[0] = errno.ENOSPC
    with pytest.raises(EnvironmentProblem, match="free some"), unpacked(path):
        pass


def test_an_encrypted_member_is_left_out(tmp_path: Path) -> None:
    """The flag alone says so."""
    path = zipped(tmp_path / "a", {"ana/x.py": b"x", "ben/x.py": b"y"})
    data = bytearray(path.read_bytes())
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(start)
        data[place + offset] |= 1
    path.write_bytes(data)
    with unpacked(path) as found:
        assert content(found.folder) == {"ben/x.py": b"y"}
        assert "encrypted" in found.left_out[0].sentence


@pytest.mark.parametrize("pack_", [zipped, tarred])
def test_a_cut_off_archive_is_an_error_that_says_what_to_do(tmp_path: Path, pack_: Pack) -> None:
    """Half a download."""
    path = pack_(tmp_path / "a", {f"s{n}/x.py": os.urandom(2_000) for n in range(20)})
    path.write_bytes(path.read_bytes()[:9_000])
    with pytest.raises(IntakeError, match="download it again"), unpacked(path):
        pass
    assert list((tmp_path / "tmp").iterdir()) == []


def test_other_kinds_are_named(tmp_path: Path) -> None:
    """With what to do; and a notebook is no archive."""
    path = tmp_path / "a.7z"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    assert is_archive(path)
    with pytest.raises(IntakeError, match="7z archives are not read; unpack"), unpacked(path):
        pass
    (tmp_path / "a.ipynb").write_text(NOTEBOOK)
    assert not is_archive(tmp_path / "a.ipynb")
    assert not is_archive(tmp_path / "missing")


def test_a_full_disk_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found before it is full."""
    path = zipped(tmp_path / "a", {"ana/x.py": bytes(1_000)})
    monkeypatch.setattr(archive, "SPARE", 1 << 60)
    with pytest.raises(EnvironmentProblem, match="not enough room"), unpacked(path):
        pass
