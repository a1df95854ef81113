"""Attacks a backend on this machine and says which of the sandbox's promises hold."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from grader.limits import MIB, RunLimits
from grader.sandbox.cgroups import hierarchy
from grader.sandbox.protocol import JobLayout, JobSpec, RunFacts, RunningJob, Sandbox
from grader.types import Exit

CANARY = "GRADER_SELF_CHECK_CANARY"
PATIENCE_S = 30.0
OTHER_FAMILIES = (40, 38)  # AF_VSOCK reaches a virtual machine's host, AF_ALG the kernel's ciphers: no namespace helps
PREAMBLE = "import json, os, socket, sys, time\nout = os.path.join(sys.argv[1], 'answer.json')\n"
WORDS = {Exit.MEMORY: "memory", Exit.WALL_TIME: "time", Exit.PROCESSES: "processes", Exit.DISK: "files"}
ANSWER = "with open(out, 'w') as stream:\n    json.dump({'got': got}, stream)\n"


@dataclass(frozen=True)
class CheckOutcome:
    """One promise: whether it holds here, and a sentence."""

    name: str
    ok: Literal["yes", "no", "not promised"]
    sentence: str


@dataclass(frozen=True)
class Attempt:
    """What one attacking program got (None: it could not say) and how it ended."""

    got: object
    facts: RunFacts
    warm: bool = False


def run_self_check(sandbox: Sandbox) -> list[CheckOutcome]:
    """Try to break each promise once; takes some seconds. Raises ``SandboxUnavailable`` if nothing can be started."""
    isolates = sandbox.name != "process"
    checks: list[tuple[str, bool, Callable[[Sandbox], tuple[bool, str]]]] = [
        ("files", isolates, _files),
        ("environment", True, _environment),
        ("network", isolates, _network),
        ("writing", isolates, _writing),
        ("the kernel's settings", isolates, _kernel),
        ("other processes", isolates, _others),
        ("memory", True, _memory),
        ("process count", True, _count),
        ("disk", True, _disk),
        ("output", True, _output),
        ("time", True, _time),
        ("survivors", True, _survivors),
    ]
    found = []
    for name, promised, check in checks:
        if not promised:
            found.append(CheckOutcome(name, "not promised", f"The {sandbox.name} backend does not isolate this."))
            continue
        holds, sentence = check(sandbox)
        found.append(CheckOutcome(name, "yes" if holds else "no", sentence))
    return found


def starts_warm(sandbox: Sandbox) -> bool:
    """Whether a Python program is forked from the sandbox's fork server here."""
    return _attempt(sandbox, "got = 1\n").warm


def _files(sandbox: Sandbox) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret.txt"
        secret.write_text("secret", encoding="utf-8")
        code = f"try:\n    got = open({str(secret)!r}).read()\nexcept OSError:\n    got = ''\n"
        attempt = _attempt(sandbox, code)
    return attempt.got == "", _say(attempt, "", "A file outside the job cannot be read.", "A secret file was read.")


def _environment(sandbox: Sandbox) -> tuple[bool, str]:
    os.environ[CANARY] = "canary"
    try:
        attempt = _attempt(sandbox, f"got = os.environ.get({CANARY!r}, '')\n")
    finally:
        del os.environ[CANARY]
    return attempt.got == "", _say(
        attempt, "", "The grader's environment variables cannot be seen.", "An environment variable leaked."
    )


