"""A failing cell gets a next step that fits its error, and a training that broke off is told so."""

import pytest
from evidence_examples import cell, context, predictions, untouched

from grader.checks import REGISTRY
from grader.checks.hints import hint
from grader.checks.surroundings import meant
from grader.checks.written import makers
from grader.evidence.model import CellRecord
from grader.intake.submission import Cell
from grader.rubric import load_rubric
from grader.types import Status, TaskId

SPECIES = TaskId.PENGUINS_CLASSIFICATION
UNDEFINED = ("NameError", "name 'net' is not defined")


def check(ctx, criterion):
    """The result for one criterion of the bundled rubric."""
    line = load_rubric(ctx.document.task).criterion(criterion)
    return REGISTRY[line.check](ctx, line.params)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (cell(1, *UNDEFINED), "which name or file"),
        (cell(1, "FileNotFoundError", "No such file: 'a.csv'"), "which name or file"),
        (cell(1, "SyntaxError", "'(' was never closed (123.py, line 3)"), "cannot read cell 1"),
        (cell(1, "IndentationError", "unexpected indent"), "cannot read cell 1"),
        (cell(1, "RuntimeError", "mat1 and mat2 shapes cannot be multiplied (16x5 and 4x8)"), "Print the shapes"),
        (cell(1, "RuntimeError", "The size of tensor a (3) must match the size of tensor b (16)"), "Print the shapes"),
        (cell(1, "ValueError", "Expected input batch_size (3) to match target batch_size (4)."), "Print the shapes"),
        (cell(1, "KeyError", "'sex'"), "what does it say about the value"),
        (cell(1, "RuntimeError", "element 0 of tensors does not require grad"), "what does it say about the value"),
        (cell(1, status="timeout"), "may never end"),
        (cell(1, "DeadKernel", "The Python process ended while this cell ran."), "ends the whole Python process"),
        (cell(1, "OutputLimit", "The run showed more output than it may."), "show less"),
    ],
)
def test_the_next_step_fits_the_error(bad, words):
    """In the same words with a trained net and without one."""
    for ctx in (context(doc={"cells": [cell(0), bad]}), untouched(cells=[cell(0), bad])):
        found = check(ctx, "runs")
        assert found.status is Status.PARTIAL
        assert words in found.next
        assert "cell 1" in found.next


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("pandsa", "pandas"),
        ("panda", "pandas"),
        ("nunpy", "numpy"),
        ("torchvison.transforms", "torchvision"),
        ("pytorch", "torch"),
        ("Torch", "torch"),
        ("pil", "PIL"),
        ("matplotlb", "matplotlib"),
    ],
)
def test_a_misspelt_package_is_compared_with_the_one_that_was_meant(name, known):
    bad = cell(1, "ModuleNotFoundError", f"No module named '{name}'")
    assert f"“{known}”" in check(untouched(cells=[cell(0), bad]), "runs").next
    assert meant(CellRecord.model_validate(bad)) == known


@pytest.mark.parametrize(
    "name",
    [
        "pandasql",
        "torchx",
        "torchaudio",
        "torchtext",
        "pathlib2",
        "cupy",
        "sympy",
        "polars",
        "sklearnex",
        "numba",
        "utils",
        "lightning",
        "timm",
        "np",
    ],
)
def test_another_package_is_no_slip(name):
    bad = CellRecord.model_validate(cell(1, "ModuleNotFoundError", f"No module named '{name}'"))
    assert meant(bad) == ""


def test_a_name_that_a_later_cell_makes_asks_for_another_order():
    cells = [cell(0), cell(1, *UNDEFINED), cell(2)]
    for maker in ("net = 3", "def net(): pass", "class net: pass", "from nets import big as net", "if 1:\n    net = 1"):
        found = check(untouched(cells=cells, source=["import torch", "print(net)", maker]), "runs")
        assert "cell 2 makes “net”" in found.next, maker
    for other in ("print(net)", "def f():\n    net = 1", "[net for net in 'ab']", "x.net = 1", "net = ("):
        assert "which name or file" in check(untouched(cells=cells, source=["", "print(net)", other]), "runs").next


