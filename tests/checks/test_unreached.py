"""Nothing was trained: what this machine lacks costs nothing, and a training that was written is not called missing."""

import numpy as np
import pytest
from evidence_examples import NO_PREDICTIONS, arrays, cell, claims, context, untouched

from grader.checks import REGISTRY, run_checks
from grader.checks.free import for_surroundings
from grader.checks.surroundings import excused, lack
from grader.evidence.model import CellRecord
from grader.grade.grading import mark
from grader.rubric import load_rubric
from grader.types import Status, TaskId, TaskStatus

SPECIES = TaskId.PENGUINS_CLASSIFICATION
DRIVER = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"
LACKS = [
    ("ModuleNotFoundError", "No module named 'lightning'", "the package “lightning”"),
    ("ModuleNotFoundError", "No module named 'google.colab'", "the package “google.colab”"),
    ("ModuleNotFoundError", "No module named 'torchx'", "the package “torchx”"),
    ("ImportError", "Missing optional dependency 'openpyxl'. Use pip or conda.", "the package “openpyxl”"),
    ("URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>", "the network"),
    ("RuntimeError", DRIVER, "a GPU"),
    ("AssertionError", "Torch not compiled with CUDA enabled", "a GPU"),
    ("RuntimeError", "No CUDA GPUs are available", "a GPU"),
]
OWN = [
    ("NameError", "name 'net' is not defined"),
    ("ModuleNotFoundError", "No module named 'torch.layers'"),
    ("ModuleNotFoundError", "No module named 'pandsa'"),
    ("ModuleNotFoundError", "No module named 'pil'"),
    ("ImportError", "cannot import name 'Lineer' from 'torch.nn'"),
    ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (16x5 and 4x8)"),
]
LOOP = "for x, y in loader:\n    loss(net(x), y).backward()\n    optimiser.step()"


def results(ctx):
    """The results by criterion of the bundled rubric."""
    rubric = load_rubric(ctx.document.task)
    return {c.id: r for c, r in zip(rubric.criteria, run_checks(ctx, rubric), strict=True)}


def record(error, message):
    return CellRecord.model_validate(cell(1, error, message))


@pytest.mark.parametrize(("error", "message", "what"), LACKS)
def test_what_a_machine_lacks_is_named_and_excused(error, message, what):
    assert lack(record(error, message)) == what
    assert excused(record(error, message))
    fine = context(doc={"cells": [cell(0), cell(1, error, message)]})
    assert results(fine)["runs"].status is Status.PASS


@pytest.mark.parametrize(("error", "message"), OWN)
def test_errors_of_the_code_are_no_lack(error, message):
    assert lack(record(error, message)) == ""


@pytest.mark.parametrize(("error", "message", "what"), LACKS)
@pytest.mark.parametrize("task", TaskId)
def test_who_was_stopped_by_the_machine_loses_nothing(task, error, message, what):
    """All points stay open, and every result names the cell and what it needs."""
    ctx = untouched(task, cells=[cell(0), cell(1, error, message), cell(2, "NameError", "name 'np' is not defined")])
    found = results(ctx)
    assert {r.status for r in found.values()} == {Status.NEEDS_REVIEW}
    assert {r.share for r in found.values()} == {0.0}
    assert all("cell 1 needs " + what in r.found and r.gap and r.next for r in found.values())
    result = mark(ctx, load_rubric(task)).result
    assert result.status is TaskStatus.NEEDS_REVIEW
    assert any("100 points are still open" in note for note in result.notes)


@pytest.mark.parametrize(("error", "message"), OWN)
def test_a_first_failure_of_ones_own_is_marked_as_ever(error, message):
    cells = [cell(0), cell(1, error, message), cell(2, *LACKS[0][:2])]
    found = results(untouched(cells=cells))
    assert Status.NEEDS_REVIEW not in {r.status for r in found.values()}
    assert found["runs"].status is Status.PARTIAL
    assert found["training"].status is Status.FAIL


def test_a_plot_that_fails_before_is_passed_over():
    plot = cell(0, "TypeError", "x")
    plot["error"] |= {"traceback": "site-packages/matplotlib/axes.py"}
    assert results(untouched(cells=[plot, cell(1, *LACKS[0][:2])]))["runs"].status is Status.NEEDS_REVIEW
    assert results(untouched(cells=[plot, cell(1, *OWN[0])]))["runs"].status is Status.FAIL


