"""``python -m benchmarks [LETTERS]``: measures, prints tables with ratios, and writes a results file."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import class_run, floor, growth, overhead, remark, same_marks, startup
from benchmarks.bench import CORES, ROOT, Bench, Section
from benchmarks.facts import facts, use_cores
from benchmarks.table import printed

RESULTS = ROOT / "benchmarks" / "results"
LETTERS: dict[str, Callable[[Bench], Section]] = {
    "a": class_run.measure_a,
    "b": class_run.measure_b,
    "c": startup.measure,
    "d": overhead.measure,
    "e": remark.measure,
    "f": growth.measure,
    "g": floor.measure,
    "s": same_marks.measure,
}
USUAL = "abcdefg"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("letters", nargs="*", choices=[*LETTERS, []], help=f"which; else {' '.join(USUAL)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, only to see that everything works")
    parser.add_argument("--data-dir", type=Path, help="folder with real MNIST (else GRADER_DATA_DIR, else stand-in)")
    parser.add_argument("--isolation", default="required", choices=("auto", "required", "process"))
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure everything that was asked for, on so many cores as everything is compared on; 1 if a letter failed."""
    asked = arguments(words)
    cores = use_cores(CORES)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        bench = Bench(
            Path(scratch),
            data_dir=asked.data_dir.absolute() if asked.data_dir else None,
            isolation=asked.isolation,
            quick=asked.quick,
        )
        machine = facts(bench, cores)
        letters = asked.letters or list(USUAL)
        sections: list[Section] = []
        for letter in letters:
            sections += measured(letter, bench)
            write(machine, sections)
    return int(len(sections) < len(letters))


def measured(letter: str, bench: Bench) -> list[Section]:
    """The letter's section, printed; none if it failed."""
    start = time.perf_counter()
    try:
        section = LETTERS[letter](bench)
    except Exception as problem:  # noqa: BLE001  what failed is said, and the other letters' hour is not lost
        print(f"({letter}) failed: {problem}\n", flush=True)
        return []
    print(f"{printed(section)}\n  measured in {time.perf_counter() - start:.0f} s\n", flush=True)
    return [section]


def write(machine: dict[str, object], sections: Sequence[Section]) -> Path:
    """Write what is known so far; one file for each run."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{str(machine['date'])[:19].replace(':', '')}.json"
    found = {section.letter: {"title": section.title, **section.figures} for section in sections}
    written = datetime.now(timezone.utc).isoformat(timespec="seconds")
    path.write_text(json.dumps({"machine": machine, "written": written, "results": found}, indent=1), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
