"""Made-up and damaged notebooks and scripts: reading one gives a submission or a ``UsageError``, nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader import intake
from grader.errors import UsageError
from grader.resources import reference_solutions_dir
from grader.types import TaskId

MANY = settings(
    max_examples=2_000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(
        ["code", "markdown", "python", "\ud800", "x\0y", "%%bash\nls", "!pip install x", "%load_ext a", "é" * 300]
    ),
)
VALUES = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["cells", "cell_type", "source", "outputs", "metadata", "nbformat", "id", "worksheets", "language", "kernelspec"]
CELLS = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | VALUES,
        "source": st.sampled_from(["x = 1", ["a\n", "b"], "import torch\n%matplotlib inline", "def f(:\n"]) | VALUES,
        "outputs": VALUES,
        "metadata": VALUES,
        "execution_count": VALUES,
        "id": st.just("same") | VALUES,
        "attachments": VALUES,
        "input": VALUES,
    },
)
NOTEBOOKS = st.fixed_dictionaries(
    {},
    optional={
        "cells": st.lists(CELLS, max_size=5) | VALUES,
        "worksheets": st.lists(st.fixed_dictionaries({}, optional={"cells": st.lists(CELLS, max_size=3)}), max_size=2),
        "metadata": st.fixed_dictionaries({}, optional={"kernelspec": VALUES, "language_info": VALUES}) | VALUES,
        "nbformat": st.sampled_from([1, 2, 3, 4, 5, 10**30, -1]) | VALUES,
        "nbformat_minor": st.sampled_from([0, 2, 5, 99]) | VALUES,
    },
)
CUTS = st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one file of each example lies."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def real() -> bytes:
    """A notebook as students hand it in."""
    return (reference_solutions_dir() / "01_penguin_classification.ipynb").read_bytes()


def read(path: Path, data: bytes) -> None:
    """Read a file with this content; cells of what comes out are text."""
    path.write_bytes(data)
    try:
        (submission,) = intake.read_path(path, task=TaskId.PENGUINS_CLASSIFICATION)
    except UsageError:
        return  # documented: one sentence
    for file in submission.files:
        assert all(isinstance(cell.source, str) for cell in file.cells)
        assert len(file.digest) == 64


@MANY
@given(document=NOTEBOOKS)
def test_documents_of_any_form(folder: Path, document: dict[str, Any]) -> None:
    """Every field missing, or of another type."""
    read(folder / "a.ipynb", json.dumps(document).encode("utf-8", "surrogatepass"))


@MANY
@given(cuts=CUTS)
def test_damaged_notebooks(folder: Path, real: bytes, cuts: list[tuple[int, bytes]]) -> None:
    """A real one with some bytes changed or lost."""
    data = real
    for place, piece in cuts:
        at = place % len(data)
        data = data[:at] + piece + data[at + len(piece) + place % 3 :]
    read(folder / "b.ipynb", data)


@MANY
@given(
    data=st.binary(max_size=300),
    start=st.sampled_from([b"", b"{", b'{"cells": [', b"\xff\xfe", b"\xef\xbb\xbf{", b"[" * 3000]),
)
def test_bytes_that_call_themselves_a_notebook(folder: Path, data: bytes, start: bytes) -> None:
    """Among them other encodings, and brackets without end."""
    read(folder / "c.ipynb", start + data)


@MANY
@given(
    text=st.text(alphabet=st.sampled_from("x=1\n%#[]() \t'\"\\:é\0\ud800-In"), max_size=120),
    head=st.sampled_from(["", "# %%\n", "# In[ ]:\n", "# -*- coding: rot13 -*-\n", "# coding: utf-16\n", "(" * 500]),
)
def test_scripts_of_any_text(folder: Path, text: str, head: str) -> None:
    """With cell marks, declared encodings, and nested brackets."""
    read(folder / "d.py", (head + text).encode("utf-8", "surrogatepass"))
