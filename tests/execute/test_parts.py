"""The parts of a run that need no kernel: layout, copying, scrubbing, plain text."""

import os
from pathlib import Path

import pandas as pd
import pytest

from grader.execute import layout as layouts
from grader.execute.kernel import Meter, MeteredSession
from grader.execute.run import environment
from grader.execute.scrub import scrub
from grader.execute.text import cell_error, plain
from grader.intake.submission import TaskFile
from grader.limits import MAX_ERROR_TEXT, MAX_TRACEBACK
from grader.tasks import build_world
from grader.tasks.model import World
from grader.types import TaskId


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The penguins world."""
    return build_world(TaskId.PENGUINS_CLASSIFICATION, cache_dir=tmp_path_factory.mktemp("cache"))


def task_file(root: Path, *names: str) -> TaskFile:
    """A notebook ``nb/a.ipynb`` with companions."""
    path = root / "nb" / "a.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    companions = tuple(root / name for name in names)
    return TaskFile(TaskId.PENGUINS_CLASSIFICATION, path, root, "notebook", (), "d", companions=companions)


def test_sockets_fit_and_folders_go(tmp_path: Path) -> None:
    """A Unix socket's path may have 107 bytes; nothing is left, unreadable folders included."""
    layout = layouts.make()
    assert len(os.fsencode(layout.run / "k-5")) <= 100
    (layout.work / "locked").mkdir()
    (layout.work / "locked" / "file").touch()
    (layout.work / "locked").chmod(0)
    outside = tmp_path / "kept"
    outside.touch()
    (layout.work / "link").symlink_to(outside)
    layouts.remove(layout)
    assert not layout.base.exists()
    assert outside.exists()


@pytest.mark.skipif(os.name != "posix", reason="other systems bound the depth themselves")
def test_folders_of_any_depth_are_removed(tmp_path: Path) -> None:
    """Deeper than Python recurses and than a path can name; a run never fails for it."""
    layout = layouts.make()
    here = Path.cwd()
    try:
        os.chdir(layout.work)
        for _ in range(1_100):
            os.mkdir("dddd")  # relative on purpose: the whole path is too long to name
            os.chdir("dddd")
    finally:
        os.chdir(here)
    layouts.remove(layout)
    assert not layout.base.exists()
    layouts.remove(layout)


def test_only_regular_files_of_the_submission_are_copied(tmp_path: Path) -> None:
    """Links, FIFOs and files behind a linked folder are left out, with a note."""
    root, secret = tmp_path / "s", tmp_path / "secret"
    secret.mkdir()
    (secret / "x.csv").write_text("secret")
    file = task_file(root, "nb/data.csv", "nb/link.csv", "nb/fifo", "nb/folder/x.csv")
    (root / "nb" / "data.csv").write_text("1")
    (root / "nb" / "link.csv").symlink_to(secret / "x.csv")
    os.mkfifo(root / "nb" / "fifo")
    (root / "nb" / "folder").symlink_to(secret)
    layout = layouts.make()
    try:
        notes = layouts.copy_submission(file, layout)
        copied = {p.relative_to(layout.work).as_posix() for p in layout.work.rglob("*") if p.is_file()}
    finally:
        layouts.remove(layout)
    assert copied == {"nb/a.ipynb", "nb/data.csv"}
    assert len(notes) == 3


