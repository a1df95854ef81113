"""Tasks are told from names, else from content; cells of scripts are split at their marks."""

from pathlib import Path

import pytest
import yaml
from intake_examples import TRAINING, notebook, save

from grader import resources
from grader.intake import Cell, read_path
from grader.intake.facts import facts_of, python_of
from grader.intake.recognise import by_content, by_name
from grader.intake.script import script_cells
from grader.intake.source import read_source
from grader.types import TaskId

SPECIES, MASS, DIGITS, ELLIPSE = TaskId
CASES = [path.parent for path in sorted(resources.submissions_dir().glob("*/expect.yaml"))]


@pytest.mark.parametrize(
    ("stem", "tasks"),
    [
        ("01_penguin_classification", (SPECIES,)),
        ("Penguin-Species (2)", (SPECIES,)),
        ("02_penguin_regression", (MASS,)),
        ("penguin_body_mass", (MASS,)),
        ("03_mnist_classification", (DIGITS,)),
        ("my digits", (DIGITS,)),
        ("04_ellipse_regression", (ELLIPSE,)),
        ("penguins", (SPECIES, MASS)),
        ("ann-01-species", (SPECIES,)),
        ("mass_bob", (MASS,)),
        ("Massimo_2", ()),
        ("assignment", ()),
    ],
)
def test_names(stem: str, tasks: tuple[TaskId, ...]) -> None:
    assert by_name(stem) == tasks


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_content_tells_every_bundled_submission(case: Path) -> None:
    """Were the file called ``final.ipynb``, the code alone would tell the task, or ask between the right ones."""
    expected = TaskId(yaml.safe_load((case / "expect.yaml").read_text(encoding="utf-8"))["task"])
    (path,) = (path for path in case.iterdir() if path.suffix in {".py", ".ipynb"})
    told = by_content(read_source(path).facts)
    if case.name == "blank-notebook":
        assert told == ()
    else:
        assert expected in told
        assert "half" in case.name or told == (expected,)


@pytest.mark.parametrize(
    ("source", "tasks"),
    [
        ("d = PenguinDataset(['bill_length_mm'], ['body_mass_g'], True)", (MASS,)),
        ("d = PenguinDataset(input_keys=['body_mass_g'], target_keys=['species'], train=True)", (SPECIES,)),
        ("load_penguins()\nwidth = 1\nnet = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, width))", (MASS,)),
        ("load_penguins()\nnn.Linear(in_features=4, out_features=3)", (SPECIES,)),
        ("load_penguins()\nloss = F.mse_loss(a, b)", (MASS,)),
        ("load_penguins()", (SPECIES, MASS)),
        ("t = read_csv('../data/Penguins-clean.csv')\nnn.Linear(4, 3)", (SPECIES,)),
        ("print('penguins.csv is what I would need')", ()),
        ("import seaborn\nseaborn.load_dataset('penguins')\nnn.CrossEntropyLoss()", (SPECIES,)),
        ("torchvision.datasets.MNIST('.')", (DIGITS,)),
        ("from skimage.draw import ellipse", (ELLIPSE,)),
        ("load_penguins(); MNIST('.')", (SPECIES, MASS, DIGITS)),
        ("# MNIST\nprint('EllipseDataset')", ()),
    ],
)
def test_content(source: str, tasks: tuple[TaskId, ...]) -> None:
    assert by_content(facts_of([Cell(0, source)])) == tasks


def test_name_against_content_is_noted(tmp_path: Path) -> None:
    """The name decides; that the code looks like another task is said."""
    (found,) = read_path(save(tmp_path / "01_penguin_classification.ipynb", notebook("MNIST('.')")))
    assert found.files[0].task is SPECIES
    assert "--task mnist-classification" in found.files[0].notes[0]


def test_told_from_content_is_noted(tmp_path: Path) -> None:
    (found,) = read_path(save(tmp_path / "final.ipynb"))
    assert found.files[0].task is SPECIES
    assert "told from the code" in found.files[0].notes[0]


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if x:\n    !pip install y\n", "if x:\n    pass\n"),
        ("%%time\nx = 1", "x = 1"),
        ("%%bash\nrm -rf x", ""),
        ("nn.Linear?", "pass"),
        ("files = !ls\nx = 1", "files = None\nx = 1"),
        ("if x:\n    a, b =%timeit -o f()", "if x:\n    a, b = None"),
        ("!pip install a \\\n  b\nx = 1", "pass\n  pass\nx = 1"),
        ("a == !b", "a == !b"),
        ("f(x) = !b", "f(x) = !b"),
    ],
)
def test_magics_are_tolerated(source: str, python: str) -> None:
    assert python_of(source) == python


def test_cells_with_magics_count() -> None:
    facts = facts_of([Cell(0, "%pip install torch\nimport torchvision\nMNIST('.')"), Cell(1, "def broken(:")])
    assert {"torchvision", "MNIST"} <= facts.names


def test_a_file_that_is_run_belongs_to_the_work(tmp_path: Path) -> None:
    """And so do the modules that it imports; a file that nothing names does not."""
    for name, text in (("helper.py", "import deeper"), ("deeper.py", "x = 1"), ("other.py", "y = 2")):
        save(tmp_path / name, text)
    path = save(tmp_path / "01_penguin_classification.ipynb", notebook("%run -i helper.py\nfiles = !ls"))
    (found,) = read_path(path)
    assert sorted(companion.name for companion in found.files[0].companions) == ["deeper.py", "helper.py"]


def test_percent_script() -> None:
    """Code cells between marks; text cells and a comment header are left out."""
    text = "# header\n# %%\nimport torch\n# %% [markdown]\n# # Title\n# %% train\nx = 1\ny = 2\n"
    kind, cells = script_cells(text, "a.py")
    assert kind == "script"
    assert [(cell.index, cell.source) for cell in cells] == [(0, "import torch\n"), (1, "x = 1\ny = 2\n")]


def test_converted_notebook() -> None:
    text = "#!/usr/bin/env python\n# coding: utf-8\n\n# In[1]:\n\n\nimport torch\n\n\n# ## Title\n\n# In[ ]:\n\nx = 1\n"
    kind, cells = script_cells(text, "a.py")
    assert kind == "script"
    assert [cell.source for cell in cells] == ["import torch\n\n\n# ## Title\n", "x = 1\n"]


def test_module_is_one_cell() -> None:
    assert script_cells(TRAINING, "a.py") == ("module", (Cell(0, TRAINING),))


def test_nothing_is_executed(tmp_path: Path) -> None:
    """Reading a file leaves its code alone, whatever it is."""
    witness = tmp_path / "witness"
    code = f"open({str(witness)!r}, 'w').write('x')\n"
    for name in ("mnist.py", "conftest.py", "setup.py", "sitecustomize.py"):
        save(tmp_path / name, code + TRAINING)
    save(tmp_path / "01_penguin_classification.ipynb", notebook(code))
    read_path(tmp_path)
    assert not witness.exists()