def _network(sandbox: Sandbox) -> tuple[bool, str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()[:2]
        code = (
            f"try:\n    socket.create_connection({address!r}, timeout=2).close()\n    got = 'connected'\n"
            "except OSError:\n    got = ''\n"
            f"for family in {OTHER_FAMILIES!r}:\n"
            "    try:\n        socket.socket(family, socket.SOCK_STREAM).close()\n        got = 'made'\n"
            "    except OSError:\n        pass\n"
        )
        attempt = _attempt(sandbox, code)
    return attempt.got == "", _say(
        attempt,
        "",
        "This machine's network cannot be reached.",
        "A listener on this machine was reached, or a socket to a neighbouring machine made.",
    )


def _writing(sandbox: Sandbox) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        name = f"self-check-{uuid.uuid4().hex}"
        places = [str(Path(p) / name) for p in (folder, sys.prefix, "/usr", "/")]
        code = (
            "got = []\n"
            f"for place in {places!r}:\n"
            "    try:\n        open(place, 'w').close()\n        got.append(place)\n    except OSError:\n        pass\n"
        )
        attempt = _attempt(sandbox, code)
        written = [place for place in places if os.path.lexists(place)]
    for place in written:
        Path(place).unlink(missing_ok=True)
    holds = attempt.got == [] and not written
    return holds, _say(attempt, [], "Nothing outside the job can be written.", "A file outside the job was written.")


def _kernel(sandbox: Sandbox) -> tuple[bool, str]:
    """To open a setting is enough to know; where root runs the grader, user namespaces alone do not prevent it."""
    code = (
        "got = []\n"
        "for folder, _, names in os.walk('/proc/sys'):\n"
        "    for name in names:\n"
        "        try:\n            os.close(os.open(os.path.join(folder, name), os.O_WRONLY))\n"
        "            got.append(name)\n        except OSError:\n            pass\n"
    )
    attempt = _attempt(sandbox, code)
    return attempt.got == [], _say(
        attempt, [], "The kernel's settings cannot be changed.", "A setting of this machine's kernel can be changed."
    )


def _memory(sandbox: Sandbox) -> tuple[bool, str]:
    code = "got = []\nwhile True:\n    got.append(bytearray(16 * 1024 * 1024))\n    time.sleep(0.01)\n"
    holds, sentence = _ends(sandbox, code, RunLimits(wall_s=PATIENCE_S, memory_bytes=256 * MIB), Exit.MEMORY)
    how = "a control group" if hierarchy() is not None else "a watchdog that looks five times a second"
    return holds, f"{sentence} It is kept by {how}."


def _others(sandbox: Sandbox) -> tuple[bool, str]:
    mark = f"self-check-{uuid.uuid4().hex}"
    victim = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(60)", mark])
    code = (
        "got = []\n"
        "for name in filter(str.isdigit, os.listdir('/proc')):\n"
        "    try:\n"
        f"        if {mark!r} in open(f'/proc/{{name}}/cmdline').read():\n"
        "            got.append(name)\n            os.kill(int(name), 9)\n"
        "    except OSError:\n        pass\n"
    )
    try:
        attempt = _attempt(sandbox, code)
        ended = victim.poll() is not None
    finally:
        victim.kill()
        victim.wait()
    return attempt.got == [] and not ended, _say(
        attempt, [], "Other processes can be neither seen nor ended.", "A process of this machine was seen or ended."
    )


def _count(sandbox: Sandbox) -> tuple[bool, str]:
    code = (
        "import subprocess\n"
        "got = [subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']) for _ in range(40)]\n"
        "time.sleep(60)\n"
    )
    return _ends(sandbox, code, RunLimits(wall_s=PATIENCE_S, processes=12), Exit.PROCESSES)


def _disk(sandbox: Sandbox) -> tuple[bool, str]:
    code = (
        "for number in range(64):\n    open(f'part{number}', 'wb').write(os.urandom(1024 * 1024))\n"
        "time.sleep(60)\ngot = ''\n"
    )
    return _ends(sandbox, code, RunLimits(wall_s=PATIENCE_S, disk_bytes=8 * MIB), Exit.DISK)


def _output(sandbox: Sandbox) -> tuple[bool, str]:
    code = "for _ in range(256):\n    os.write(1, b'x' * 1024 * 1024)\ngot = 'written'\n"
    before = psutil.Process().memory_info().rss
    attempt = _attempt(sandbox, code)
    holds = attempt.got == "written" and psutil.Process().memory_info().rss - before < 64 * MIB
    return holds, _say(
        attempt,
        "written",
        "A flood of output does not fill the grader's memory.",
        "A flood of output filled the grader's memory.",
        broken=not holds,
    )


def _ends(sandbox: Sandbox, code: str, limits: RunLimits, wanted: Exit) -> tuple[bool, str]:
    facts = _attempt(sandbox, code, limits=limits).facts
    if facts.exit is wanted:
        return True, f"The limit on {WORDS[wanted]} ends a run."
    return False, f"The limit on {WORDS[wanted]} did not end the run ({facts.exit})."


def _time(sandbox: Sandbox) -> tuple[bool, str]:
    return _ends(sandbox, "while True:\n    time.sleep(1)\n", RunLimits(wall_s=2.0), Exit.WALL_TIME)


def _survivors(sandbox: Sandbox) -> tuple[bool, str]:
    mark = f"self-check-{uuid.uuid4().hex}"
    child = f"import time; time.sleep(300)  # {mark}"
    code = (
        "import subprocess\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
        "got = 'started'\n"
    )
    attempt = _attempt(sandbox, code)
    left = []
    for process in psutil.process_iter(["cmdline"]):
        if any(mark in word for word in process.info["cmdline"] or []):
            left.append(process)
            process.kill()
    holds = attempt.got == "started" and not left
    return holds, _say(
        attempt, "started", "No process outlives a run.", "A process outlived its run.", broken=bool(left)
    )


def _say(attempt: Attempt, wanted: object, good: str, bad: str, *, broken: bool = False) -> str:
    if attempt.got is None:
        return f"The test program gave no answer ({attempt.facts.exit}: {attempt.facts.sentence or 'no reason'})."
    return good if attempt.got == wanted and not broken else bad


def _attempt(sandbox: Sandbox, code: str, *, limits: RunLimits | None = None) -> Attempt:
    """Run ``code`` as a job of its own; it may leave an answer in ``got``."""
    layout = JobLayout(Path(tempfile.mkdtemp(prefix="g")).resolve())
    try:
        for folder in (layout.work, layout.out, layout.run, layout.world, layout.heldout):
            folder.mkdir()
        program = layout.work / "attack.py"
        program.write_text(PREAMBLE + code + ANSWER, encoding="utf-8")
        argv = [sys.executable, str(sandbox.inside(layout, program)), str(sandbox.inside(layout, layout.out))]
        used = limits or RunLimits(wall_s=PATIENCE_S)
        job = sandbox.start(JobSpec(layout=layout, argv=argv, cwd=layout.work, limits=used))
        return Attempt(facts=_finish(job), got=_answer(layout.out / "answer.json"), warm=job.warm)
    finally:
        shutil.rmtree(layout.base, ignore_errors=True)


def _finish(job: RunningJob) -> RunFacts:
    deadline = time.monotonic() + PATIENCE_S + 5
    pause = threading.Event()
    while job.alive() and job.limit_hit() is None and time.monotonic() < deadline:
        pause.wait(0.05)
    return job.stop()


def _answer(path: Path) -> object:
    try:
        content: Mapping[str, object] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("got") if isinstance(content, dict) else None
