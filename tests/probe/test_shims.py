"""What a notebook gets from the packages of the course beside the shims, each group in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grader.tasks import build_world
from grader.types import TaskId

PROBE = Path(__file__).resolve().parents[2] / "grader" / "probe"
TASKS = {
    "penguins": TaskId.PENGUINS_CLASSIFICATION,
    "mnist": TaskId.MNIST_CLASSIFICATION,
    "ellipse": TaskId.ELLIPSE_REGRESSION,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe as it is named in the sandbox, and worlds of three tasks, stand-in digits among them."""
    base = tmp_path_factory.mktemp("shims")
    (base / "no-data").mkdir()
    shutil.copytree(PROBE, base / "parent" / "grader_probe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_DATA_DIR", str(base / "no-data"))
        for name, task in TASKS.items():
            world = build_world(task, cache_dir=base / "cache", train_limit=150)
            shutil.copytree(world.training_dir, base / "worlds" / name / "training")
            shutil.copytree(world.heldout_dir, base / "worlds" / name / "heldout")
    return base


def seen(place: Path, tmp_path: Path, group: str) -> dict[str, Any]:
    """What one group of scenarios reports."""
    script = Path(__file__).with_name("shim_scenarios.py")
    arguments = [str(place / "parent"), str(place / "worlds"), str(tmp_path), group]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "HOME": str(tmp_path)}
    environment.pop("TORCH_HOME", None)
    done = subprocess.run(
        [sys.executable, str(script), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["appended"]
    return found


def test_tables(place: Path, tmp_path: Path) -> None:
    """palmerpenguins and seaborn answer from the present world, also through names imported earlier."""
    found = seen(place, tmp_path, "tables")
    assert found["lazy"] == []
    assert found["signature"] == ["return_X_y", "drop_na"]
    assert found["training"] == [284, 273, 284]
    assert found["pair"] == [[273, 4], "species"]
    columns = ["species", "island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex"]
    assert found["seaborn"] == [columns, ["Female", "Male"], 284]
    assert found["heldout"] == [60, 60]
    assert found["heldout seaborn"] == found["submodule"] == 60
    assert found["other task"] == 344


@pytest.mark.slow
def test_images_and_weights(place: Path, tmp_path: Path) -> None:
    """MNIST reads the world whatever its root; weights that are missing or damaged never fail a cell."""
    found = seen(place, tmp_path, "images")
    assert found["mnist"] == [150, 200, [150, 28, 28], "torch.int64", "3 - three"]
    assert found["item"][:2] == ["PIL.Image", "int"]
    assert found["item"][2] == [28, 28] and found["item"][3] in "0123456789"
    assert found["left in the working directory"] == []
    assert found["subclass"] == 150
    assert found["fashion"] == "Dataset not found"
    assert found["heldout mnist"] == [300, True]
    assert found["outputs"] == 1000 and found["finite"]
    assert found["hub"] == "SqueezeNet"
    assert len(found["notes"]) == len(set(found["notes"])) == 4
    assert all("not at hand" in note for note in found["notes"])
    assert found["loaded"]
    assert found["lacks"] == [True, True, False, False]
    assert "could not be read" in found["damaged"]


@pytest.mark.slow
def test_course_package(place: Path, tmp_path: Path) -> None:
    """The stand-in keeps the interface of the course's package, and shows the held-out world when it is due."""
    found = seen(place, tmp_path, "course")
    assert found["penguins"] == [213, 60, 60]  # only ``train is True`` means training
    assert found["groups"] == [10] and found["apart"]
    assert found["penguin"][:2] == [2, True] and found["penguin"][2] in ("Adelie", "Chinstrap", "Gentoo")
    assert found["penguin"][3:] == [273, ["bill_length_mm", "sex"]]
    assert found["transformed"][0] == 2 and found["transformed"][1] in ("adelie", "chinstrap", "gentoo")
    assert found["heldout penguins"] == 60
    assert found["no substitute"] and found["own class"]
    assert found["ellipse"] == [1000, [128, 128, 3], "uint8", "float32", 4]
    assert found["afresh"] and found["seeded"] and found["other seed"]
    assert found["heldout ellipses"] == [300, True, 4]


def test_robust(place: Path, tmp_path: Path) -> None:
    """Unexpected packages and broken ones behave as without the shims; the course's own package comes first."""
    found = seen(place, tmp_path, "robust")
    assert found["strange"] is True
    assert found["broken"] == "broken package"
    assert found["fork"] == "the course fork"
    assert found["notes"] == ["seaborn.utils", "seaborn could"]
    assert found["repeated"] == 1 and found["capped"] <= 40