def test_a_submission_may_not_be_larger_than_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes beyond is left out, and said."""
    monkeypatch.setattr(layouts, "MAX_SUBMISSION_BYTES", 100)
    file = task_file(tmp_path, "nb/big.bin")
    (tmp_path / "nb" / "big.bin").write_bytes(b"0" * 101)
    layout = layouts.make()
    try:
        notes = layouts.copy_submission(file, layout)
        assert not (layout.work / "nb" / "big.bin").exists()
    finally:
        layouts.remove(layout)
    assert "big.bin was not copied" in notes[0]


def test_paths_outside_the_root_stay_inside_the_job(tmp_path: Path) -> None:
    """No companion is written outside ``work``."""
    file = task_file(tmp_path / "s")
    assert layouts.place(file, Path("/etc/passwd")) == Path("passwd")
    assert layouts.place(file, tmp_path / "s" / ".." / "x") == Path("x")


def test_modules_with_the_name_of_a_library_are_told(tmp_path: Path) -> None:
    """Beside the notebook they are found first; deeper ones, and data of such a name, are not."""
    names = ("nb/torch.py", "nb/random.py", "nb/numpy/__init__.py", "nb/deep/pandas.py", "nb/torch.csv", "nb/mine.py")
    notes = layouts.shadowing(task_file(tmp_path, *names))
    assert [note.split(" has ")[0] for note in notes] == ["numpy", "random.py", "torch.py"]


def test_heldout_penguins_are_taken_out_of_submitted_tables(tmp_path: Path, world: World) -> None:
    """Whatever the order of columns, the delimiter and the spelling of the header; other rows and files stay."""
    assert world.heldout.table is not None
    assert world.training.table is not None
    numbers = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]
    both = pd.concat([world.training.table, world.heldout.table])
    held = len(world.heldout.table)
    both.to_csv(tmp_path / "plain.csv", index=False)
    renamed = both[["species", *numbers[::-1]]] if "species" in both else both[numbers[::-1]]
    renamed.rename(columns={"bill_length_mm": "culmen_length_mm"}).to_csv(tmp_path / "sub.csv", sep=";", index=False)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    notes = scrub(tmp_path, world)
    rows = {tuple(r) for r in world.heldout.table[numbers].to_numpy(dtype=float)}
    for name, delimiter, first in (("plain.csv", ",", "bill_length_mm"), ("sub.csv", ";", "culmen_length_mm")):
        left = pd.read_csv(tmp_path / name, sep=delimiter)
        assert len(both) - len(left) >= held
        assert not rows & {tuple(r) for r in left[[first, *numbers[1:]]].to_numpy(dtype=float)}
    assert (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"
    assert len(notes) == 2


def test_error_texts_are_plain_and_bounded() -> None:
    """No terminal codes, links, control characters or lone surrogates; the end of a traceback is kept."""
    content = {
        "ename": "\x1b[31mE\x1b[0m" * 500,
        "evalue": "\ud800\x1b]8;;http://x\x07link\x1b]8;;\x07\x9b" + "v" * 10_000,
        "traceback": ["x" * 100_000, "\x1b[0;31mlast\x1b[0m"],
    }
    error = cell_error(content)
    assert error.name.startswith("EEE")
    assert error.message.startswith("?link")
    assert len(error.message) == MAX_ERROR_TEXT
    assert len(error.traceback) == MAX_TRACEBACK
    assert error.traceback.endswith("last")
    assert "\x1b" not in error.name + error.message + error.traceback


@pytest.mark.parametrize("content", [{}, {"ename": 5, "evalue": None, "traceback": "x"}, {"traceback": [1, None]}])
def test_forged_errors_are_errors_all_the_same(content: dict[str, object]) -> None:
    """Nothing in a reply need have the type that the protocol says."""
    assert cell_error(content).name == "Error"


def test_plain_keeps_lines() -> None:
    """Newlines and tabs are no control characters here."""
    assert plain("a\n\tb\r\x00") == "a\n\tb"


def test_messages_are_measured_whatever_is_in_them() -> None:
    """Nested content and buffers count in full, for any cell or thread; a restart allows the limit again."""
    session = MeteredSession(key=b"k")
    session.meter = Meter(limit=10_000)
    parts = session.serialize(session.msg("display_data", {"data": {"application/json": {"a": [["x" * 6_000]]}}}))
    session.deserialize(parts[1:])
    assert 6_000 < session.meter.total < 10_000
    assert not session.meter.full.is_set()
    again = session.serialize(session.msg("display_data", {}))
    session.deserialize([*again[1:], b"y" * 6_000])
    assert session.meter.full.is_set()
    session.meter.restart()
    assert not session.meter.full.is_set()
    assert session.meter.total > 12_000


def test_a_kernel_gets_one_thread_no_display_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the host's variables only the one that names an older processor passes."""
    monkeypatch.setenv("A_SECRET", "x")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    env = environment("cpu")
    assert "A_SECRET" not in env
    assert (env["OMP_NUM_THREADS"], env["MPLBACKEND"], env["OPENBLAS_CORETYPE"]) == ("1", "Agg", "Haswell")
