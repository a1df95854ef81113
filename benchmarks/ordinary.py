"""Runs notebooks as anybody would: plain nbclient, one by one, torch's own number of threads, nothing isolated.

The notebooks find the same data as in the grader: the penguins and digits of its training worlds, digits where
torchvision looks for them, penguins in a copy of the palmerpenguins package. ``ml_workshop`` is a plain one.

The grader's world has the first 10,000 digits of MNIST's training file, which is a part of its budget. To see what that
is worth, those who train on digits can run with as many as MNIST has as well: the same ones over and over.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import inside
from benchmarks.bench import ROOT, Bench, notebook_of
from grader.limits import THREAD_COUNTS
from grader.tasks import idx
from grader.tasks.installed import package_folder
from grader.types import TaskId

OF_MNIST = {"train": 60_000, "t10k": 10_000}  # digits in its files
IMPORTS = "import matplotlib.pyplot, pandas, palmerpenguins, skimage.draw, sklearn, torch, torchvision, seaborn, umap"


@dataclass(frozen=True)
class Ordinary:
    """One notebook: seconds from starting its kernel until it ended, and how many of its cells failed."""

    seconds: float
    errors: int


@dataclass(frozen=True)
class Place:
    """A folder with a student's folder for each member, and the environment in which their notebooks run."""

    students: Path
    environment: dict[str, str]


def prepare(bench: Bench, name: str = "ordinary", *, whole: bool = False) -> Place:
    """Lay out the class, its data and its packages. ``whole``: with as many digits as MNIST has."""
    folder = bench.folder(name)
    packages, students = folder / "packages", folder / "students"
    shutil.copytree(ROOT / "benchmarks" / "ml_workshop_plain", packages)
    shutil.copytree(package_folder("palmerpenguins"), packages / "palmerpenguins")
    for task in TaskId:
        inside.world(bench, task)  # made now, so that no command that is timed makes it
    for table in ("penguins.csv", "penguins-raw.csv"):
        shutil.copy(
            inside.world(bench, TaskId.PENGUINS_CLASSIFICATION).training_dir / table,
            packages / "palmerpenguins" / "data",
        )
    digits = inside.world(bench, TaskId.MNIST_CLASSIFICATION).training_dir / "mnist"
    if whole:
        digits = _as_many_as_mnist(digits, folder / "mnist")
    for member in bench.members():
        shutil.copytree(member, students / member.name)
        _link(digits, students / member.name / "data")
    _link(digits, students / "data")
    environment = {name: value for name, value in os.environ.items() if name not in THREAD_COUNTS}
    # on a busy machine two threads take minutes for seconds' work
    threads = dict.fromkeys(THREAD_COUNTS, "1") if bench.quick else {}
    return Place(students, {**environment, **threads, "PYTHONPATH": str(packages)})


def run(notebook: Path, environment: dict[str, str]) -> Ordinary:
    """Run one notebook to its end, whatever fails."""
    import nbformat
    from nbclient import NotebookClient

    content = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        content, timeout=None, allow_errors=True, resources={"metadata": {"path": str(notebook.parent)}}
    )
    start = time.perf_counter()
    client.execute(env=environment)
    seconds = time.perf_counter() - start
    outputs = [output for cell in content.cells for output in cell.get("outputs", ())]
    return Ordinary(seconds, sum(output.output_type == "error" for output in outputs))


def run_class(bench: Bench, *, whole: bool = False) -> dict[str, Ordinary]:
    """Every member's notebook, one after the other. ``whole``: those on digits, with as many as MNIST has."""
    members = [member for member in bench.members() if not whole or member.name.startswith("digits")]
    place = prepare(bench, whole=whole)
    subprocess.run([sys.executable, "-c", IMPORTS], env=place.environment, check=False)  # so that no disk is cold
    found = {}
    for member in members:
        found[member.name] = run(notebook_of(place.students / member.name), place.environment)
        with_what = " with as many digits as MNIST has" if whole else ""
        print(f"  nbclient: {member.name}{with_what} {found[member.name].seconds:.1f} s", flush=True)
    return found


def _as_many_as_mnist(digits: Path, folder: Path) -> Path:
    """Files in ``folder`` with the same digits repeated."""
    folder.mkdir()
    for part, count in OF_MNIST.items():
        images = idx.read_images(digits / f"{part}-images-idx3-ubyte")
        labels = idx.read_labels(digits / f"{part}-labels-idx1-ubyte")
        idx.write_images(folder / f"{part}-images-idx3-ubyte", np.resize(images, (count, *images.shape[1:])))
        idx.write_labels(folder / f"{part}-labels-idx1-ubyte", np.resize(labels, count))
    return folder


def _link(digits: Path, root: Path) -> None:
    """The digits as torchvision keeps them after a download."""
    raw = root / "MNIST" / "raw"
    raw.parent.mkdir(parents=True)
    raw.symlink_to(digits, target_is_directory=True)
