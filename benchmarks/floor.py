"""(g): how long the training cell takes in the grader, against the same cell on batches that lie ready in memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

from benchmarks import inside, ordinary
from benchmarks.bench import CLASS, ROOT, Bench, Section, notebook_of
from benchmarks.ordinary import Place
from benchmarks.runs import Options, batch
from benchmarks.table import seconds, times
from grader.execute.run import environment

MEMBERS = ("species-course", "mass-course", "digits-small-cnn", "ellipses-small-cnn")
QUICK_MEMBERS = ("species-plain", "mass-plain")
TAG = "training"  # of the cell that is measured
ABOUT = (
    "grader: the training cell with --full, one worker. floor: the same cell, the same steps and validation passes, "
    "with the batches of one pass as tensors in memory, one thread, no sandbox and nobody watching. steps: what of "
    "the floor is passes over the training batches."
)
BEFORE = """
from benchmarks import prepared as _prepared
_prepared.replace_loaders(globals())
_started = _prepared.now()
"""
AFTER = """
_prepared.write({report!r}, _prepared.now() - _started, globals())
"""


def measure(bench: Bench) -> Section:
    """Each task's training once in the grader and once on prepared batches."""
    names = QUICK_MEMBERS if bench.quick else MEMBERS
    graded = _graded(bench, names)
    place = ordinary.prepare(bench, "floor")
    rows, figures = [], {}
    for name in names:
        floor = _floor(notebook_of(place.students / name), place)
        ratio = graded[name] / floor["cell_s"]
        rows.append((name, seconds(graded[name]), seconds(floor["cell_s"]), seconds(floor["steps_s"]), times(ratio)))
        figures[name] = {"grader_s": graded[name], **floor, "ratio": ratio}
    header = ("training of", "grader", "floor", "steps", "ratio")
    return Section("g", "Training in the grader against its floor", header, rows, figures, [ABOUT])


def _graded(bench: Bench, names: tuple[str, ...]) -> dict[str, float]:
    """Seconds of the training cells in the grader."""
    students = bench.students("floor-class", [CLASS / name for name in names])
    store = bench.folder("floor-store")
    batch(bench, students, Options(store=store, full=True, workers=1))
    found = {}
    for document in inside.documents(store):
        if document.student in names:
            at = training_cell(notebook_of(CLASS / document.student))
            found[document.student] = next(cell.wall_s for cell in document.cells if cell.index == at)
    return found


def _floor(notebook: Path, place: Place) -> dict[str, Any]:
    """Run the notebook as a program, up to and with its training cell, whose loaders hand out prepared batches."""
    report = notebook.with_suffix(".json")
    program = notebook.with_suffix(".py")
    program.write_text(as_program(notebook, report), encoding="utf-8")
    paths = f"{place.environment['PYTHONPATH']}:{ROOT}"
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=notebook.parent,
        env={**place.environment, **environment("cpu"), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{notebook.parent.name} could not be run as a program: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def training_cell(notebook: Path) -> int:
    """The number of the cell that trains, counted from 0 over all cells."""
    cells = nbformat.read(notebook, as_version=4).cells
    return next(n for n, cell in enumerate(cells) if TAG in cell.metadata.get("tags", ()))


def as_program(notebook: Path, report: Path) -> str:
    """The notebook's code up to the training cell, without cells that show plots."""
    cells = nbformat.read(notebook, as_version=4).cells
    at = training_cell(notebook)
    before = [cell.source for cell in cells[:at] if cell.cell_type == "code" and "plt.show" not in cell.source]
    return "\n\n".join([*before, BEFORE, cells[at].source, AFTER.format(report=str(report))])
