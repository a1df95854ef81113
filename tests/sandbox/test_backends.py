"""One contract for all backends: how a job starts, ends, hits limits, and what is left of it."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from grader.errors import SandboxUnavailable
from grader.limits import MIB, RunLimits
from grader.sandbox import choose as choose_module
from grader.sandbox import trial as trial_module
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.choose import choose
from grader.sandbox.process import LocalProcess
from grader.sandbox.protocol import JobLayout, JobSpec, RunFacts, RunningJob, Sandbox
from grader.sandbox.self_check import run_self_check
from grader.types import Exit, Isolation

Start = Callable[..., RunningJob]


@pytest.fixture(params=["bubblewrap", "warm bubblewrap", "process"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each backend that can be used here, and bubblewrap with a fork server."""
    forks = request.getfixturevalue("forks") if request.param == "warm bubblewrap" else None
    backend: Sandbox = LocalProcess() if request.param == "process" else Bubblewrap(forks=forks)
    reason = backend.available()
    if reason is not None:
        pytest.skip(reason)
    return backend


@pytest.fixture
def layout(tmp_path: Path) -> JobLayout:
    """Folders of a job."""
    layout = JobLayout(tmp_path / "j")
    for folder in (layout.work, layout.out, layout.run, layout.world, layout.heldout):
        folder.mkdir(parents=True)
    return layout


@pytest.fixture
def start(request: pytest.FixtureRequest, sandbox: Sandbox, layout: JobLayout) -> Iterator[Start]:
    """Starts Python code as a job and ends it after the test."""
    jobs: list[RunningJob] = []

    def begin(code: str, limits: RunLimits | None = None) -> RunningJob:
        program = layout.work / "program.py"
        program.write_text(code, encoding="utf-8")
        argv = [sys.executable, str(sandbox.inside(layout, program))]
        job = sandbox.start(JobSpec(layout=layout, argv=argv, cwd=layout.work, limits=limits or RunLimits(wall_s=60)))
        jobs.append(job)
        assert job.warm == ("warm" in request.node.name)
        return job

    yield begin
    for job in jobs:
        job.stop()


def ended(job: RunningJob, patience: float = 60.0) -> RunFacts:
    """The facts once the job has ended by itself or by a limit."""
    deadline = time.monotonic() + patience
    while job.alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    return job.stop()


@pytest.mark.slow
def test_a_normal_end_is_finished(start: Start, layout: JobLayout) -> None:
    """Exit code 0, a file written where jobs may write, and stopping again says the same."""
    job = start("open('../out/answer', 'w').write('42'); print('bye')")
    facts = ended(job)
    assert (facts.exit, facts.exit_code, facts.sentence) == (Exit.FINISHED, 0, "")
    assert (layout.out / "answer").read_text() == "42"
    assert "bye" in job.last_words()
    assert job.stop() == facts
    assert not job.alive()


@pytest.mark.slow
def test_a_failing_command_is_a_fact_not_an_error(start: Start) -> None:
    """Its exit code or signal is told."""
    facts = ended(start("raise SystemExit(7)"))
    assert (facts.exit, facts.exit_code) == (Exit.CRASHED, 7)
    facts = ended(start("import ctypes; ctypes.string_at(0)"))
    assert (facts.exit, facts.signal) == (Exit.CRASHED, 11)
    assert "SIGSEGV" in facts.sentence


@pytest.mark.slow
def test_an_interrupt_reaches_the_main_process(start: Start, layout: JobLayout) -> None:
    """As Ctrl-C would."""
    job = start(
        "import time\ntry:\n    open('../out/ready', 'w').close()\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    open('../out/caught', 'w').close()\n"
    )
    deadline = time.monotonic() + 30
    while not (layout.out / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    job.interrupt()
    assert ended(job).exit is Exit.FINISHED
    assert (layout.out / "caught").exists()
    job.interrupt()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "limits", "exit_", "word"),
    [
        ("while True: pass", RunLimits(cpu_s=0.5, wall_s=60), Exit.CPU_TIME, "processor time"),
        (
            "import os\nfor i in range(40): open(f'f{i}', 'wb').write(os.urandom(2**20))\nimport time; time.sleep(60)",
            RunLimits(disk_bytes=16 * MIB, wall_s=60),
            Exit.DISK,
            "16 MiB of files",
        ),
        (
            "import os, time\nfor i in range(30):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)",
            RunLimits(processes=20, wall_s=60),
            Exit.PROCESSES,
            "20 processes",
        ),
    ],
)
def test_each_limit_has_its_status_and_sentence(
    start: Start, code: str, limits: RunLimits, exit_: Exit, word: str
) -> None:
    """Memory and wall time are in the self-check."""
    job = start(code, limits)
    facts = ended(job)
    assert facts.exit is exit_
    assert word in facts.sentence
    assert job.limit_hit() == facts


