"""Writes the class, marks it with ``grader batch``, and prints where marks are not what they must be.

python -m tests.validity [--only PATTERN] [--data-dir DIR] [--out DIR] [-j N]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.validity.everything import cases
from tests.validity.model import Case
from tests.validity.verdicts import Outcome, Verdict, judge
from tests.validity.writing import write_class

DEVIATES = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if the thresholds hold."""
    given = parser("python -m tests.validity", __doc__ or "").parse_args(arguments)
    chosen = cases(given.only)
    if not chosen:
        print(f"No case is called like {given.only!r}.")
        return DEVIATES
    with tempfile.TemporaryDirectory() as temporary:
        out = (given.out or Path(temporary)).absolute()
        verdict = judge(chosen, marked(chosen, out, given))
    print(table(verdict, everything=given.all))
    print(verdict.summary())
    return 0 if verdict.holds else DEVIATES


def parser(program: str, about: str) -> argparse.ArgumentParser:
    """Of a command that marks a part of the class; ``about``: its module's docstring."""
    parser = argparse.ArgumentParser(prog=program, description=about.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default="", metavar="PATTERN", help="a regular expression, or: correct, wrong")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder with MNIST, else stand-in digits")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the class, its pages and its runs there")
    parser.add_argument("--isolation", default="auto", choices=("auto", "required", "process"))
    parser.add_argument("--all", action="store_true", help="print a line for every case")
    parser.add_argument("-j", "--workers", type=int, metavar="N", help="files at once")
    return parser


def marked(chosen: Sequence[Case], out: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The results document of the class. ``RuntimeError`` if there is none."""
    students = _cleared(out / "class")
    write_class(chosen, students)
    words = [sys.executable, "-m", "grader", "batch", str(students), "--out", str(out / "pages")]
    words += ["--store", str(out / "runs"), "--isolation", given.isolation, "--device", "cpu"]
    words += ["--data-dir", str(given.data_dir)] if given.data_dir else []
    words += ["--workers", str(given.workers)] if given.workers else []
    results = out / "pages" / "results.json"
    results.unlink(missing_ok=True)
    code = subprocess.run(words, check=False).returncode
    if not results.is_file():
        raise RuntimeError(f"grader batch ended with {code} and left no results")
    document: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    return document


def _cleared(folder: Path) -> Path:
    """``folder`` without the cases that an earlier run wrote there."""
    for case in cases():
        shutil.rmtree(folder / case.name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def table(verdict: Verdict, *, everything: bool = False) -> str:
    """A line for each case that deviates, or for every one."""
    shown = [one for one in verdict.outcomes if everything or one.deviations()]
    width = max((len(one.case.name) for one in shown), default=0)
    return "\n".join(_line(one, width) for one in shown)


def _line(one: Outcome, width: int) -> str:
    kind = one.case.fault or "correct"
    said = "; ".join(one.deviations()) or ("lost: " + ", ".join(one.lost) if one.lost else "as it must be")
    return f"{one.case.name:{width}}  {kind:12}  {one.points:5.1f}  {one.seconds:5.1f} s  {said}"


if __name__ == "__main__":
    sys.exit(main())
