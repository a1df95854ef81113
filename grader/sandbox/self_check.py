"""Attacks a backend on this machine and says which of the sandbox's promises hold."""

import json
import os
import shutil
import socket
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
from grader.sandbox.protocol import JobLayout, JobSpec, RunFacts, Sandbox
from grader.types import Exit

CANARY = "GRADER_SELF_CHECK_CANARY"
PATIENCE_S = 30.0
OTHER_FAMILIES = (40, 38)  # AF_VSOCK reaches a virtual machine's host, AF_ALG the kernel's ciphers: no namespace helps
PREAMBLE = "import json, os, socket, sys, time\nout = os.path.join(sys.argv[1], 'answer.json')\n"
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


def run_self_check(sandbox: Sandbox) -> list[CheckOutcome]:
    """Try to break each promise once; takes some seconds. Raises ``SandboxUnavailable`` if nothing can be started."""
    isolates = sandbox.name != "process"
    checks: list[tuple[str, bool, Callable[[Sandbox], tuple[bool, str]]]] = [
        ("files", isolates, _files),
        ("environment", True, _environment),
        ("network", isolates, _network),
        ("writing", isolates, _writing),
        ("memory", True, _memory),
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


def _memory(sandbox: Sandbox) -> tuple[bool, str]:
    code = "got = []\nwhile True:\n    got.append(bytearray(16 * 1024 * 1024))\n    time.sleep(0.01)\n"
    facts = _attempt(sandbox, code, limits=RunLimits(wall_s=PATIENCE_S, memory_bytes=256 * MIB)).facts
    holds = facts.exit is Exit.MEMORY
    return holds, "The memory limit ends a run." if holds else f"The memory limit did not end the run ({facts.exit})."


def _time(sandbox: Sandbox) -> tuple[bool, str]:
    facts = _attempt(sandbox, "while True:\n    time.sleep(1)\n", limits=RunLimits(wall_s=2.0)).facts
    holds = facts.exit is Exit.WALL_TIME
    return holds, "The time limit ends a run." if holds else f"The time limit did not end the run ({facts.exit})."


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
        facts = _finish(sandbox, JobSpec(layout=layout, argv=argv, cwd=layout.work, limits=used))
        return Attempt(_answer(layout.out / "answer.json"), facts)
    finally:
        shutil.rmtree(layout.base, ignore_errors=True)


def _finish(sandbox: Sandbox, spec: JobSpec) -> RunFacts:
    job = sandbox.start(spec)
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
