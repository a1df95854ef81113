"""What a path holds: one file, one student, a class, a course fork; and which of several files is marked."""

import os
from pathlib import Path

import pytest
from intake_examples import HALF, TRAINING, notebook, save

from grader import resources
from grader.errors import IntakeError
from grader.intake import folders, read_path, read_paths
from grader.intake.beside import MOST_PLACES
from grader.types import TaskId

SPECIES, MASS, DIGITS, ELLIPSE = TaskId
COURSE = ["01_penguin_classification", "02_penguin_regression", "03_mnist_classification", "04_ellipse_regression"]


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_one_notebook(tmp_path: Path) -> None:
    """A lone notebook is a submission called like itself; strangers beside it are not copied."""
    save(tmp_path / "unrelated.csv", "secret")
    save(tmp_path / "other.py", TRAINING)
    (found,) = read_path(save(tmp_path / "01_penguin_classification.ipynb"))
    file = found.files[0]
    assert (found.student, file.task, file.kind, file.root) == (
        "01_penguin_classification",
        SPECIES,
        "notebook",
        tmp_path,
    )
    assert file.companions == ()


def test_what_the_code_names_is_copied_along(tmp_path: Path) -> None:
    """Imported modules (and theirs), packages, and files that the code opens come along with a lone notebook."""
    source = TRAINING + "from helpers import run\nimport mypackage\ndata = open('data/table.csv')\n"
    save(tmp_path / "helpers.py", "import deeper\n")
    save(tmp_path / "deeper.py", "x = 1\n")
    save(tmp_path / "mypackage" / "__init__.py", "")
    save(tmp_path / "mypackage" / "nets.py", "")
    save(tmp_path / "data" / "table.csv", "a,b\n")
    save(tmp_path / "data" / "other.csv", "a,b\n")
    (found,) = read_path(save(tmp_path / "01_penguin_classification.ipynb", notebook(source)))
    relative = {path.relative_to(tmp_path).as_posix() for path in found.files[0].companions}
    assert relative == {"helpers.py", "deeper.py", "mypackage/__init__.py", "mypackage/nets.py", "data/table.csv"}


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.path.append('src')\nimport helpers\nopen('src/table.csv')",
        "%cd src\nfrom helpers import *\nopen('table.csv')",
        "from src.helpers import run\nopen('src/table.csv')",
        "%run src/helpers.py\nopen('src/table.csv')",
        "import src.helpers\nfrom pathlib import Path\nPath('src', 'table.csv')",
        "import os\nfrom src import helpers\nos.path.join('.', 'src', 'table.csv')",
    ],
)
def test_what_lies_in_a_folder_that_the_code_names_is_copied_along(tmp_path: Path, code: str) -> None:
    """Where Python is told to look for modules, a package without ``__init__.py``, a path in parts; nothing beside."""
    save(tmp_path / "src" / "helpers.py", "import deeper\n")
    save(tmp_path / "src" / "deeper.py", "x = 1\n")
    save(tmp_path / "src" / "table.csv", "a,b\n")
    save(tmp_path / "src" / "other.csv", "a,b\n")
    save(tmp_path / "other" / "table.csv", "a,b\n")
    (found,) = read_path(save(tmp_path / "01_penguin_classification.ipynb", notebook(TRAINING, code)))
    relative = {path.relative_to(tmp_path).as_posix() for path in found.files[0].companions}
    assert relative == {"src/helpers.py", "src/deeper.py", "src/table.csv"}


def test_a_folder_by_its_parts(tmp_path: Path) -> None:
    """And no more folders than are looked into: the rest is not copied."""
    save(tmp_path / "data" / "raw" / "table.csv", "a,b\n")
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    for name in letters:
        save(tmp_path / name / "table.csv", "a,b\n")
    path = tmp_path / "01_penguin_classification.ipynb"
    (parts,) = read_path(save(path, notebook("Path('data') / 'raw' / 'table.csv'")), task=SPECIES)
    assert [path.parent.name for path in parts.files[0].companions] == ["raw"]
    save(path, notebook(repr([*letters, "table.csv"])))
    (many,) = read_path(path, task=SPECIES)
    assert len(many.files[0].companions) == MOST_PLACES - 1


