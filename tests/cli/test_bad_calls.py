"""Wrong calls and bad input: one clear sentence on stderr, nothing on stdout, exit code 2."""

import json
import os
from pathlib import Path

import pytest
from command_examples import NAME, save_notebook

GOOD = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}'
BAD = {
    "not a notebook": (NAME, '{"a": 1}', "not a notebook"),
    "another language": (
        NAME,
        GOOD.replace('"metadata": {}', '"metadata": {"kernelspec": {"language": "R"}}'),
        "for R;",
    ),
    "empty": (NAME, "", "is empty"),
    "cut off": (NAME, GOOD[:-10], "ends too early"),
    "another kind of file": ("essay.docx", "x", "neither a notebook"),
    "no clear task": ("final.ipynb", GOOD, "--task"),
}


def error(result) -> str:
    """The one sentence that a wrong call prints."""
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert "Traceback" not in result.stderr
    return lines[0]


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_bad_files(run, tmp_path, name, as_json):
    file, content, expected = BAD[name]
    (tmp_path / file).write_text(content)
    result = run("check", tmp_path / file, *as_json)
    assert result.exit_code == 2
    assert expected in error(result)


def test_a_folder_where_a_file_is_meant(run, tmp_path):
    (tmp_path / NAME).mkdir()
    result = run("check", tmp_path / NAME)
    assert result.exit_code == 2
    assert "is a folder" in error(result)


def test_a_file_where_a_folder_is_meant(run, tmp_path):
    result = run("batch", save_notebook(tmp_path / NAME), "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "is a file" in error(result)


@pytest.mark.parametrize("command", ["check", "batch"])
def test_no_submissions_found(run, tmp_path, command):
    (tmp_path / "class").mkdir()
    result = run(command, tmp_path / "class", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "No notebook or Python file was found" in error(result)
    assert not (tmp_path / "out").exists()


def test_a_path_that_does_not_exist(run, tmp_path):
    result = run("check", tmp_path / "nowhere.ipynb")
    assert result.exit_code == 2
    assert "does not exist" in error(result)


def test_unreadable_file(run, tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    path = save_notebook(tmp_path / NAME)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = run("check", path)
    assert result.exit_code == 2
    assert "Permission denied" in error(result)


def test_unknown_task(run, tmp_path):
    result = run("check", save_notebook(tmp_path / NAME), "--task", "penguins")
    assert result.exit_code == 2
    assert "penguins-classification" in result.stderr


@pytest.mark.parametrize("command", ["check", "batch", "demo"])
def test_out_that_is_not_ours(run, tmp_path, command):
    """A folder with other files, or a file, is never written to, and nothing is run first."""
    save_notebook(tmp_path / "class" / "ann" / NAME)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("x")
    words = [command] if command == "demo" else [command, tmp_path / "class" / "ann"]
    for out in (theirs, theirs / "thesis.tex"):
        result = run(*words, "--out", out)
        assert result.exit_code == 2
        assert "--out" in error(result)
    assert [path.name for path in theirs.iterdir()] == ["thesis.tex"]


def test_default_folder_that_is_not_ours(run, tmp_path):
    (tmp_path / "grader-report").mkdir()
    (tmp_path / "grader-report" / "mine.txt").write_text("x")
    result = run("check", save_notebook(tmp_path / NAME))
    assert result.exit_code == 2
    assert "--out" in error(result)


def test_nbformat_3_and_windows_bytes_are_marked(run, tmp_path):
    """Old and oddly saved notebooks are no error; a note says what was done."""
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]}
    (tmp_path / NAME).write_text(json.dumps(old))
    result = run("check", tmp_path / NAME, "--json")
    assert result.exit_code == 0
    assert any("format 3" in note for note in json.loads(result.stdout)["submissions"][0]["tasks"][0]["notes"])
    (tmp_path / NAME).write_bytes(
        GOOD.replace("[]", '[{"cell_type": "code", "source": "x = \'\u00e9\'"}]').encode("cp1252")
    )
    result = run("check", tmp_path / NAME, "--json")
    assert result.exit_code == 0
    assert "Windows-1252" in result.stdout


def test_no_device(run, tmp_path, monkeypatch):
    monkeypatch.setattr("grader.devices.has_cuda", lambda: False)
    result = run("check", save_notebook(tmp_path / NAME), "--device", "cuda")
    assert result.exit_code == 3
    assert "No cuda device" in error(result)


@pytest.mark.parametrize("points", ["nan", "inf", "-1", "101"])
def test_fail_under_out_of_range(run, tmp_path, points):
    """A bar that every mark would pass, or none could, is a mistake."""
    result = run("check", save_notebook(tmp_path / NAME), "--fail-under", points)
    assert result.exit_code == 2
    assert "--fail-under takes points" in error(result)


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_hostile_names_are_printed_harmlessly(run, tmp_path):
    """Line breaks, escape sequences and direction marks of a file name reach neither terminal nor document."""
    path = tmp_path / "a\nError: b\x1b[31m\u202e.ipynb"
    path.write_text(GOOD)
    result = run("check", path)
    assert result.exit_code == 2
    assert not {"\x1b", "\u202e"} & set(error(result))
    result = run("check", path, "--task", "ellipse-regression", "--json")
    assert result.exit_code == 0
    assert not {"\x1b", "\u202e"} & set(result.stderr + json.loads(result.stdout)["submissions"][0]["student"])
