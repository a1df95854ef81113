"""No held-out row is reachable from inside the sandbox during training: a program reads every file it can see."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from grader.execute.run import run
from grader.intake.submission import Cell, TaskFile
from grader.sandbox.bubblewrap import Bubblewrap
from grader.tasks import build_world, digits, penguins
from grader.types import CellStatus, TaskId

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(Bubblewrap().available() is not None, reason="bubblewrap is not to be had here"),
]

# Runs inside. Goes through every regular file and looks for the needles, also inside gzip files: rows of penguins in
# any file that names an island, binary libraries too; rows of digits in any file that is called after them.
SEARCH = r"""
import gzip, json, os
needles = json.load(open("needles.json"))
found, seen, controls = [], 0, 0
for top in ("/",):
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys", "/dev")]
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.isfile(path) or os.path.abspath(path) == os.path.abspath("needles.json"):
                continue
            if needles["name"] and not name.startswith(needles["name"]):
                seen += 1
                continue
            try:
                size = os.path.getsize(path)
                if size > 400_000_000:
                    continue
                with open(path, "rb") as stream:
                    content = stream.read()
                if content[:2] == b"\x1f\x8b":
                    content = gzip.decompress(content)
            except Exception:
                continue
            seen += 1
            if needles["name"] or b"Torgersen" in content or b"Biscoe" in content:
                for needle in needles["held_out"]:
                    if needle.encode() in content:
                        found.append((path, needle))
                controls += sum(needle.encode() in content for needle in needles["training"])
json.dump({"found": found[:20], "seen": seen, "controls": controls}, open("answer.json", "w"))
print(found[:5], seen, controls)
assert not found, found[:3]
assert seen > 1000 and controls > 0
"""


def penguin_lines(table):
    """The three measures of each row as they stand in either of the package's files, whole numbers with and without
    a point."""
    rows = [(r.bill_length_mm, r.bill_depth_mm, r.flipper_length_mm) for r in table.dropna().itertuples()]
    return sorted({f"{a:g},{b:g},{c:g}" for a, b, c in rows} | {f"{a},{b},{c:g}" for a, b, c in rows})


def digit_lines(rows):
    with gzip.open(digits.stand_in_file(), "rt") as stream:
        lines = stream.read().splitlines()
    return [lines[i] for i in rows]


@pytest.mark.parametrize("task", [TaskId.PENGUINS_CLASSIFICATION, TaskId.MNIST_CLASSIFICATION])
def test_no_file_inside_holds_a_held_out_row(task, tmp_path):
    world = build_world(task, cache_dir=tmp_path / "cache", data_dir=_empty(tmp_path))
    if task is TaskId.MNIST_CLASSIFICATION:
        split = digits.stand_in("self-check")
        everything = set(range(1797))
        needles = {
            "held_out": digit_lines(sorted(everything - set(np.asarray(split.rows).tolist()))),
            "training": digit_lines(np.asarray(split.rows)[:5]),
        }
    else:
        table = penguins.load()
        held = penguins.held_out_rows(table, "self-check")
        kept = table.drop(index=held)
        needles = {"held_out": penguin_lines(table.iloc[held]), "training": penguin_lines(kept)[:5]}
    needles["name"] = "digits" if task is TaskId.MNIST_CLASSIFICATION else ""
    folder = tmp_path / "hand-in"
    folder.mkdir()
    (folder / "01.py").write_text(SEARCH)
    (folder / "needles.json").write_text(__import__("json").dumps(needles))
    file = TaskFile(
        task=task,
        path=folder / "01.py",
        root=folder,
        kind="script",
        cells=(Cell(0, SEARCH),),
        digest="0",
        companions=(folder / "needles.json",),
    )
    evidence = run(file, "spy", world=world, sandbox=Bubblewrap())
    [cell] = evidence.document.cells
    assert cell.status is CellStatus.OK, cell.error


def _empty(tmp_path: Path) -> Path:
    folder = tmp_path / "no-data"
    folder.mkdir()
    return folder
