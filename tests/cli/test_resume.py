"""A batch that was killed leaves nothing running, and the same command finishes it without doing anything twice."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from grader import resources
from grader.sandbox.bubblewrap import Bubblewrap

STUDENTS = ("ana", "ben", "cem", "dia")
PATIENCE_S = 300.0


def command(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The batch, and an environment with a temporary folder of its own."""
    words = ["batch", str(folder / "class"), "--out", str(folder / "out"), "--store", str(folder / "store"), "-j", "2"]
    return [sys.executable, "-m", "grader", *words], {**os.environ, "TMPDIR": str(folder / "tmp")}


def kept(folder: Path) -> dict[Path, int]:
    """Runs in the store, with the time at which each was written."""
    return {path: path.stat().st_mtime_ns for path in (folder / "store").glob("*/*/evidence.json")}


def descendants(pid: int) -> list[psutil.Process]:
    """Every process of the batch, sandboxes included."""
    return psutil.Process(pid).children(recursive=True)


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of four correct submissions; the folder's name is short, as sockets demand."""
    if (reason := Bubblewrap().available()) is not None:
        pytest.skip(reason)
    made = tmp_path_factory.mktemp("k")
    (made / "tmp").mkdir()
    for name in STUDENTS:
        (made / "class" / name).mkdir(parents=True)
        shutil.copy(resources.rubrics_dir() / "controls" / "known_good.py", made / "class" / name / "penguins.py")
    return made


@pytest.mark.slow
def test_a_killed_batch_leaves_nothing_and_goes_on_where_it_was(folder: Path) -> None:
    """SIGKILL after the first run was kept; then the same command once more, and once more again."""
    words, environment = command(folder)
    batch = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while not kept(folder) and time.monotonic() < deadline:
        assert batch.poll() is None
        time.sleep(0.05)
    processes = descendants(batch.pid)
    batch.kill()
    batch.wait()
    assert processes
    while living(processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert living(processes) == []
    assert list((folder / "tmp").iterdir()) == []
    before = kept(folder)
    assert 0 < len(before) < len(STUDENTS)
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(before)} of them were run before" in done.stderr
    after = kept(folder)
    assert len(after) == len(STUDENTS)
    assert {path: after[path] for path in before} == before
    pages = {path: path.read_bytes() for path in (folder / "out").rglob("*.html")}
    assert len(pages) == len(STUDENTS) + 1
    again = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert "4 of them were run before" in again.stderr
    assert "known to be right" not in again.stderr  # nothing is run, so nothing has to be tried first
    assert kept(folder) == after
    assert {path: path.read_bytes() for path in (folder / "out").rglob("*.html")} == pages
    assert list((folder / "tmp").iterdir()) == []