def test_what_was_seen_for_certain_keeps_its_points():
    """The data was loaded before the GPU was missed."""
    told = {"schema_version": 1, "task": SPECIES, "complete": True, "datasets": claims(SPECIES)["datasets"]}
    found = results(untouched(cells=[cell(0), cell(1, "RuntimeError", DRIVER)], claims=told))
    assert (found["inputs"].status, found["inputs"].share) == (Status.NEEDS_REVIEW, 0.5)
    assert found["inputs"].found.startswith("The data is loaded")


def test_a_lack_beside_unfinished_work_opens_nothing():
    """No training is written, and all that follows the missing package ran."""
    cells = [cell(0, *LACKS[0][:2]), cell(1), cell(2)]
    unfinished = ["import lightning", "import torch", "table = 1"]
    assert results(untouched(cells=cells, source=unfinished))["training"].status is Status.FAIL
    assert results(untouched(cells=cells, source=[*unfinished[:2], LOOP]))["training"].status is Status.NEEDS_REVIEW
    assert results(untouched(cells=cells))["training"].status is Status.NEEDS_REVIEW


def test_a_trained_net_is_not_touched_by_it():
    ctx = context(doc={"cells": [cell(0, *LACKS[0][:2]), cell(1)]})
    assert ctx.stopped_by_surroundings is None
    assert {r.status for r in results(ctx).values()} == {Status.PASS}


SHAPES = ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (16x5 and 4x8)")
PROGRAM = ("CalledProcessError", "Command 'b'pip install lightning\\n'' returned non-zero exit status 1.")


def test_a_cell_that_shows_an_error_on_purpose_costs_nothing():
    """It is tagged so. Without, and where it is the training that fails, or fails otherwise, it costs as ever."""
    tagged = cell(1, *SHAPES) | {"may_fail": True}

    def runs(*cells, trains=0):
        told = {"episodes__0__last_cell": trains, "episodes__0__first_cell": trains}
        return results(context(doc={"cells": [*cells]}, **told))["runs"].status

    assert runs(cell(0), cell(1, *SHAPES)) is Status.PARTIAL
    assert runs(cell(0), tagged) is Status.PASS
    assert runs(cell(0), tagged, trains=1) is Status.PARTIAL
    made = results(context(doc={"cells": [cell(0), tagged, cell(2, *OWN[0])]}, source=["", "net = 1", "net"]))
    assert made["runs"].status is Status.PARTIAL
    assert runs(cell(0), tagged | {"status": "timeout"}) is Status.PARTIAL
    assert runs(cell(0), cell(1, "DeadKernel", "The Python process ended.") | {"may_fail": True}) is Status.PARTIAL


def test_another_program_that_fails_costs_nothing():
    """As in a cell of shell lines that installs packages."""
    assert results(context(doc={"cells": [cell(0), cell(1, *PROGRAM)]}))["runs"].status is Status.PASS


@pytest.mark.parametrize("first", [cell(0, *PROGRAM), cell(0, *SHAPES) | {"may_fail": True}])
def test_what_costs_nothing_stands_before_no_lack(first):
    """A program that fails, or an error that is shown, is not why nothing was trained, nor the first thing to mend."""
    lacking = untouched(cells=[first, cell(1, *LACKS[4][:2])])
    assert {r.status for r in results(lacking).values()} == {Status.NEEDS_REVIEW}
    own = results(untouched(cells=[first, cell(1, *OWN[0])]))
    assert "cell 1" in own["runs"].next


@pytest.mark.parametrize(
    ("error", "message", "traceback", "what"),
    [
        ("ValueError", "invalid literal for int() with base 10: ''", "n = int(input('How many? '))", "answer"),
        ("ValueError", "could not convert string to float: ''", "lr = float(input('Rate? '))", "answer"),
        ("ValueError", "invalid literal for int() with base 10: ''", "n = int(row[2])", ""),
        ("OSError", "Cannot save file into a non-existent directory: '/content/drive/MyDrive'", "", "a folder of"),
        ("TypeError", "unsupported operand type(s) for +: 'UnseenBar' and 'int'", "", "a package"),
        (
            "FileNotFoundError",
            "[Errno 2] No such file or directory: 'data/Penguins.CSV'",
            "",
            "file “data/Penguins.CSV”",
        ),
        ("FileNotFoundError", "rows.txt not found.", "", "the file “rows.txt”"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/job/work/t.csv'", "", "the file “t.csv”"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'a/t.csv'", "----> 1 df.to_csv('a/t.csv')", ""),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'a/t.txt'", "----> 1 open('a/t.txt', 'w')", ""),
        ("ValueError", "could not convert string to float: ''", "x = make_input(rows); y = net.input(x)", ""),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'best_model.pt'", "", ""),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'data'", "", ""),
        ("ValueError", "[Errno 2] No such file or directory: 'penguins.csv'", "", ""),
    ],
)
def test_what_somebody_would_have_answered_or_had_is_lacking(error, message, traceback, what):
    told = cell(1, error, message)
    told["error"] |= {"traceback": traceback}
    found = lack(CellRecord.model_validate(told))
    assert found == what == "" or (what and what in found)