@pytest.mark.slow
def test_every_promise_is_kept(sandbox: Sandbox) -> None:
    """The self-check attacks the backend; what it does not promise, it says."""
    outcomes = {o.name: o for o in run_self_check(sandbox)}
    assert [o for o in outcomes.values() if o.ok == "no"] == []
    unpromised = {name for name, o in outcomes.items() if o.ok == "not promised"}
    weak = {"files", "network", "writing", "the kernel's settings", "other processes"}
    assert unpromised == (set() if sandbox.name == "bubblewrap" else weak)


@pytest.mark.slow
@pytest.mark.parametrize("warm", [False, True])
def test_the_program_inside_has_no_privileges(layout: JobLayout, forks: str, warm: bool) -> None:
    """An ordinary user without capabilities, who can gain none, behind a filter of system calls, without namespaces."""
    backend = Bubblewrap(forks=forks if warm else None)
    if backend.available() is not None:
        pytest.skip("no bubblewrap here")
    program = layout.work / "program.py"
    program.write_text(
        "import ctypes, os, shutil\nshutil.copy('/proc/self/status', '../out/status')\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "refused = [libc.unshare(0x10000000), libc.setns(0, 0), libc.mount(b'a', b'/tmp', b'tmpfs', 0, None),"
        " libc.ptrace(0, 0, 0, 0), libc.chroot(b'/tmp')]\n"
        "open('../out/refused', 'w').write(f'{os.getuid()} {refused}')\n"
    )
    argv = [sys.executable, str(backend.inside(layout, program))]
    facts = ended(backend.start(JobSpec(layout=layout, argv=argv, cwd=layout.work)))
    assert facts.exit is Exit.FINISHED
    status = dict(line.split(":\t", 1) for line in (layout.out / "status").read_text().splitlines() if ":\t" in line)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (layout.out / "refused").read_text() == "1000 [-1, -1, -1, -1, -1]"


@pytest.mark.slow
def test_a_sandbox_that_cannot_be_set_up_is_not_a_crash_of_the_command(layout: JobLayout, forks: str) -> None:
    """No exit code is reported for a command that never ran."""
    backend = Bubblewrap(forks=forks)
    if backend.available() is not None:
        pytest.skip("no bubblewrap here")
    missing = layout.base / "missing"
    job = backend.start(JobSpec(layout=layout, argv=[sys.executable, "x"], cwd=layout.work, read_only=[missing]))
    facts = ended(job)
    assert facts.exit is Exit.NOT_STARTED
    assert "could not be set up" in facts.sentence


def test_a_missing_bubblewrap_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Required isolation fails closed, automatic choice falls back and says so."""

    class Missing(Bubblewrap):
        def __init__(self, *, forks: str | None = None) -> None:
            super().__init__("no-such-bwrap", forks=forks)

    monkeypatch.setattr(choose_module, "Bubblewrap", Missing)
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        choose(Isolation.REQUIRED)
    backend, sentence = choose(Isolation.AUTO)
    assert backend.name == "process"
    assert "without isolation" in sentence


def test_ubuntus_restriction_is_recognised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The advice names the switch that matters."""
    switch = tmp_path / "switch"
    switch.write_text("1\n")
    monkeypatch.setattr(trial_module, "UBUNTU_SWITCH", switch)
    assert "apparmor_restrict_unprivileged_userns" in trial_module.advice()


@pytest.mark.slow
def test_stopping_leaves_no_process(start: Start, layout: JobLayout) -> None:
    """Not even one that moved to a session of its own and lost its parent."""
    job = start(
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', 'left-by-test'],"
        " start_new_session=True)\n"
        "time.sleep(1)\nopen('../out/ready', 'w').close()\ntime.sleep(300)\n"
    )
    deadline = time.monotonic() + 30
    while not (layout.out / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    job.stop()
    assert not [p for p in psutil.process_iter(["cmdline"]) if "left-by-test" in (p.info["cmdline"] or [])]
