"""Made-up and damaged notebooks and scripts: reading one gives a submission or a ``UsageError``, nothing else."""

import encodings.aliases
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import intake
from grader.errors import UsageError
from grader.resources import submissions_dir
from grader.types import TaskId

MANY = settings.get_profile("fuzz files")
TEXTS = ["code", "markdown", "python", "\ud800", "x\0y", "%%bash\nls", "!pip install x", "%load_ext a", "e" * 300, "R"]
TEXTS += [
    "open('../x')",
    "open('\\ud800')",
    "import a.b, d",
    "from . import e",
    "'" + "x/" * 90 + "'",
    "?" * 9,
    " " * 99,
]
SCALARS = st.one_of(
    st.sampled_from([None, True, 0, -1, 3, 4, 10**30, 10**4_200, 1e308, float("nan"), float("inf"), *TEXTS]),
    st.text(max_size=8),
)
KEYS = ["cells", "cell_type", "source", "language", "name", "id", ""]
VALUES = st.one_of(
    SCALARS,
    SCALARS,
    st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=3),
    st.dictionaries(st.sampled_from(KEYS), SCALARS, max_size=2),
)
CELLS = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "code", "markdown", "raw"]) | VALUES},
    optional={
        "source": st.sampled_from(["x = 1", ["a\n", "b"], "import torch\n%matplotlib inline", "def f(:\n"]) | VALUES,
        "outputs": VALUES,
        "metadata": VALUES,
        "execution_count": VALUES,
        "id": st.just("same") | VALUES,
        "attachments": VALUES,
        "input": VALUES,
        "language": VALUES,
    },
)
KERNELS = st.dictionaries(st.sampled_from(["name", "language", "display_name"]), VALUES, max_size=3)
NOTEBOOKS = st.fixed_dictionaries(
    {},
    optional={
        "cells": st.lists(CELLS, max_size=3) | VALUES,
        "worksheets": st.lists(st.fixed_dictionaries({}, optional={"cells": st.lists(CELLS, max_size=2)}), max_size=2),
        "metadata": st.fixed_dictionaries({}, optional={"kernelspec": KERNELS, "language_info": KERNELS}) | VALUES,
        "nbformat": st.sampled_from([1, 2, 3, 4, 4, 4, 5, 10**30, -1]) | VALUES,
        "nbformat_minor": st.sampled_from([0, 2, 5, 99]) | VALUES,
    },
)
FRAMES = [
    '{"cells":[{"cell_type":"code","source":%s}]}',
    '{"metadata":{"kernelspec":{"language":%s}},"cells":[]}',
    "%s",
]
FRAMES += ['{"nbformat":3,"worksheets":[{"cells":[{"cell_type":"code","input":%s}]}]}', '{"nbformat":%s,"cells":[]}']
CUTS = st.lists(st.tuples(st.integers(0, 10**5), st.binary(max_size=4)), min_size=1, max_size=4)
CODECS = sorted(
    {*encodings.aliases.aliases.values(), "undefined", "idna", "unicode_escape", "nosuch", "utf-8-sig", "a\0b"}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one file of each example lies."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def real() -> bytes:
    """A notebook as students hand it in, a short one."""
    everything = (path.read_bytes() for path in submissions_dir().rglob("*.ipynb"))
    return min((data for data in everything if len(data) > 2_000), key=len)


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
    read(folder / "a.ipynb", json.dumps(document, ensure_ascii=len(document) % 2 == 0).encode("utf-8", "surrogatepass"))


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
    text=st.lists(st.sampled_from([*"x=1\n%#[]() \t'\"\\:\u00e9\0\ud800-?", "In", "# %%\n", *TEXTS]), max_size=40).map(
        "".join
    ),
    head=st.sampled_from(["", "# %%\n", "# In[ ]:\n", "(" * 500])
    | st.sampled_from(CODECS).map("# coding: {}\n".format),
)
def test_scripts_of_any_text(folder: Path, text: str, head: str) -> None:
    """With cell marks, every declared encoding there is, and nested brackets."""
    read(folder / "d.py", (head + text).encode("utf-8", "surrogatepass"))


@MANY
@given(frame=st.sampled_from(FRAMES), depth=st.integers(1, 1_500), brackets=st.sampled_from(["[ ]", '{"a": }']))
def test_nested_values(folder: Path, frame: str, depth: int, brackets: str) -> None:
    """In fields that are read: Python's own limit is reached in the middle of these depths."""
    start, end = brackets.split(" ")
    read(folder / "e.ipynb", (frame % (start * depth + "9" * (depth % 2 * 5_000 + 1) + end * depth)).encode())
