"""Starts the grader as a user does, as a command in a process of its own, and reads what it wrote."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import CORES, ROOT, Bench

WATCHED = ROOT / "tests" / "hostile" / "watched.py"
DONE = 0


LONG_S = 3_600  # what the longest training of the class takes to its end on a slow machine, and more


@dataclass(frozen=True)
class Run:
    """A finished ``grader batch``: wall seconds of the command, its results document, its store, what it said, and
    the most memory (MiB) that its own processes outside of sandboxes took, and of these apart the server that warm
    starts are forked from (0 if nobody looked)."""

    seconds: float
    document: dict[str, Any]
    store: Path
    said: str
    peak_mib: float = 0.0
    server_mib: float = 0.0

    def tasks(self) -> dict[str, dict[str, Any]]:
        """The one task of each student."""
        return {found["student"]: found["tasks"][0] for found in self.document["submissions"]}


@dataclass(frozen=True)
class Options:
    """How ``grader batch`` is called. ``checkout``: whose grader; ``watch``: note its memory."""

    store: Path
    full: bool = False
    workers: int = CORES
    checkout: Path = ROOT
    watch: bool = False


def batch(bench: Bench, students: Path, options: Options) -> Run:
    """Mark a folder of students. Raises ``RuntimeError`` with what the command said if it did not end well."""
    out = bench.folder("out")
    words = [sys.executable, "-m", "grader", *_words(bench, students, options), "--out", str(out / "pages")]
    report = out / "watched.json"
    if options.watch:
        words = [sys.executable, str(WATCHED), str(report), *words]
    environment = {**os.environ, "PYTHONPATH": str(options.checkout)}
    start = time.perf_counter()
    done = subprocess.run(words, cwd=out, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    watched = json.loads(report.read_text(encoding="utf-8")) if options.watch else {"code": done.returncode}
    if watched["code"] != DONE:
        raise RuntimeError(f"grader batch ended with {watched['code']}: {done.stderr[-2000:]}")
    document = json.loads((out / "pages" / "results.json").read_text(encoding="utf-8"))
    return Run(
        seconds, document, options.store, done.stderr, watched.get("peak_mib", 0.0), watched.get("forks_mib", 0.0)
    )


def _words(bench: Bench, students: Path, options: Options) -> Sequence[str]:
    words = ["batch", str(students), "--store", str(options.store), "-j", str(options.workers)]
    words += ["--isolation", bench.isolation, "--device", "cpu"]
    words += ["--full", "--time-limit", str(LONG_S)] if options.full else []
    return [*words, *(["--data-dir", str(bench.data_dir)] if bench.data_dir is not None else [])]