def test_links_and_outside_paths_are_not_copied(tmp_path: Path) -> None:
    """Neither a link nor a path that leads out of the folder brings a file of the host along."""
    outside = save(tmp_path / "secret.txt", "secret")
    folder = tmp_path / "ann"
    save(
        folder / "01_penguin_classification.ipynb",
        notebook(TRAINING + "open('../secret.txt'); open('link.txt'); open('way/secret.txt'); '..'"),
    )
    try:
        (folder / "link.txt").symlink_to(outside)
        (folder / "way").symlink_to(tmp_path)
    except OSError:
        pytest.skip("no links here")
    (alone,) = read_path(folder / "01_penguin_classification.ipynb")
    (whole,) = read_path(folder)
    assert alone.files[0].companions == whole.files[0].companions == ()


def test_folder_of_one_student(tmp_path: Path) -> None:
    """Four notebooks and a helper: four files, the helper copied along, the other notebooks not."""
    folder = tmp_path / "ann"
    for stem in COURSE:
        save(folder / f"{stem}.ipynb")
    save(folder / "helpers.py", "def plot(): pass\n")
    save(folder / ".ipynb_checkpoints" / "01_penguin_classification-checkpoint.ipynb")
    (found,) = read_path(folder)
    assert found.student == "ann"
    assert [file.task for file in found.files] == list(TaskId)
    assert [names(file.companions) for file in found.files] == [["helpers.py"]] * 4
    assert found.unreadable == ()


@pytest.mark.parametrize("parts", [["task1", "task2"], ["01_penguins", "03_mnist"], ["week 1", "week 2"]])
def test_parts_of_one_students_work(tmp_path: Path, parts: list[str]) -> None:
    """Subfolders named like parts of the course are one student's, not students."""
    save(tmp_path / parts[0] / "01_penguin_classification.ipynb")
    save(tmp_path / parts[1] / "03_mnist_classification.ipynb")
    (found,) = read_path(tmp_path, student="ann")
    assert [file.task for file in found.files] == [SPECIES, DIGITS]


def test_folder_of_students(tmp_path: Path) -> None:
    """Subfolders with sources are students, in the order of their names."""
    for student in ("bob", "ann", "Zo\u00eb"):
        save(tmp_path / student / "01_penguin_classification.ipynb")
    assert folders.is_class(tmp_path)
    assert [found.student for found in read_path(tmp_path)] == ["Zo\u00eb", "ann", "bob"]


def test_files_of_many_students(tmp_path: Path) -> None:
    """For a batch, a folder of single files holds a student's work in each."""
    for student in ("ann", "bob"):
        save(tmp_path / f"{student}_penguin_class.ipynb")
    save(tmp_path / "cy.ipynb", "")
    found = read_path(tmp_path, many=True)
    assert [submission.student for submission in found] == ["ann_penguin_class", "bob_penguin_class", "cy"]
    assert "is empty" in found[2].unreadable[0].reason


def test_files_of_many_students_are_not_each_others(tmp_path: Path) -> None:
    """Data and helpers that lie beside all of them come along; other notebooks, whole solutions and folders do not,
    whatever the code names."""
    opened = "".join(f"open({name!r}); " for name in ("table.csv", "dan.ipynb", "cy/net.pt", "bob.py", "eve.IPYNB"))
    code = f"{TRAINING}import bob, helpers, cy\n{opened}"
    save(tmp_path / "ann.ipynb", notebook(code))
    save(tmp_path / "bob.py", TRAINING)
    save(tmp_path / "cy" / "01_penguin_classification.py", TRAINING)
    save(tmp_path / "cy" / "net.pt", "x")
    save(tmp_path / "dan.ipynb")
    save(tmp_path / "eve.IPYNB")
    save(tmp_path / "helpers.py", "x = 1\n")
    save(tmp_path / "table.csv", "a,b\n")
    found = {submission.student: submission for submission in read_path(tmp_path, many=True, task=SPECIES)}
    assert names(found["ann"].files[0].companions) == ["helpers.py", "table.csv"]


