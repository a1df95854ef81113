"""What the probe costs a training loop: processor time with it over processor time without, by task.

``python -m benchmarks.probe_overhead``. Two processes, one of them watched, train the same loops by turns, so that both
see the same state of the machine; the ratio is the median over the rounds. Each uses one thread.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
EPOCHS = {
    "species_rows": 12,
    "mass_rows": 12,
    "species_tensors": 30,
    "digits_cnn": 4,
    "digits_mobilenet": 1,
    "ellipse_cnn": 2,
}
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
    """Processor seconds of one block of a loop without and with the probe (medians), and the median of their ratios."""

    plain_s: float
    watched_s: float
    ratio: float


class Arm:
    """A process that trains on demand."""

    def __init__(self, *arguments: str) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        command = [sys.executable, "-m", "benchmarks.training_loops", *arguments]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **threads}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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


def measure(rounds: int = 9, epochs: Mapping[str, int] = EPOCHS) -> dict[str, Overhead]:
    """Overheads by loop; one further round, the first, is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "grader" / "probe", Path(folder) / "grader_probe")
        plain, watched = Arm(), Arm(folder)
        try:
            return {name: _compare(plain, watched, (name, count), rounds) for name, count in epochs.items()}
        finally:
            plain.close()
            watched.close()


def _compare(plain: Arm, watched: Arm, work: tuple[str, int], rounds: int) -> Overhead:
    pairs = [(plain.seconds(*work), watched.seconds(*work)) for _ in range(rounds + 1)][1:]
    ratio = median(after / before for before, after in pairs)
    return Overhead(median(p[0] for p in pairs), median(p[1] for p in pairs), ratio)


def main() -> None:
    """Print a table."""
    print(f"{'loop':50} {'without':>9} {'with':>9} {'ratio':>7}")
    for name, found in measure().items():
        print(f"{TEXT[name]:50} {found.plain_s:8.3f}s {found.watched_s:8.3f}s {found.ratio:7.3f}")


if __name__ == "__main__":
    main()
