"""What the watchdog counts as disk use: nothing escapes it by depth, by closed folders or by losing its name."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from grader.limits import MIB, RunLimits
from grader.sandbox.watchdog import Watchdog, deleted_but_open, disk_use
from grader.types import Exit


def test_files_are_counted_and_links_are_not_followed(tmp_path: Path) -> None:
    """Bytes on disk and entries; what a link leads to is not the job's."""
    outside = tmp_path / "outside"
    outside.write_bytes(os.urandom(MIB))
    job = tmp_path / "job"
    (job / "sub").mkdir(parents=True)
    (job / "sub" / "file").write_bytes(os.urandom(100_000))
    (job / "link").symlink_to(outside)
    use = disk_use(job, 100)
    assert 100_000 <= use.size < MIB
    assert (use.entries, use.sealed) == (3, False)
    assert disk_use(job, 2).entries == 3
    assert disk_use(tmp_path / "gone", 10).sealed is False


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other limits of a path")
def test_folders_too_deep_to_look_into_end_the_run(tmp_path: Path) -> None:
    """A path of more than 4,096 bytes hides what lies there, so it is taken for an excess."""
    here = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(30):
            os.mkdir("d" * 200)  # relative on purpose: the whole path is too long to name
            os.chdir("d" * 200)
    finally:
        os.chdir(here)
    assert disk_use(tmp_path, 100).sealed
    watchdog = Watchdog(list, lambda: None, limits=RunLimits(), folders=[tmp_path])
    excess = watchdog.look()
    assert excess is not None
    assert excess.exit is Exit.DISK
    assert "could not be measured" in excess.sentence


@pytest.mark.skipif(sys.platform != "linux", reason="found through /proc")
def test_deleted_files_that_are_still_open_count(tmp_path: Path) -> None:
    """They take space although no folder lists them."""
    me = [psutil.Process()]
    with (tmp_path / "file").open("wb") as stream:
        stream.write(os.urandom(MIB))
        stream.flush()
        assert deleted_but_open(me, [tmp_path]) == 0
        (tmp_path / "file").unlink()
        assert deleted_but_open(me, [tmp_path]) >= MIB
        assert disk_use(tmp_path, 10).size == 0
    assert deleted_but_open(me, [tmp_path]) == 0