def test_one_students_odd_files_cost_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights larger than any notebook may be come along; a file that cannot be read is left out, and said to be; a
    folder that cannot be listed is named as that student's."""
    monkeypatch.setattr("grader.intake.text.MAX_SOURCE_BYTES", 4096)
    for student in ("ann", "bob"):
        save(tmp_path / student / "01_penguin_classification.ipynb")
    save(tmp_path / "ann" / "net.pth", "x" * 5000)
    save(tmp_path / "ann" / "locked.csv", "x")
    save(tmp_path / "cy" / "inner" / "x.py", "x")
    access, listed = os.access, os.listdir

    def look(path: Path) -> list[str]:
        if path.name == "inner":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked.csv" and access(path, mode))
    monkeypatch.setattr(os, "listdir", look)
    ann, bob, cy = read_path(tmp_path, many=True)
    assert names(ann.files[0].companions) == ["net.pth"]
    assert "locked.csv cannot be read, so it was left out; check its permissions." in ann.files[0].notes
    assert bob.files
    assert (cy.student, cy.files) == ("cy", ())
    assert "Permission denied" in cy.unreadable[0].reason


def test_a_folder_that_cannot_be_looked_into_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where code only names it, Python could not have read it either."""
    save(tmp_path / "secret" / "x.py", "x = 1\n")
    path = save(tmp_path / "01_penguin_classification.ipynb", notebook(TRAINING + "import secret\nopen('secret')"))
    listed = os.listdir

    def look(place: Path) -> list[str]:
        if place.name == "secret":
            raise PermissionError(13, "Permission denied")
        return listed(place)

    monkeypatch.setattr(os, "listdir", look)
    assert read_path(path)[0].files[0].companions == ()


def test_course_fork(tmp_path: Path) -> None:
    """Exercises are marked, the course's solutions are not; ``src`` is importable."""
    fork = tmp_path / "practical-ml"
    for stem in COURSE:
        save(fork / "exercises" / f"{stem}.ipynb", notebook(HALF))
        save(fork / "exercises" / f"{stem}_solutions.ipynb")
    save(fork / "src" / "ml_workshop" / "__init__.py", "")
    save(fork / "slides" / "talk.ipynb")
    (found,) = read_path(fork)
    assert found.student == "practical-ml"
    assert [file.path.stem for file in found.files] == COURSE
    assert {file.import_roots for file in found.files} == {(fork / "src",)}
    assert all(file.root == fork and names(file.companions) == ["__init__.py"] for file in found.files)
    (alone,) = read_path(fork / "exercises" / "01_penguin_classification.ipynb")
    assert (alone.files[0].root, alone.files[0].import_roots) == (fork, (fork / "src",))


def test_newest_complete_file_is_marked(tmp_path: Path) -> None:
    """A newer file without a training step does not displace a complete one; a note says which was taken."""
    save(tmp_path / "penguin_class_v1.ipynb", mtime=1_000)
    save(tmp_path / "penguin_class_v2.ipynb", mtime=2_000)
    save(tmp_path / "penguin_class_v3.ipynb", notebook(HALF), mtime=3_000)
    (found,) = read_path(tmp_path, student="ann")
    (file,) = found.files
    assert file.path.name == "penguin_class_v2.ipynb"
    assert any("newest complete" in note and "penguin_class_v3.ipynb" in note for note in file.notes)


def test_newest_where_none_is_complete(tmp_path: Path) -> None:
    """Then the newest is taken, and said so."""
    save(tmp_path / "penguin_class_v1.ipynb", notebook(HALF), mtime=1_000)
    save(tmp_path / "penguin_class_v2.ipynb", notebook(HALF), mtime=2_000)
    (found,) = read_path(tmp_path, student="ann")
    assert found.files[0].path.name == "penguin_class_v2.ipynb"
    assert any("none of them is complete" in note for note in found.files[0].notes)


def test_helper_with_a_training_loop_is_no_submission(tmp_path: Path) -> None:
    """A module that the notebook imports helps it, though it trains."""
    save(tmp_path / "01_penguin_classification.ipynb", notebook(TRAINING + "import mnist_engine"))
    save(tmp_path / "mnist_engine.py", "from torchvision.datasets import MNIST\n" + TRAINING)
    (found,) = read_path(tmp_path, student="ann")
    assert [file.task for file in found.files] == [SPECIES]
    assert names(found.files[0].companions) == ["mnist_engine.py"]


