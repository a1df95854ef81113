"""What the probe costs a training loop: processor time with it over processor time without, by task.

``python -m benchmarks.probe_overhead``. Three processes train the same loops by turns, all with the variables of a
kernel, so with one thread each: one unwatched, one whose probe only observes, one with the probe as in a run, which
remembers items, counts work, and asks before each epoch whether the training may end, at a level that none reaches.
They take turns after every epoch, and neighbours give a ratio: what else a machine does changes from second to second,
and falls on all of them. Then new processes do the same again, six times in all, each third of them in another order.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

from grader import tasks
from grader.execute import environment
from grader.execute.sparing import Sparing
from grader.types import TaskId

TRIES = 6  # a multiple of three
OBSERVED = Sparing(remember_bytes=0)
NEVER = 1e9  # seconds of a budget that is not spent
ROOT = Path(__file__).resolve().parents[1]
TEXT = {
    "species_rows": "1 species, rows of a table",
    "mass_rows": "2 mass, rows of a table",
    "species_tensors": "1 species, ready tensors (least a step can cost)",
    "digits_cnn": "3 digits, small CNN",
    "digits_mobilenet": "3 digits, mobilenet_v3_small",
    "ellipse_cnn": "4 ellipse, small CNN",
}
TASK = dict(zip("1234", TaskId, strict=True))  # by how the text begins


@dataclass(frozen=True)
class Overhead:
    """Processor seconds of one epoch without the probe (median); the median ratios to it of an epoch that is only
    observed, and of one as in a run."""

    plain_s: float
    observed: float
    run: float


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


def measure(each_s: float = 40.0, tries: int = TRIES) -> dict[str, Overhead]:
    """Overheads by loop; each loop is trained for so many seconds, in so many tries with new processes: where things
    lie in the memory of one makes it some hundredths quicker or slower than the next."""
    rounds: dict[str, list[Sequence[float]]] = {name: [] for name in TEXT}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "grader" / "probe", Path(folder) / "grader_probe")
        for number, name in product(range(tries), rounds):
            rounds[name].extend(_one_try(folder, name, number, each_s / tries))
    return {name: _overhead(found) for name, found in rounds.items()}


def _one_try(folder: str, name: str, number: int, each_s: float) -> list[Sequence[float]]:
    """Processor seconds of an epoch unwatched, observed and as in a run, time and again. Each of the three is the first
    in a third of the tries: of three processes that do the same, the later ones were found to be 4% slower."""
    task = TASK[TEXT[name][0]]
    words = [(), (folder, _settings(task, OBSERVED)), (folder, _settings(task, as_in_a_run(task)))]
    order = [(number + place) % len(words) for place in range(len(words))]
    arms = [Arm(*words[which]) for which in order]
    try:
        found = _compare(arms, name, each_s)
    finally:
        for arm in arms:
            arm.close()
    return [[taken[order.index(which)] for which in range(len(words))] for taken in found]


def as_in_a_run(task: TaskId) -> Sparing:
    """Everything that a run of this task asks of the probe, with a level that no training reaches."""
    spec = tasks.get(task)
    level, baseline = (2.0, 0.0) if spec.higher_is_better else (-1.0, 1.0)
    spread = [] if spec.classes else [1.0] * spec.outputs
    rule = {"metric": spec.metric, "level": level, "baseline": baseline, "outputs": spec.outputs, "spread": spread}
    return Sparing(converged=rule, work=NEVER, budget_s=NEVER)


def _settings(task: TaskId, sparing: Sparing) -> str:
    return json.dumps({"task": str(task), "sparing": sparing.document()})


def _compare(arms: Sequence[Arm], name: str, each_s: float) -> list[Sequence[float]]:
    """Processor seconds of one epoch in each arm, time and again."""
    for arm in arms:
        arm.seconds(name, 4)
    rounds: list[Sequence[float]] = []
    while sum(map(sum, rounds)) < each_s:
        order = arms if len(rounds) % 2 else list(reversed(arms))
        found = {arm: arm.seconds(name, 1) for arm in order}
        rounds.append([found[arm] for arm in arms])
    return rounds


def _overhead(rounds: Sequence[Sequence[float]]) -> Overhead:
    plain, observed, run = zip(*rounds, strict=True)
    ratios = [median(after / before for before, after in zip(plain, arm, strict=True)) for arm in (observed, run)]
    return Overhead(median(plain), *ratios)


def main() -> None:
    """Print a table."""
    print(f"{'loop':50} {'without':>9} {'observed':>9} {'run':>9}")
    for name, found in measure().items():
        print(f"{TEXT[name]:50} {found.plain_s:8.3f}s {found.observed:9.3f} {found.run:9.3f}")


if __name__ == "__main__":
    main()
