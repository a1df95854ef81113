"""What the probe costs a training loop: processor time with it over processor time without, by task.

``python -m benchmarks.probe_overhead``. Two processes, one of them watched, train the same loops by turns, both with
the variables of a kernel, so with one thread each. They take turns after every epoch, and each pair of neighbours gives
a ratio: what else a machine does changes from second to second, and falls on both of a pair.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from grader.execute import environment

ROOT = Path(__file__).resolve().parents[1]
TEXT = {
    "species_rows": "1 species, rows of a table",
    "mass_rows": "2 mass, rows of a table",
    "species_tensors": "1 species, ready tensors (least a step can cost)",
    "digits_cnn": "3 digits, small CNN",
    "digits_mobilenet": "3 digits, mobilenet_v3_small",
    "ellipse_cnn": "4 ellipse, small CNN",
}


@dataclass(frozen=True)
class Overhead:
    """Processor seconds of one epoch without and with the probe (medians), and the median of the pairs' ratios."""

    plain_s: float
    watched_s: float
    ratio: float


class Arm:
    """A process that trains on demand."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.training_loops", *arguments]
        variables = {**os.environ, **environment("cpu")}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self, name: str, epochs: int) -> float:
        """Processor seconds that so many epochs took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{name} {epochs}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def measure(each_s: float = 40.0) -> dict[str, Overhead]:
    """Overheads by loop; each loop is trained for so many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "grader" / "probe", Path(folder) / "grader_probe")
        plain, watched = Arm(), Arm(folder)
        try:
            return {name: _compare(plain, watched, name, each_s) for name in TEXT}
        finally:
            plain.close()
            watched.close()


def _compare(plain: Arm, watched: Arm, name: str, each_s: float) -> Overhead:
    for arm in (plain, watched):
        arm.seconds(name, 2)
    pairs: list[tuple[float, float]] = []
    while sum(map(sum, pairs)) < each_s:
        first, second = (plain, watched) if len(pairs) % 2 else (watched, plain)
        found = {arm: arm.seconds(name, 1) for arm in (first, second)}
        pairs.append((found[plain], found[watched]))
    ratio = median(after / before for before, after in pairs)
    return Overhead(median(p[0] for p in pairs), median(p[1] for p in pairs), ratio)


def main() -> None:
    """Print a table."""
    print(f"{'loop':50} {'without':>9} {'with':>9} {'ratio':>7}")
    for name, found in measure().items():
        print(f"{TEXT[name]:50} {found.plain_s:8.3f}s {found.watched_s:8.3f}s {found.ratio:7.3f}")


if __name__ == "__main__":
    main()