def test_broken_copy_beside_a_good_file_is_a_note(tmp_path: Path) -> None:
    """The task is marked from the good file; the broken one is mentioned."""
    save(tmp_path / "01_penguin_classification.ipynb")
    save(tmp_path / "01_penguin_classification_old.ipynb", "{")
    (found,) = read_path(tmp_path, student="ann")
    assert [file.task for file in found.files] == [SPECIES]
    assert found.unreadable == ()
    assert "01_penguin_classification_old.ipynb" in found.notes[0]


def test_unclear_file_in_a_folder_is_asked_about(tmp_path: Path) -> None:
    """Beside clear ones, a file of no clear task is listed, with the option that helps."""
    save(tmp_path / "03_mnist_classification.ipynb")
    save(tmp_path / "penguins.ipynb", notebook("load_penguins()"))
    save(tmp_path / "notes.ipynb", notebook("print('hello')"))
    (found,) = read_path(tmp_path, student="ann")
    assert [file.task for file in found.files] == [DIGITS]
    assert [unclear.path.name for unclear in found.unreadable] == ["penguins.ipynb"]
    assert "--task" in found.unreadable[0].reason


def test_task_option_on_a_folder(tmp_path: Path) -> None:
    """Only files for that task are taken, those of no clear task included."""
    save(tmp_path / "03_mnist_classification.ipynb")
    save(tmp_path / "penguins.ipynb", notebook("load_penguins()"))
    (found,) = read_path(tmp_path, task=MASS, student="ann")
    assert [(file.task, file.path.name) for file in found.files] == [(MASS, "penguins.ipynb")]
    with pytest.raises(IntakeError):
        read_path(tmp_path, task=ELLIPSE)


def test_several_paths_of_one_student(tmp_path: Path) -> None:
    """Single files from one folder, each for another task, are one submission; a second one for a task is not."""
    paths = [save(tmp_path / "ann" / f"{stem}.ipynb") for stem in COURSE]
    (found,) = read_paths(paths)
    assert (found.student, len(found.files)) == ("ann", 4)
    other = save(tmp_path / "ann" / "my_penguin_class.ipynb")
    assert [len(submission.files) for submission in read_paths([*paths, other])] == [4, 1]


def test_digest_follows_content(tmp_path: Path) -> None:
    """The same content has the same digest wherever it lies; outputs do not count, code and companions do."""
    first = save(tmp_path / "a" / "01_penguin_classification.ipynb")
    with_output = notebook(TRAINING)
    with_output["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]
    second = save(tmp_path / "b" / "01_penguin_classification.ipynb", with_output)
    third = save(tmp_path / "c" / "01_penguin_classification.ipynb", notebook(TRAINING + "\n"))
    one, two, three = (read_path(path)[0].files[0].digest for path in (first, second, third))
    assert one == two != three
    save(tmp_path / "a" / "helper.py", "x = 1")
    assert read_path(tmp_path / "a")[0].files[0].digest != one


def test_too_many_companions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the cap files are left out, Python files last, and a note says how many."""
    monkeypatch.setattr("grader.intake.walk.MAX_SUBMISSION_FILES", 2)
    save(tmp_path / "01_penguin_classification.ipynb")
    for name in ("a.csv", "b.csv", "c.csv", "helper.py"):
        save(tmp_path / name, "x = 1")
    (found,) = read_path(tmp_path, student="ann")
    assert names(found.files[0].companions) == ["helper.py", "a.csv"]
    assert any(note.startswith("2 files") for note in found.files[0].notes)


def test_own_reports_and_environments_are_not_submissions(tmp_path: Path) -> None:
    """Neither a report folder of ours nor a virtual environment is searched."""
    save(tmp_path / "01_penguin_classification.ipynb")
    save(tmp_path / "grader-report" / ".grader-report", "")
    save(tmp_path / "grader-report" / "02_penguin_regression.ipynb")
    save(tmp_path / "my-env" / "pyvenv.cfg", "")
    save(tmp_path / "my-env" / "mnist.py", TRAINING)
    (found,) = read_path(tmp_path, student="ann")
    assert [file.task for file in found.files] == [SPECIES]


def test_bundled_submissions_are_a_class() -> None:
    """Every bundled case is read as one student with one file."""
    found = read_path(resources.submissions_dir())
    assert len(found) >= 24
    assert all(len(submission.files) == 1 and not submission.unreadable for submission in found)
