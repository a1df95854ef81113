"""Every bad file is one clear sentence that says what to do; nothing of it is executed."""

import json
import os
from pathlib import Path

import pytest
from intake_examples import TRAINING, notebook, save

from grader.errors import AmbiguousTask, IntakeError
from grader.intake import read_path
from grader.types import TaskId

NAME = "01_penguin_classification.ipynb"
V3 = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": ""},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {"cell_type": "heading", "level": 1, "source": ["Title"], "metadata": {}},
                {
                    "cell_type": "code",
                    "language": "python",
                    "input": ["import torch\n", "x = 1"],
                    "outputs": [{"output_type": "stream", "stream": "stdout", "text": ["1"]}],
                    "collapsed": False,
                    "metadata": {},
                },
            ],
        }
    ],
}
BAD = {
    "empty": (b"", "is empty"),
    "only white space": (b" \n\n", "is empty"),
    "cut off": (json.dumps(notebook(TRAINING)).encode()[:-40], "ends too early"),
    "not JSON": (b"hello", "not a readable notebook"),
    "another JSON document": (b'{"a": 1}', "not a notebook"),
    "a list": (b"[1, 2]", "not a notebook"),
    "no cells": (b'{"nbformat": 4, "metadata": {}}', "no list of cells"),
    "a web page": (b"<!DOCTYPE html><html></html>", "web page"),
    "binary": (b"\x89PNG\0\0\0", "binary"),
    "nested too deeply": (b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
    "R": (json.dumps(notebook("1", kernelspec={"name": "ir", "language": "R"})).encode(), "for R;"),
    "Julia": (json.dumps(notebook("1", kernelspec={"name": "julia-1.9"})).encode(), "for Julia;"),
    "language information": (json.dumps(notebook("1", language_info={"name": "scala"})).encode(), "for scala;"),
    "broken old format": (b'{"nbformat": 3, "worksheets": [{"cells": [3]}]}', "old notebook format 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_notebook_is_one_sentence(tmp_path: Path, name: str) -> None:
    """Each says what is wrong, in one line with the file's name, and nothing else."""
    content, expected = BAD[name]
    path = save(tmp_path / NAME, content)
    with pytest.raises(IntakeError) as caught:
        read_path(path)
    text = str(caught.value)
    assert expected in text
    assert "\n" not in text
    assert NAME in text
    assert text.endswith(".")


@pytest.mark.parametrize("name", BAD)
def test_bad_notebook_in_a_class_costs_itself_only(tmp_path: Path, name: str) -> None:
    """In a batch the others go on, and the bad one is listed with its sentence and its task."""
    save(tmp_path / "ann" / NAME)
    save(tmp_path / "bob" / NAME, BAD[name][0])
    good, bad = read_path(tmp_path, many=True)
    assert (good.student, [file.task for file in good.files]) == ("ann", [TaskId.PENGUINS_CLASSIFICATION])
    assert bad.files == ()
    assert [found.task for found in bad.unreadable] == [TaskId.PENGUINS_CLASSIFICATION]
    assert BAD[name][1] in bad.unreadable[0].reason


def test_old_format_is_converted(tmp_path: Path) -> None:
    """Notebooks of format 3 are upgraded and a note says so; indices count all cells."""
    (found,) = read_path(save(tmp_path / NAME, V3))
    assert [(cell.index, cell.source) for cell in found.files[0].cells] == [(1, "import torch\nx = 1")]
    assert any("old notebook format 3" in note for note in found.files[0].notes)


def test_outputs_are_dropped(tmp_path: Path) -> None:
    """Fifty megabytes of outputs are read and forgotten."""
    content = notebook(TRAINING)
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * (50 * 2**20)}]
    (found,) = read_path(save(tmp_path / NAME, content))
    assert [cell.source for cell in found.files[0].cells] == [TRAINING]


def test_too_large_says_what_to_do(tmp_path: Path) -> None:
    """A file over the cap is not read at all."""
    path = save(tmp_path / NAME, "")
    os.truncate(path, 65 * 2**20)
    with pytest.raises(IntakeError, match="clear the outputs"):
        read_path(path)


def test_windows_1252(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are read as Windows-1252, and a note says so."""
    content = json.dumps(notebook("x = '" + "\u00e9\u20ac" + "'"), ensure_ascii=False).encode("cp1252")
    (found,) = read_path(save(tmp_path / NAME, content))
    assert found.files[0].cells[0].source == "x = '\u00e9\u20ac'"
    assert any("Windows-1252" in note for note in found.files[0].notes)


def test_declared_encoding_of_a_script(tmp_path: Path) -> None:
    """A Python file's coding line is followed, and an unknown one does no harm."""
    text = "# -*- coding: latin-1 -*-\nname = '\u00e9'\n"
    (found,) = read_path(save(tmp_path / "ellipse.py", text.encode("latin-1")))
    assert "\u00e9" in found.files[0].cells[0].source
    (found,) = read_path(save(tmp_path / "ellipse.py", b"# coding: nonsense\nx = 1\n"))
    assert "x = 1" in found.files[0].cells[0].source


def test_lone_surrogates_become_text(tmp_path: Path) -> None:
    """A cell with half a character can still be written as UTF-8."""
    (found,) = read_path(save(tmp_path / NAME, json.dumps(notebook("x = '\ud800'"))))
    found.files[0].cells[0].source.encode("utf-8")


def test_folder_where_a_file_is_meant(tmp_path: Path) -> None:
    """A folder called like a notebook is named as such."""
    (tmp_path / NAME).mkdir()
    with pytest.raises(IntakeError, match="is a folder, not a file"):
        read_path(tmp_path / NAME)


def test_missing_path(tmp_path: Path) -> None:
    """A path that does not exist."""
    with pytest.raises(IntakeError, match="does not exist"):
        read_path(tmp_path / "nowhere.ipynb")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission: the system's reason, and what to check."""

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = save(tmp_path / NAME)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(IntakeError, match=r"Permission denied.*check its permissions"):
        read_path(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe_does_not_block(tmp_path: Path) -> None:
    """A named pipe is refused without being opened."""
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(IntakeError, match="not a regular file"):
        read_path(tmp_path / NAME)


@pytest.mark.parametrize("name", ["report.pdf", "all.zip", "notes.txt"])
def test_other_files(tmp_path: Path, name: str) -> None:
    """Anything but notebooks and Python files; an archive is to be unpacked."""
    with pytest.raises(IntakeError, match="neither a notebook") as caught:
        read_path(save(tmp_path / name, "x"))
    assert ("unpack" in str(caught.value)) == (name == "all.zip")


@pytest.mark.parametrize("many", [False, True])
def test_nothing_found(tmp_path: Path, many: bool) -> None:
    """A folder without any source."""
    save(tmp_path / "ann" / "report.pdf", "x")
    with pytest.raises(IntakeError, match="No notebook or Python file"):
        read_path(tmp_path, many=many)


def test_student_without_a_source_keeps_a_row(tmp_path: Path) -> None:
    """In a class, who handed in a PDF only is listed with a sentence."""
    save(tmp_path / "ann" / NAME)
    save(tmp_path / "bob" / "report.pdf", "x")
    _, bob = read_path(tmp_path, many=True)
    assert bob.student == "bob"
    assert "No notebook or Python file" in bob.notes[0]


def test_ambiguous_task_names_candidates(tmp_path: Path) -> None:
    """A penguin notebook that does not say what it predicts: both candidates and the option."""
    with pytest.raises(AmbiguousTask) as caught:
        read_path(save(tmp_path / "penguins.ipynb", notebook("df = load_penguins()")))
    assert "penguins-classification or penguins-regression" in str(caught.value)
    assert "--task" in str(caught.value)
    (found,) = read_path(tmp_path / "penguins.ipynb", task=TaskId.PENGUINS_REGRESSION)
    assert found.files[0].task is TaskId.PENGUINS_REGRESSION


def test_syntax_errors_are_the_runs_to_report(tmp_path: Path) -> None:
    """A cell that does not parse is kept as it is."""
    (found,) = read_path(save(tmp_path / NAME, notebook("def f(:", TRAINING)))
    assert found.files[0].cells[0].source == "def f(:"


def test_name_that_is_no_text(tmp_path: Path) -> None:
    """A file name of bytes that are no UTF-8 costs that file a sentence."""
    try:
        odd = os.fsdecode(os.fsencode(str(tmp_path)) + b"/ann\xff.ipynb")
        save(tmp_path / NAME)
        Path(odd).write_text(json.dumps(notebook(TRAINING)))
    except (OSError, UnicodeError):
        pytest.skip("the file system takes text only")
    (found,) = read_path(tmp_path, student="ann")
    assert len(found.files) == 1
    assert "not valid text" in found.unreadable[0].reason
    found.unreadable[0].reason.encode("utf-8")
