"""Whole runs of small notebooks: what each kind of trouble leaves in the evidence. Each test starts one kernel."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from grader.evidence.bundle import Evidence
from grader.execute import run
from grader.intake.submission import Cell, TaskFile
from grader.limits import MIB, RunLimits
from grader.sandbox.choose import choose
from grader.sandbox.process import LocalProcess
from grader.sandbox.protocol import Sandbox
from grader.sandbox.reaper import reaper
from grader.tasks import build_world
from grader.tasks.model import World
from grader.types import CellStatus, Exit, Isolation, TaskId

pytestmark = pytest.mark.slow

TRAINING = """\
import torch
from torch import nn
from palmerpenguins import load_penguins
table = load_penguins().dropna()
columns = ['bill_length_mm', 'bill_depth_mm', 'flipper_length_mm', 'body_mass_g']
x = torch.tensor(table[columns].to_numpy(), dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(table.species.astype('category').cat.codes.to_numpy()).long()
model = nn.Linear(4, 3)
optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(5):
    model.train()
    optimiser.zero_grad()
    loss = nn.functional.cross_entropy(model(x[:200]), y[:200])
    loss.backward()
    optimiser.step()
    model.eval()
    with torch.no_grad():
        nn.functional.cross_entropy(model(x[200:]), y[200:])
print(float(loss))
"""
Execute = Callable[..., Evidence]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The penguins world."""
    return build_world(TaskId.PENGUINS_CLASSIFICATION, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def execute(world: World, tmp_path: Path) -> Execute:
    """Runs cells as a notebook; checks that neither a process nor a folder is left."""

    def begin(
        *sources: str, limits: RunLimits | None = None, kind: str = "notebook", box: Sandbox | None = None
    ) -> Evidence:
        path = tmp_path / "s" / "a.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
        cells = tuple(Cell(i * 2, source) for i, source in enumerate(sources))
        file = TaskFile(TaskId.PENGUINS_CLASSIFICATION, path, path.parent, kind, cells, "d")  # type: ignore[arg-type]
        used = limits or RunLimits(cell_s=60, finish_s=60)
        sandbox = box or choose(Isolation.AUTO)[0]
        reaper()  # started once for this process
        before = set(psutil.Process().children(recursive=True))  # the test runner may have helpers of its own
        evidence = run(file, "ada", world=world, sandbox=sandbox, limits=used)
        assert set(psutil.Process().children(recursive=True)) <= before
        return evidence

    return begin


def statuses(evidence: Evidence) -> list[CellStatus]:
    """Of the cells in order."""
    return [cell.status for cell in evidence.document.cells]


def test_a_notebook_runs_on_past_errors_questions_and_time_outs(execute: Execute) -> None:
    """Training is seen and held-out predictions come back although several cells fail."""
    evidence = execute(
        TRAINING,
        "1 / 0  # a comment\n\n# another",
        "while input('more?') != 'no':\n    pass",
        "import time\nwhile True:\n    time.sleep(0.05)",
        "%pip install no-such-package\n6 * 7",
        "lone = '\ud800'\nexit()",
        "import sys\nsys.exit(0)",
        "import time\ntime.sleep(0.5)  # a kernel that was asked to exit would be gone by now",
        limits=RunLimits(cell_s=25, finish_s=60),
    )
    document = evidence.document
    assert statuses(evidence) == [
        CellStatus.OK,
        CellStatus.ERROR,
        CellStatus.ERROR,
        CellStatus.TIMEOUT,
        CellStatus.OK,
        CellStatus.OK,
        CellStatus.ERROR,
        CellStatus.OK,
    ]
    assert [c.index for c in document.cells] == [0, 2, 4, 6, 8, 10, 12, 14]
    division = document.cells[1]
    assert division.error is not None
    assert division.error.name == "ZeroDivisionError"
    assert "\x1b" not in division.error.traceback
    assert (division.lines, division.has_output, document.cells[0].has_output) == (1, False, True)
    assert document.host.exit is Exit.FINISHED
    assert document.host.world
    assert document.claims is not None
    assert document.claims.complete
    assert document.claims.marked is not None
    assert document.claims.marked.steps == 5
    assert document.heldout is not None
    assert [a.method for a in document.heldout.attempts if a.ok] == ["input-map"]
    assert evidence.arrays["mapped_outputs"].shape == (60, 3)
    assert document.problems == []


def test_screens_keyboards_and_extensions_that_are_not_there_stop_no_cell(execute: Execute) -> None:
    """Such lines stand above imports. A debugger ends at once, and so does a loop that waits for a certain answer."""
    evidence = execute(
        "%matplotlib widget\nimport math",
        "%matplotlib qt\n%matplotlib tk\n%matplotlib notebook\nimport random",
        "import matplotlib\nmatplotlib.use('TkAgg')\nfrom matplotlib import pyplot as plt",
        "plt.switch_backend(newbackend='QtAgg')",
        "plt.style.use('seaborn')\nplt.style.use(['science', 'ggplot'])\nassert plt.rcParams['axes.grid']",
        "with plt.style.context('no-such-style'):\n    plt.plot([math.pi, random.random()])\nplt.show()",
        "%conda install -y torch\n%load_ext no_such_board\n%no_such_board --logdir runs\n%load_ext autoreload",
        "import getpass\nassert int(input('How many? ') or 3) == 3\nassert getpass.getpass('key') == ''",
        "%%shell --ignore-errors\necho hello",
        "import pdb\npdb.set_trace()\nx = 1",
        "import matplotlib\nmatplotlib.use('no-such-backend')",
    )
    assert statuses(evidence) == [CellStatus.OK] * 9 + [CellStatus.ERROR] * 2
    assert [cell.has_output for cell in evidence.document.cells][8]
    assert evidence.document.claims is not None
    notes = " ".join(evidence.document.claims.notes)
    for words in ("in a window", "style of plots", "not installed when", "extension of Jupyter", "empty line"):
        assert words in notes


def test_a_kernel_that_ends_itself_keeps_what_was_before(execute: Execute) -> None:
    """Exit code 0 is no success, and the cells after it were not run."""
    evidence = execute("1", "import os\nos._exit(0)", "2", box=LocalProcess())
    assert statuses(evidence) == [CellStatus.OK, CellStatus.ERROR, CellStatus.NOT_RUN]
    assert evidence.document.host.exit is Exit.CRASHED
    assert "ended its own Python process" in evidence.document.host.sentence
    assert evidence.document.problems


def test_a_flood_of_output_ends_the_run_with_its_own_status(execute: Execute) -> None:
    """The training before it is still collected."""
    flood = "from IPython.display import display\nwhile True: display({'text/plain': 'y' * 2**20}, raw=True)"
    evidence = execute(TRAINING, flood, "1", limits=RunLimits(output_bytes=8 * MIB, cell_s=60, finish_s=60))
    assert statuses(evidence) == [CellStatus.OK, CellStatus.ERROR, CellStatus.NOT_RUN]
    assert evidence.document.host.exit is Exit.OUTPUT
    assert "8 MiB" in evidence.document.host.sentence
    assert evidence.document.claims is not None


def test_output_of_a_thread_counts_whichever_cell_it_belongs_to(execute: Execute) -> None:
    """Nested data of an earlier cell's thread, while a later cell runs."""
    thread = (
        "import threading\nfrom IPython.display import display\ndef flood():\n"
        "    while True: display({'application/json': {'a': {'b': ['q' * 2**20]}}}, raw=True)\n"
        "threading.Thread(target=flood, daemon=True).start()"
    )
    limits = RunLimits(output_bytes=8 * MIB, cell_s=60, finish_s=60)
    evidence = execute(thread, "import time\ntime.sleep(55)", "1", limits=limits)
    assert evidence.document.host.exit is Exit.OUTPUT
    assert statuses(evidence)[-1] is CellStatus.NOT_RUN


def test_a_cell_that_refuses_to_be_interrupted_is_ended(execute: Execute) -> None:
    """No output is never taken for a pass."""
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except KeyboardInterrupt:\n        pass"
    evidence = execute("1", stubborn, "2", limits=RunLimits(cell_s=3, finish_s=60))
    assert statuses(evidence) == [CellStatus.OK, CellStatus.TIMEOUT, CellStatus.NOT_RUN]
    assert evidence.document.host.exit is Exit.WALL_TIME
    assert "a single cell took longer than 3 s" in evidence.document.host.sentence


def test_the_train_function_of_a_module_is_called(execute: Execute) -> None:
    """Its error belongs to the last cell."""
    evidence = execute("def train():\n    raise ValueError('no data')", kind="module")
    (cell,) = evidence.document.cells
    assert cell.status is CellStatus.ERROR
    assert cell.error is not None
    assert cell.error.message == "no data"
