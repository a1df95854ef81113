"""The reader of untrusted bytes takes honest evidence and refuses every trick with one sentence."""

import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.errors import EvidenceError
from grader.evidence import reader
from grader.limits import MAX_ARRAY_BYTES, MAX_EVIDENCE_JSON

HONEST: dict[str, Any] = {"schema_version": 1, "task": "penguins-classification", "complete": True}


def write(folder: Path, document: object = HONEST, name: str = "evidence.json") -> None:
    """Write a document as JSON."""
    (folder / name).write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")


def refusal(folder: Path) -> str:
    """The sentence with which the claims are refused."""
    with pytest.raises(EvidenceError) as caught:
        reader.read_claims(folder)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def npy(array: Any, *, allow_pickle: bool = False) -> bytes:
    """The bytes numpy writes for an array."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def test_honest_claims_and_arrays_are_read(tmp_path: Path) -> None:
    """What the probe writes comes back with values, shape and type."""
    write(tmp_path)
    inputs = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.save(tmp_path / "train_inputs.npy", inputs)
    claims, arrays = reader.read_claims(tmp_path)
    assert claims.complete
    assert list(arrays) == ["train_inputs"]
    np.testing.assert_array_equal(arrays["train_inputs"], inputs)


def test_arrays_that_are_not_on_the_list_are_not_read(tmp_path: Path) -> None:
    """A file of another name is left alone, whatever it holds."""
    write(tmp_path)
    (tmp_path / "extra.npy").write_bytes(b"junk")
    assert reader.read_claims(tmp_path)[1] == {}


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint8", "float16", "float64", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numeric_types_and_orders_come_back_equal(dtype: str, order: Any) -> None:
    """Every allowed number type in both memory orders, as numpy itself would read it."""
    array = np.asarray(np.arange(24).reshape(2, 3, 4) % 2, dtype=dtype, order=order)
    found = reader.parse_array(npy(array), "a.npy")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.flags.writeable


@pytest.mark.parametrize("array", [np.float32(3.0), np.zeros((0, 3), np.float32), np.zeros(1)])
def test_scalars_and_empty_arrays_are_arrays(array: Any) -> None:
    """A zero-dimensional and an empty array keep their shapes."""
    assert reader.parse_array(npy(array), "a.npy").shape == np.shape(array)


class Explosive:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_in_an_array_file_is_refused_and_not_run(tmp_path: Path) -> None:
    """Neither an object array nor a bare pickle is loaded."""
    write(tmp_path)
    target = tmp_path / "ran"
    bare = pickle.dumps(Explosive(target))
    for content in (npy(np.array([Explosive(target)], dtype=object), allow_pickle=True), bare):
        (tmp_path / "train_inputs.npy").write_bytes(content)
        refusal(tmp_path)
    assert not target.exists()
    pickle.loads(bare)
    assert target.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.parametrize("name", ["evidence.json", "eval_inputs.npy"])
def test_a_fifo_is_refused_without_waiting(tmp_path: Path, name: str) -> None:
    """A FIFO would block a reader for ever."""
    write(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    assert "not a regular file" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["evidence.json", "eval_inputs.npy"])
def test_a_link_is_refused(tmp_path: Path, name: str) -> None:
    """A link may lead to a file of the host, valid or not, there or not."""
    write(tmp_path)
    outside = tmp_path / "outside"
    outside.write_text(json.dumps(HONEST), encoding="utf-8")
    for target in (outside, tmp_path / "nowhere"):
        (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / name).symlink_to(target)
        assert "is a link" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["evidence.json", "eval_inputs.npy"])
def test_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A folder of the expected name."""
    write(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    refusal(tmp_path)


@pytest.mark.parametrize(("name", "most"), [("evidence.json", MAX_EVIDENCE_JSON), ("eval_inputs.npy", MAX_ARRAY_BYTES)])
def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path, name: str, most: int) -> None:
    """A sparse file of a terabyte costs its writer nothing."""
    write(tmp_path)
    with (tmp_path / name).open("wb") as stream:
        stream.truncate(most + 1)
    assert "MiB" in refusal(tmp_path)


def test_no_file_is_said_so(tmp_path: Path) -> None:
    """A run that died early wrote nothing."""
    assert "wrote no evidence.json" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ('{"schema_version": 1, "schema_version": 1}', "twice"),
        ('{"schema_version": NaN}', "NaN"),
        ('{"schema_version": -Infinity}', "Infinity"),
        ("[" * 100_000, "nested"),
        ("{", "not valid JSON"),
        ('{"schema_version": ' + "9" * 10_000 + "}", ""),
        ("\ufeff{}", "not valid JSON"),
        ({**HONEST, "extra": 1}, "extra"),
        ({**HONEST, "schema_version": 2}, "schema_version"),
        ({**HONEST, "task": "other"}, "task"),
        ({**HONEST, "notes": ["x"] * 65}, "notes"),
        ({**HONEST, "train_curve": [{"step": -1, "loss": 1.0}]}, "train_curve"),
        (json.dumps({**HONEST, "train_curve": [{"step": 1, "loss": 5.5}]}).replace("5.5", "1e999"), "train_curve"),
        ([], "the document"),
    ],
)
def test_documents_outside_the_agreed_form_are_refused(tmp_path: Path, document: object, hint: str) -> None:
    """Each is named by one sentence."""
    write(tmp_path, document)
    assert hint in refusal(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """UTF-8 or nothing."""
    (tmp_path / "evidence.json").write_bytes(b"\xff\xfe{}")
    assert "not valid JSON" in refusal(tmp_path)


def header(text: str, data: bytes = b"") -> bytes:
    """An array file with a header of one's own."""
    content = text.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + len(content).to_bytes(2, "little") + content + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + b"\0" * 100,
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", b"\0" * 8),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999,), }", b"\0" * 8),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 99999999999999), }"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1), }", b"\0" * 4),
        header("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", b"\0" * 8),
        header("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", b"\0" * 4),
        header("{'descr': '<M8', 'fortran_order': False, 'shape': (1,), }", b"\0" * 8),
        header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", b"\0" * 4),
        header("__import__('os').abort()"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", b"\0" * 4),
        b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + b"{",
        npy(np.zeros(4))[:-1],
    ],
)
def test_array_files_outside_the_agreed_form_are_refused(content: bytes) -> None:
    """Headers are read by a pattern; sizes must agree."""
    with pytest.raises(EvidenceError):
        reader.parse_array(content, "a.npy")


def test_arrays_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many files below the limit of one are not a way around it."""
    write(tmp_path)
    monkeypatch.setattr(reader, "MAX_ALL_ARRAYS_BYTES", 1000)
    for name in ("train_inputs", "eval_inputs"):
        np.save(tmp_path / f"{name}.npy", np.zeros(100))
    assert "together" in refusal(tmp_path)
