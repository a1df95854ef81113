"""A folder that is checked cannot change how it is marked: not its rubric, not the modules, not the secrets."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader import resources
from grader.sandbox.bubblewrap import Bubblewrap

SHADOWED = (
    *("grader/__init__.py", "multiprocessing.py", "signal.py", "numpy.py", "sitecustomize.py", "usercustomize.py"),
    *("conftest.py", "setup.py", "yaml.py", "pydantic/__init__.py", "nbclient.py", "ipykernel/__init__.py"),
)
GENEROUS = """task: penguins-classification
criteria:
  - {id: runs, title: All points for free, points: 100, check: runs}
"""
SECRET = "pull-request-secret-77"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fork that brings modules and a rubric of its own; each module writes a file when it is imported."""
    folder = tmp_path / "fork"
    for name in SHADOWED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r} + ' ')\n")
    (folder / "rubrics").mkdir()
    (folder / "rubrics" / "penguins-classification.yaml").write_text(GENEROUS)
    (folder / "pyproject.toml").write_text("[tool.grader]\nrubrics = 'rubrics'\n")
    (folder / "exercises").mkdir()
    exercise = folder / "exercises" / "01_penguin_classification.py"
    shutil.copy(resources.rubrics_dir() / "controls" / "known_zero.py", exercise)
    with exercise.open("a") as stream:
        stream.write("\n# %%\nimport os\nraise RuntimeError(repr(dict(os.environ)))\n")
    return folder


def grader(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, in that folder, with a secret in the environment."""
    command = Path(sys.executable).with_name("grader")
    environment = {**os.environ, "DEPLOY_TOKEN": SECRET, "GRADER_HELDOUT_KEY": SECRET}
    return subprocess.run(
        [str(command), *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["required", "process"])
def test_a_check_of_the_current_folder_uses_only_what_is_installed(checkout: Path, isolation: str) -> None:
    """The rubric is the installed one, nothing of the folder is imported, and secrets are not told."""
    if isolation == "required" and (reason := Bubblewrap().available()) is not None:
        pytest.skip(reason)
    done = grader("check", ".", "--json", "--isolation", isolation, "--out", "../pages", cwd=checkout)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["submissions"][0]["tasks"]
    assert len(result["criteria"]) > 5
    assert result["points"] < 15
    assert "RuntimeError" in json.dumps(result["cells"])
    written = "".join(path.read_text(encoding="utf-8") for path in (checkout.parent / "pages").rglob("*.html"))
    assert SECRET not in done.stdout + done.stderr + written
    imported = checkout.parent / "imported"
    assert not imported.exists(), imported.read_text()


@pytest.mark.slow
def test_the_helpers_of_a_batch_import_nothing_from_the_current_folder(checkout: Path) -> None:
    """Workers are started by ``python -c``, which looks in the current folder first."""
    if (reason := Bubblewrap().available()) is not None:
        pytest.skip(reason)
    words = ("batch", "exercises", "--out", "../pages", "--store", "../store", "-j", "2")
    done = grader(*words, cwd=checkout)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 submissions marked" in done.stderr
    imported = checkout.parent / "imported"
    assert not imported.exists(), imported.read_text()


def test_figures_are_drawn_without_a_library_that_reads_settings_from_the_current_folder(checkout: Path) -> None:
    """Matplotlib does; one of them has TeX run."""
    (checkout / "matplotlibrc").write_text("text.usetex: True\n")
    code = "import sys; sys.path.pop(0); import grader.report.html; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_these_modules_do_act_when_they_are_found(checkout: Path) -> None:
    """Else the tests above could not fail."""
    subprocess.run([sys.executable, "-c", "import multiprocessing, grader"], cwd=checkout, check=True, timeout=60)
    assert (checkout.parent / "imported").read_text() == "multiprocessing.py grader/__init__.py "
