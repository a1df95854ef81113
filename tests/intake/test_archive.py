"""Archives of submissions: what may be in them, and what must not come out of them."""

import io
import json
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from intake_examples import TRAINING, notebook

from grader import intake
from grader.errors import EnvironmentProblem, IntakeError
from grader.intake import archive
from grader.intake.archive import is_archive, unpacked, with_left_out

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
    assert "kept as 'ANA (2)/x.py'" in notes["ANA (2)"][0]


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
        assert "more than 0 MiB" in found.left_out[0].sentence
    monkeypatch.setattr(archive, "MAX_SUBMISSION_BYTES", 10_000_000)
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 2_000_000)
    with pytest.raises(IntakeError, match="holds more than"), unpacked(path):
        pass


def test_ten_thousand_files_come_out_and_too_many_end_in_a_sentence(
    tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cap is a number of entries."""
    path = pack(tmp_path / "a", {f"ana/{number}.py": b"" for number in range(10_000)})
    with unpacked(path) as found:
        assert len(content(found.folder)) == 10_000
    monkeypatch.setattr(archive, "MAX_ARCHIVE_ENTRIES", 9_999)
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
    assert not list(Path(archive.tempfile.gettempdir()).glob("grader-unpacked-*"))


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