def test_a_data_file_that_was_not_handed_in_leaves_points_open():
    """And the page says which, and what to do."""
    found = results(untouched(cells=[cell(0, "FileNotFoundError", "[Errno 2] No such file or directory: 'p.csv'")]))
    assert {r.status for r in found.values()} == {Status.NEEDS_REVIEW}
    assert "cell 0 needs the file “p.csv”" in found["training"].found
    assert found["training"].next.startswith("Hand in the file “p.csv” beside this one.")


def test_a_file_in_a_folder_of_another_machine_is_not_to_be_handed_in():
    """The folder is what is not there, whatever would lie in it."""
    message = "[Errno 2] No such file or directory: '/content/drive/MyDrive/p.csv'"
    found = results(untouched(cells=[cell(0, "FileNotFoundError", message)]))["training"]
    assert "cell 0 needs a folder of another machine" in found.found
    assert found.next.startswith("What does the rest of the work need a folder of another machine for?")


def test_a_data_file_is_no_reason_for_a_training_that_nobody_wrote():
    cells = [cell(0, "FileNotFoundError", "[Errno 2] No such file or directory: 'p.csv'"), cell(1, *OWN[0])]
    read = "import pandas\ntable = pandas.read_csv('p.csv')"
    assert results(untouched(cells=cells, source=[read, "table"]))["training"].status is Status.FAIL
    assert results(untouched(cells=cells, source=[read, LOOP]))["training"].status is Status.NEEDS_REVIEW


def test_many_cells_that_miss_a_name_are_looked_through_once():
    """Each of them makes it, after it failed for want of it."""
    count = 400
    cells = [cell(i, "NameError", "name 'x' is not defined") for i in range(count)]
    source = [f"x + {i}\nx = {i}" for i in range(count)]
    ctx = untouched(cells=cells, source=source)
    assert ctx.makers["x"] == list(range(count))
    assert for_surroundings(ctx) == []


NOT_REACHED = ("inputs", "split", "batches", "architecture", "outputs", "loss", "training", "validation", "held-out")


@pytest.mark.parametrize("loop", [LOOP, LOOP + "\n)", "def fit():\n    " + LOOP.replace("\n", "\n    ")])
def test_a_written_training_is_not_called_missing(loop):
    """Also where Python cannot read its cell. The points are those of work that is not."""
    cells = [cell(0), cell(1, *OWN[0]), cell(2, "NameError", "name 'loader' is not defined")]
    written = results(untouched(cells=cells, source=["import torch", "net", loop]))
    missing = results(untouched(cells=cells, source=["import torch", "net", "loader"]))
    for name in NOT_REACHED:
        assert "cell 1 failed first" in written[name].found, name
        assert "Not attempted" not in written[name].found
        assert written[name].next
        assert "cell 1 failed first" not in missing[name].found
        assert (written[name].status, written[name].share) == (missing[name].status, missing[name].share)
    assert REGISTRY["convergence"](untouched(cells=cells, source=["", "", loop]), {}).found.startswith(
        "The training is"
    )


@pytest.mark.parametrize("text", ["# loss.backward()", "'''loss.backward(); optimiser.step()'''", "scheduler.step()"])
def test_comments_and_texts_are_no_training(text):
    ctx = untouched(cells=[cell(0, *OWN[0])], source=[text])
    assert "Not attempted" in results(ctx)["training"].found


def test_a_written_training_without_a_failure_is_told_as_before():
    assert "Not attempted" in results(untouched(source=[LOOP]))["training"].found


@pytest.mark.parametrize("task", list(TaskId))
def test_a_net_that_answers_with_nan_only_has_no_held_out_points_to_be_open(task):
    shown = arrays(task)
    outputs = shown["train_outputs"]
    everything = shown | {"eval_outputs": np.full_like(outputs, np.nan)}
    assert results(context(task, guess=NO_PREDICTIONS, data=everything))["held-out"].status is Status.FAIL
    some = shown | {"eval_outputs": outputs.copy()}
    some["eval_outputs"][1:] = np.nan
    assert results(context(task, guess=NO_PREDICTIONS, data=some))["held-out"].status is Status.NEEDS_REVIEW