def test_a_name_of_a_cell_that_failed_before_points_there():
    """A cell for which a package lacks costs nothing, nor does what misses its names; it is still where to begin."""
    lacking, missing = cell(0, "ModuleNotFoundError", "No module named 'lightning'"), cell(1, *UNDEFINED)
    source = ["import lightning\nnet = 1", "net", "net = 2"]
    ctx = context(doc={"cells": [lacking, missing, cell(2)]}, source=source)
    assert check(ctx, "runs").status is Status.PASS
    assert "Begin at cell 0" in hint(ctx, CellRecord.model_validate(missing))


def test_a_name_that_is_asked_for_above_its_own_line():
    found = check(untouched(cells=[cell(0, *UNDEFINED)], source=["print(net)\nnet = 1"]), "runs")
    assert "before its own line" in found.next


def test_makers_survive_any_text():
    odd = ["(" * 5000, "\0", "é = 1", "%%bash\nnet = 1", "!pip install net\nnet = 1", "x" * 300_000]
    assert makers([Cell(i, text) for i, text in enumerate(odd)])["net"] == [4]


def test_cells_to_repair_are_listed():
    def gap(many):
        return check(context(doc={"cells": [cell(i, *UNDEFINED) for i in range(many)]}), "runs").gap

    assert gap(1) == "1 cell to repair."
    assert gap(3) == "3 cells to repair: 0, 1, 2."
    assert gap(40) == "40 cells to repair: 0, 1, 2, 3, 4, 5, 6, 7 and 32 more."


# --- a training that broke off ----------------------------------------------------------------------------------

FALLING = [{"step": i + 1, "loss": 1.0 - i * 0.05} for i in range(10)]


def broken(*, error=UNDEFINED, epochs=1, **places):
    """A training in cell 3 that ran so many epochs of 10 batches, and half of one, before the cell failed."""
    one = {"phase": "train", "loader": 0, "dataset": 0, "samples": 160, "cell": 3}
    passes = [one | {"forwards": 10, "steps": 10, "step": 10 * (i + 1)} for i in range(epochs)]
    passes += [one | {"forwards": 5, "steps": 5, "step": 10 * epochs + 5}]
    told = {"episodes__0__last_cell": 3, "episodes__0__first_cell": 3, "episodes__0__steps": 10 * epochs + 5}
    cells = [cell(0), cell(1), cell(2), cell(3, *error)]
    poor = predictions(SPECIES, wrong=0.3)
    return context(guess=poor, doc={"cells": cells}, **(told | {"passes": passes, "train_curve": FALLING}) | places)


def test_a_training_that_ended_in_an_error_is_told_so():
    found = check(broken(), "runs")
    assert "in which the net is trained, stops after 1 epoch with NameError" in found.found
    assert "all the same" not in found.found
    slow = check(broken(), "convergence")
    assert "Cell 3, in which the net is trained, stops after 1 epoch with NameError" in slow.gap
    assert "twice as many" not in slow.next
    assert "cell 3" in slow.next
    whole = check(broken(error=("", "")), "convergence")
    assert (slow.status, slow.share) == (whole.status, whole.share)
    assert "twice as many" in whole.next


def test_steps_are_told_where_no_epoch_was_whole():
    assert "stops after 5 steps with" in check(broken(epochs=0), "runs").found
    assert "stops with" in check(broken(epochs=0, episodes__0__first_cell=1), "runs").found


def test_an_earlier_failure_is_named_first():
    cells = [cell(0), cell(1, "KeyError", "'sex'"), cell(2), cell(3, *UNDEFINED)]
    both = context(doc={"cells": cells}, episodes__0__last_cell=3, episodes__0__first_cell=3, train_curve=FALLING)
    told = check(both, "runs").found
    assert told.index("Cell 1 stops") < told.index("Cell 3, in which")


@pytest.mark.parametrize(
    "changes",
    [
        {"error": ("URLError", "<urlopen error>")},
        {"episodes__0__last_cell": 2},
        {"episodes__0__last_cell": 99},
        {"episodes__0__last_cell": None},
        {"shortened": [{"reason": "converged", "model_id": 0, "step": 15, "epochs": 1}]},
    ],
)
def test_only_the_cell_of_the_training_and_its_own_error_count(changes):
    ctx = broken(**changes)
    assert "in which the net is trained" not in check(ctx, "runs").found
    assert "stops" not in check(ctx, "convergence").gap
