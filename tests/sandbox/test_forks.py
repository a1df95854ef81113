"""Warm starts: the same sandbox and the same process as a cold start, and a cold start where they cannot be had."""

import ctypes
import json
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from grader.limits import MIB, RunLimits
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.forks import ForkFailed, Place, Request, fork, fork_server
from grader.sandbox.policy import environment
from grader.sandbox.protocol import JobLayout, JobSpec, RunningJob
from grader.types import Exit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(Bubblewrap().available() is not None, reason="bubblewrap is not to be had here"),
]
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
LOOK = """
import json, os, resource, sys
names = [n for n in dir(resource) if n.startswith("RLIMIT_")]
seen = {
    "environment": dict(os.environ),
    "limits": {n: resource.getrlimit(getattr(resource, n)) for n in names},
    "path": sys.path,
    "arguments": sys.argv,
    "folder": os.getcwd(),
    "user": [os.getuid(), os.getgid(), os.geteuid()],
    "session": os.getsid(0) == os.getpid(),
    "open": sorted(os.listdir("/proc/self/fd"))[:-1],
    "input": os.readlink("/proc/self/fd/0"),
    "killed first": open("/proc/self/oom_score_adj").read(),
    "main": sys.modules["__main__"].__name__,
    "file": __file__,
    "hash": hash("the same"),
    "namespaces": sorted(os.listdir("/proc/self/ns")),
    "processes": len([n for n in os.listdir("/proc") if n.isdigit()]) < 5,
    "folders": sorted(os.listdir("/")),
    "temporary": __import__("tempfile").gettempdir(),
}
json.dump(seen, open("../out/seen.json", "w"))
"""


def layout_in(folder: Path) -> JobLayout:
    """Folders of a job."""
    layout = JobLayout(folder)
    for made in (layout.work, layout.out, layout.run, layout.world, layout.heldout):
        made.mkdir(parents=True)
    return layout


def begin(layout: JobLayout, code: str, forks: str | None, limits: RunLimits | None = None) -> RunningJob:
    """Start a program as a job."""
    backend = Bubblewrap(forks=forks)
    program = layout.work / "program.py"
    program.write_text(code, encoding="utf-8")
    argv = [sys.executable, str(backend.inside(layout, program)), "word"]
    env = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OWN": "variable"}
    used = limits or RunLimits(wall_s=60)
    return backend.start(JobSpec(layout=layout, argv=argv, cwd=layout.work, env=env, limits=used))


def ended(job: RunningJob) -> Exit:
    """How it ended, by itself or by a limit."""
    deadline = time.monotonic() + 60
    while job.alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    return job.stop().exit


def test_a_warm_process_is_what_a_cold_one_is(tmp_path: Path) -> None:
    """Environment, limits, path, arguments, user, session, open files, namespaces, and what it sees of the machine."""
    with fork_server(environment({"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}), ("json",)) as address:
        seen = []
        for name, forks in (("cold", None), ("warm", address)):
            layout = layout_in(tmp_path / name)
            job = begin(layout, LOOK, forks)
            assert job.warm == (forks is not None)
            assert ended(job) is Exit.FINISHED, job.last_words()
            seen.append(json.loads((layout.out / "seen.json").read_text()))
    assert seen[0] == seen[1]


def test_jobs_of_one_server_do_not_meet(tmp_path: Path, forks: str) -> None:
    """What one leaves in memory, in its folders or among the processes, the next does not find."""
    mark = "import json, os, time\njson.left = 1\nopen('/tmp/left', 'w').close()\nopen('../out/ready', 'w').close()\n"
    first_layout, second_layout = layout_in(tmp_path / "a"), layout_in(tmp_path / "b")
    first = begin(first_layout, mark + "time.sleep(60)\n", forks)
    try:
        deadline = time.monotonic() + 30
        while not (first_layout.out / "ready").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        look = (
            "import json, os, sys\nalive = [n for n in os.listdir('/proc') if n.isdigit()]\n"
            "found = [hasattr(json, 'left'), os.path.exists('/tmp/left'), len(alive) > 4]\n"
            "open('../out/found', 'w').write(str(found))\n"
        )
        assert ended(begin(second_layout, look, forks)) is Exit.FINISHED
        assert (second_layout.out / "found").read_text() == "[False, False, False]"
        assert first.alive()
    finally:
        first.stop()


def test_a_limit_ends_a_warm_job(tmp_path: Path, forks: str) -> None:
    """Memory and time, by the same supervisor."""
    hungry = "got = []\nwhile True: got.append(bytearray(16 * 2**20))\n"
    job = begin(layout_in(tmp_path / "m"), hungry, forks, RunLimits(wall_s=60, memory_bytes=256 * MIB))
    assert job.warm
    assert ended(job) is Exit.MEMORY
    job = begin(layout_in(tmp_path / "t"), "import time\ntime.sleep(60)", forks, RunLimits(wall_s=1))
    assert ended(job) is Exit.WALL_TIME


def living(name: str) -> list[str]:
    """Descendants of this name that are no zombies, and in which state they are."""
    found = [(p.name(), p.status()) for p in psutil.Process().children(recursive=True)]
    return [status for own, status in found if own == name and status != psutil.STATUS_ZOMBIE]


def test_a_killed_job_is_reaped(tmp_path: Path, forks: str) -> None:
    """Its parent outlives it, also if all of its control group is killed: else its namespace would never end."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)  # orphans of ours come to us, and we wait for none
    try:
        job = begin(layout_in(tmp_path / "j"), "import time\ntime.sleep(60)", forks)
        group = job._group
        if group is not None:
            group.kill()
        job.stop()
        deadline = time.monotonic() + 10
        while (left := living("bwrap")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert left == []
    finally:
        ctypes.CDLL(None).prctl(SUBREAPER, 0, 0, 0, 0)


def test_without_a_server_a_job_starts_cold(tmp_path: Path) -> None:
    """The address of one that is gone costs nothing but the warmth."""
    job = begin(layout_in(tmp_path / "j"), "open('../out/ran', 'w').close()", str(tmp_path / "gone"))
    assert not job.warm
    assert ended(job) is Exit.FINISHED
    assert (tmp_path / "j" / "out" / "ran").exists()


def test_a_server_that_has_threads_is_not_used(tmp_path: Path) -> None:
    """A fork would copy their locks and not them."""
    (tmp_path / "threads_at_import.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    with fork_server(environment({"PYTHONPATH": str(tmp_path)}), ("threads_at_import",)) as address:
        assert address is None


def test_a_package_that_cannot_be_imported_is_left_out() -> None:
    """Whoever needs it meets the error himself."""
    with fork_server(environment({}), ("no_such_package_anywhere",)) as address:
        assert address is not None


def test_no_process_outside_a_sandbox_is_forked(forks: str) -> None:
    """A process that shares a namespace with the server is no sandbox to be joined."""
    read_end, write_end = os.pipe()
    request = Request(argv=["x.py"], cwd="/", env={})
    try:
        with pytest.raises(ForkFailed, match="namespace of its own"):
            fork(forks, request, Place(sandbox=os.getpid(), ending=write_end, output=write_end))
    finally:
        os.close(read_end)
        os.close(write_end)


def test_the_server_ends_with_its_context() -> None:
    """And takes its folder along."""
    with fork_server(environment({}), ("json",)) as address:
        assert address is not None
        home = Path(address).parent
        living_ones = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
        found = [p for p in living_ones if str(home) in " ".join(p.cmdline())]
        assert len(found) == 1
    assert not home.exists()
    assert not found[0].is_running()
