"""Control groups: where they may be made, what they bound, and that none is left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.limits import MIB, RunLimits
from grader.sandbox import cgroups
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.process import LocalProcess
from grader.sandbox.self_check import run_self_check

GREEDY = "kept = []\nwhile True:\n    kept.append(bytearray(1024 * 1024))\n"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of the kernel as another machine would show them."""
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "MOUNTS", tmp_path / "mountinfo")
    return tmp_path


def test_a_session_of_the_user_may_use_the_group_beside_its_own(kernel: Path) -> None:
    """As systemd hands its user's applications a folder that has the memory controller."""
    slice_ = kernel / "fs" / "user.slice" / "app.slice"
    (slice_ / "term.scope").mkdir(parents=True)
    (slice_ / "cgroup.controllers").write_text("cpu memory pids\n")
    (kernel / "cgroup").write_text("0::/user.slice/app.slice/term.scope\n")
    (kernel / "mountinfo").write_text(f"30 23 0:26 / {kernel}/fs rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n")
    assert list(cgroups._candidates()) == [cgroups.Hierarchy(2, (slice_,))]


def test_the_older_hierarchies_are_found_with_the_part_that_is_mounted(kernel: Path) -> None:
    """A container sees its own part of the hierarchy at the mount's root."""
    (kernel / "cgroup").write_text("4:memory:/docker/abc/inner\n8:pids:/docker/abc\n")
    (kernel / "mountinfo").write_text(
        f"31 30 0:27 /docker/abc {kernel}/memory rw - cgroup cgroup rw,memory\n"
        f"32 30 0:28 / {kernel}/pids rw - cgroup cgroup rw,pids\n"
        f"33 30 0:29 / {kernel}/other rw - cgroup cgroup rw,cpu\n"
    )
    memory, pids = kernel / "memory" / "inner", kernel / "pids" / "docker" / "abc"
    assert list(cgroups._candidates()) == [cgroups.Hierarchy(1, (memory, pids)), cgroups.Hierarchy(1, (memory,))]


def test_where_nothing_may_be_made_there_is_no_group(kernel: Path) -> None:
    """No hierarchy, or one whose folders refuse: the watchdog has to do."""
    assert list(cgroups._candidates()) == []
    (kernel / "cgroup").write_text("nonsense\n4:memory:/here\n")
    (kernel / "mountinfo").write_text(f"31 30 0:27 / {kernel}/memory rw - cgroup cgroup rw,memory\n")
    (found, _) = cgroups._candidates()
    assert cgroups._make(found, RunLimits()) is None


@pytest.fixture
def group() -> cgroups.Group:
    """A group of this machine with 100 MiB."""
    made = cgroups.make(RunLimits(memory_bytes=100 * MIB, processes=5))
    if made is None:
        pytest.skip("no control groups can be made here")
    return made


def test_the_kernel_ends_what_needs_too_much_and_says_so(group: cgroups.Group) -> None:
    """Also for a child of the job."""
    try:
        nested = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {GREEDY!r}])"
        assert not group.out_of_memory()
        subprocess.run([*group.enter(), sys.executable, "-c", nested], check=False, timeout=60)
        assert group.out_of_memory()
        assert group.members() == []
    finally:
        group.remove()
    assert not any(folder.exists() for folder in group.folders)


SLEEPERS = "for i in $(seq {count}); do sleep 5 & done 2>/dev/null; kill $(jobs -p); true"


@pytest.mark.parametrize("count", [5, 60])
def test_the_kernel_refuses_too_many_processes_and_says_so(group: cgroups.Group, count: int) -> None:
    """Even if all is over before anybody looks; 20 processes and threads may be had."""
    try:
        if not (group.folders[-1] / "pids.peak").exists():
            pytest.skip("this kernel does not tell")
        subprocess.run([*group.enter(), "/bin/bash", "-c", SLEEPERS.format(count=count)], check=False, timeout=60)
        assert group.out_of_processes() == (count > 20)
    finally:
        group.remove()


@pytest.mark.parametrize("peak", ["", "19\n"])
def test_refusals_by_others_are_not_the_jobs_fault(tmp_path: Path, peak: str) -> None:
    """Such as the container's own limit; or nobody knows whose it was."""
    for name, text in {"pids.events": "max 3\n", "pids.max": "20\n", "pids.peak": peak}.items():
        (tmp_path / name).write_text(text)
    assert not cgroups.Group(2, (tmp_path,)).out_of_processes()


@pytest.mark.parametrize(
    ("files", "own_fault"),
    [
        ({"memory.events": "low 0\noom 1\noom_kill 1\n"}, True),
        ({"memory.events": "low 0\noom 0\noom_kill 1\n"}, False),
        ({"memory.oom_control": "oom_kill 1\n", "memory.max_usage_in_bytes": "990\n"}, True),
        ({"memory.oom_control": "oom_kill 1\n", "memory.max_usage_in_bytes": "400\n"}, False),
    ],
)
def test_a_machine_without_memory_is_not_the_jobs_fault(tmp_path: Path, files: dict[str, str], own_fault: bool) -> None:
    """The kernel ends a process also when a group above is full; version 2 counts apart, version 1 shows the most."""
    for name, text in ({"memory.limit_in_bytes": "1000\n"} | files).items():
        (tmp_path / name).write_text(text)
    group = cgroups.Group(2 if "memory.events" in files else 1, (tmp_path,))
    assert (group.out_of_memory(), group.starved()) == (own_fault, not own_fault)
    for name in files:
        (tmp_path / name).write_text("oom_kill 0\noom 0\n")
    assert (group.out_of_memory(), group.starved()) == (False, False)


def test_removing_a_group_ends_what_runs_in_it(group: cgroups.Group) -> None:
    """A process in a session of its own, too."""
    command = ["/bin/sh", "-c", "setsid sleep 300 & exec sleep 300"]
    process = subprocess.Popen([*group.enter(), *command])
    try:
        while len(group.members()) < 2:
            assert process.poll() is None
    finally:
        group.remove()
    assert process.wait(timeout=10) == -9
    assert not any(folder.exists() for folder in group.folders)


def test_groups_of_dead_graders_are_swept_up() -> None:
    """Only empty ones whose process is gone."""
    found = cgroups.hierarchy()
    if found is None:
        pytest.skip("no control groups can be made here")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, alive = (found.parents[0] / f"{cgroups.PREFIX}{pid}-test" for pid in (ended.pid, os.getpid()))
    for folder in (dead, alive):
        folder.mkdir()
    try:
        cgroups._sweep(found)
        assert (dead.exists(), alive.exists()) == (False, True)
    finally:
        alive.rmdir()


@pytest.mark.slow
@pytest.mark.parametrize("backend", [Bubblewrap(), LocalProcess()], ids=["bubblewrap", "process"])
def test_every_promise_is_kept_without_control_groups(
    backend: Bubblewrap | LocalProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the watchdog bounds memory, and processes are found by their tree and mark."""
    reason = backend.available()
    if reason is not None:
        pytest.skip(reason)
    monkeypatch.setattr(cgroups, "hierarchy", lambda: None)
    monkeypatch.setattr("grader.sandbox.self_check.hierarchy", lambda: None)
    outcomes = run_self_check(backend)
    assert [o for o in outcomes if o.ok == "no"] == []
    assert "watchdog" in next(o.sentence for o in outcomes if o.name == "memory")
