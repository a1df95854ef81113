"""Sources that would stop a reader, slow it down without end, or fill its memory."""

import json
from pathlib import Path

import pytest
from intake_examples import TRAINING, notebook, save

from grader.errors import IntakeError
from grader.intake import choose, read_path
from grader.intake import notebook as notebook_reader
from grader.intake.facts import facts_of
from grader.intake.submission import Cell
from grader.limits import MAX_PARSED_SOURCE
from grader.types import TaskId

TASK = TaskId.PENGUINS_CLASSIFICATION
LONG = 300_000  # where time grows with the square of a length, minutes


@pytest.mark.parametrize("name", ["undefined", "punycode", "idna", "rot13", "zlib", "unicode_escape", "nosuch"])
def test_odd_declared_encodings_are_not_used(tmp_path: Path, name: str) -> None:
    """Some raise errors of their own, some are slow, some are none of text."""
    path = save(tmp_path / "a.py", f"# coding: {name}\nx = 1\n".encode() + b"a" * LONG)
    (submission,) = read_path(path, task=TASK)
    assert "x = 1" in submission.files[0].cells[0].source


@pytest.mark.parametrize("name", ["d" * 400, "\u00e9" * 199])
def test_a_module_may_have_a_longer_name_than_any_file(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / "a.py", f"import {name}\nopen('{name}')\n".encode())
    (submission,) = read_path(path, task=TASK)
    assert submission.files[0].companions == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" " * LONG + "x (", id="blanks"),
        pytest.param("(\n" + "\t" * LONG + "x", id="tabs"),
        pytest.param("# %%\n" + "\n" * LONG + "#", id="lines"),
        pytest.param("# %%\n" + " \n" * LONG, id="blank lines"),
        pytest.param("f'" + "{x}" * (LONG // 3) + "'", id="format string"),
    ],
)
def test_long_runs_of_the_same_are_read_in_a_moment(tmp_path: Path, text: str) -> None:
    """Each took minutes once."""
    assert len(read_path(save(tmp_path / "a.py", text), task=TASK)) == 1


def test_strings_that_name_no_file_are_no_files(tmp_path: Path) -> None:
    """Half a surrogate pair, a link to itself, a name that is too long, the folder itself."""
    (tmp_path / "loop").symlink_to("loop")
    source = "a = ['\\ud800', 'loop', 'loop/x', '" + "x/" * 99 + "', '.', '..', '/etc/passwd', '~', '\\0']\n"
    for path in (save(tmp_path / "a.py", source), save(tmp_path / "b.ipynb", notebook(source))):
        (submission,) = read_path(path, task=TASK)
        assert submission.files[0].companions == ()


def test_a_notebook_of_millions_of_values_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes many times its bytes in memory."""
    document = notebook(TRAINING) | {"more": [[]] * 5_000}
    path = save(tmp_path / "a.ipynb", document)
    assert len(read_path(path, task=TASK)) == 1
    monkeypatch.setattr(notebook_reader, "MAX_NOTEBOOK_MARKS", 5_000)
    with pytest.raises(IntakeError, match="clear the outputs"):
        read_path(path, task=TASK)


def test_nested_values_where_text_should_be(tmp_path: Path) -> None:
    """They are no source and no language, at any depth that JSON allows."""
    for depth in (1, 10, 500, 900):
        nest = json.loads("[" * depth + "]" * depth)
        document = notebook("x = 1") | {"metadata": {"kernelspec": {"language": nest, "name": nest}}}
        document["cells"] += [{"cell_type": "code", "source": nest}, {"cell_type": "code", "source": [nest, "y"]}]
        (submission,) = read_path(save(tmp_path / "a.ipynb", document), task=TASK)
        assert [cell.source for cell in submission.files[0].cells] == ["x = 1", "y"]


def test_only_so_much_source_is_parsed(tmp_path: Path) -> None:
    """A cell that is too long tells nothing; the others do."""
    cells = [Cell(0, "first = 1\n"), Cell(1, "second = 1\n" + "#" * MAX_PARSED_SOURCE), Cell(2, "third = 1\n")]
    assert facts_of(cells).names == {"first", "third"}


def test_only_so_many_files_of_a_student_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notebooks first; and a note says so."""
    monkeypatch.setattr(choose, "MAX_SOURCES", 3)
    for number in range(5):
        save(tmp_path / "ana" / f"a{number}.py", "x = 1\n")
    save(tmp_path / "ana" / "z.ipynb")
    (submission,) = read_path(tmp_path / "ana", task=TASK)
    assert submission.files[0].path.name == "z.ipynb"
    assert submission.notes == ("Of 6 notebooks and Python files 3 were looked at; hand in fewer.",)


def test_blank_cells_are_left_out(tmp_path: Path) -> None:
    """Nearly every notebook ends with one. Jupyter runs none of them, so they neither fail nor count."""
    path = save(tmp_path / "a.ipynb", notebook("", "a = 1", " \n\t\n", "# what comes here?", "\u00a0", "b = 2", ""))
    (submission,) = read_path(path, task=TASK)
    assert [cell.index for cell in submission.files[0].cells] == [1, 3, 5]
    (blank,) = read_path(save(tmp_path / "b.ipynb", notebook("", "\n")), task=TASK)
    assert blank.files[0].cells == ()


def test_cells_may_be_tagged_as_failing(tmp_path: Path) -> None:
    """By nbclient's tags. Jupyter runs them all, and so does the grader; what is no list of tags is none."""
    odd: list[object] = [["skip-execution"], ["raises-exception", "x"], [3, None], "skip-execution", None, {}, []]
    work = notebook(*(f"x = {i}" for i in range(len(odd))))
    for one, tags in zip(work["cells"], odd, strict=True):  # type: ignore[call-overload]
        one["metadata"] = {"tags": tags}
    (submission,) = read_path(save(tmp_path / "a.ipynb", work), task=TASK)
    (file,) = submission.files
    assert [cell.may_fail for cell in file.cells] == [True] * 2 + [False] * 5
    work["cells"][1]["metadata"] = []  # type: ignore[index]
    (untagged,) = read_path(save(tmp_path / "a.ipynb", work), task=TASK)
    assert untagged.files[0].digest != file.digest
