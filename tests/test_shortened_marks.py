"""Cutting a training short does not change its mark: whole runs in isolation, cut and in full, in several manners."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.grade.model import TaskResult
from grader.intake import read_path
from grader.pipeline import Settings, Work, mark_evidence, run_file, warmed
from grader.resources import reference_solutions_dir
from grader.types import Isolation, TaskId

pytestmark = pytest.mark.slow
POINT = 1.0
SPECIES = """\
# %%
import copy
import torch
import torch.nn.functional as F
from ml_workshop import PenguinDataset
from torch import nn
from torch.utils.data import DataLoader

INPUTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex"]
NAMES = ["Gentoo", "Chinstrap", "Adelie"]

def side(train):
    return PenguinDataset(
        INPUTS, ["species"], train, x_tfms=lambda v: torch.tensor(v).float(), y_tfms=lambda v: {target}
    )

train, valid = DataLoader(side(True), 16, shuffle=True), DataLoader(side(False), 60)
# %%
model = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))
optimiser = {optimiser}
schedule = {schedule}
best, kept = float("inf"), None
for epoch in range(80):
    model.train()
    for a, b in train:
        optimiser.zero_grad()
        loss = {loss}
        loss.backward()
        optimiser.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        found = sum(float({loss}) for a, b in valid) / len(valid)
    if found < best:
        best, kept = found, copy.deepcopy(model.state_dict())
{after}
"""
USUAL = {
    "target": "torch.tensor(NAMES.index(v[0]))",
    "optimiser": "torch.optim.Adam(model.parameters(), lr=5e-3)",
    "schedule": "torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)",
    "loss": "F.cross_entropy(model(a), b)",
    "after": "",
}
MANNERS = {
    "one-hot": {
        "target": "F.one_hot(torch.tensor(NAMES.index(v[0])), 3).float()",
        "loss": "F.binary_cross_entropy(model(a).softmax(1), b)",
    },
    "plain descent": {"optimiser": "torch.optim.SGD(model.parameters(), lr=0.05)"},
    "one cycle": {
        "schedule": "torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, epochs=80, steps_per_epoch=len(train))"
    },
    "best state": {"after": "model.load_state_dict(kept)"},
}
REFERENCES = {
    "01_penguin_classification.ipynb": True,  # whether it is known to be cut
    "01_penguin_classification_module.py": True,
    "02_penguin_regression.ipynb": False,
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Runs of this module start warm where that can be had."""
    cache = Path(str(request.config.cache.mkdir("worlds")))
    none = tmp_path_factory.mktemp("none")
    with warmed(Settings(isolation=Isolation.AUTO, data_dir=none, cache_dir=cache), 2) as found:
        yield found


def both(path: Path, settings: Settings, task: TaskId | None = None) -> tuple[TaskResult, TaskResult]:
    """The file marked after a run that may be cut short, and after one in full."""
    [submission] = read_path(path, task=task)
    marked = []
    for used in (settings, replace(settings, full=True)):
        evidence, world = run_file(Work("a", submission.files[0], used))
        marked.append(mark_evidence(evidence, world, used).result)
    cut, full = marked
    assert full.shortened == []
    assert full.points > 80
    assert {cell.status for cell in cut.cells} == {cell.status for cell in full.cells}
    assert cut.contradictions == full.contradictions == []
    return cut, full


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_solution_has_the_same_mark(name: str, settings: Settings) -> None:
    cut, full = both(reference_solutions_dir() / name, settings)
    assert abs(cut.points - full.points) <= POINT
    assert bool(cut.shortened) == REFERENCES[name]


@pytest.mark.parametrize("manner", MANNERS)
def test_an_unusual_manner_has_the_same_mark(manner: str, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "species.py"
    source = SPECIES
    for key, value in (USUAL | MANNERS[manner]).items():
        source = source.replace(f"{{{key}}}", value)
    path.write_text(source)
    cut, full = both(path, settings, TaskId.PENGUINS_CLASSIFICATION)
    assert abs(cut.points - full.points) <= POINT
    assert cut.shortened
