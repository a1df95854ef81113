"""Whatever bytes a sandbox leaves behind, the readers of evidence answer with evidence or with ``EvidenceError``."""

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import EvidenceError
from grader.evidence import reader
from grader.evidence.bundle import Evidence
from grader.evidence.model import Claims, EvidenceDocument, HeldOutClaims, HostFacts
from grader.evidence.store import load, save
from grader.limits import MAX_EVIDENCE_JSON, MAX_JSON_KEYS, MIB
from grader.types import Exit, TaskId

EXAMPLES = settings.get_profile("fuzz")
LAYER = {"name": "a", "kind": "Linear", "parameters": 12, "output_shape": [4, 3]}
PARAMETER = {"name": "a.weight", "shape": [3, 4], "trainable": True, "in_optimiser": True, "change": 0.5}
NET = {
    "class_name": "Net",
    "parameters": 12,
    "trainable_parameters": 12,
    "layers": [LAYER],
    "parameter_list": [PARAMETER],
    "operations": [{"name": "addmm", "output_shape": [4, 3]}],
    "output_shape": [4, 3],
    "linearity": 0.5,
}
EPISODE = {
    "optimiser": {"kind": "Adam", "lr": 0.001},
    "model_class": "Net",
    "marked": True,
    "steps": 10,
    "backwards": 10,
    "zero_grads": 10,
    "batch_sizes": [16],
}
PASS = {"phase": "train", "loader": 0, "dataset": 0, "forwards": 4, "samples": 60, "loss": 0.5}
CLAIMS = {
    "schema_version": 1,
    "task": "penguins-classification",
    "complete": True,
    "architecture": NET,
    "episodes": [EPISODE],
    "losses": [{"kind": "cross_entropy", "phase": "train", "calls": 10, "graph": ["NllLossBackward0"]}],
    "train_curve": [{"step": 1, "loss": 1.0}, {"step": 2, "loss": None}],
    "passes": [PASS],
    "loaders": [{"id": 0, "dataset": 0, "batch_size": 16}],
    "datasets": [{"id": 0, "kind": "Data", "arguments": {"train": "True"}}],
    "split": {"train_rows": 100, "eval_rows": 60},
    "names": ["predict"],
    "notes": ["a note"],
}
HELD_OUT = {
    "schema_version": 1,
    "attempts": [{"method": "predict", "ok": False, "reason": "none", "seconds": 0.1}],
    "predict_labels": ["Adelie", "Gentoo"],
    "notes": [],
}
ODD_TEXTS = [
    "",
    "NaN",
    "inf",
    "\ud800",
    "\udfff\ud800",
    "\x00",
    "\u202egpj",
    "\x1b]8;;x\x07",
    "a\nb",
    "a" * 3_000,
    '"' * 50,
    "\\" * 51,
]
ODD_NUMBERS = [0, -0.0, -1, 1e308, -1e308, 5e-324, 2**53, 2**53 + 1, 2**63, -(2**70), 10**400, 1.5, True]
plain = st.none() | st.booleans() | st.sampled_from(ODD_NUMBERS) | st.sampled_from(ODD_TEXTS) | st.text(max_size=5)
values = st.recursive(
    plain | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
# What Python would write as JSON, and what only a forger would.
RAW = [
    "NaN",
    "-Infinity",
    "1e999",
    "-0",
    "1E-999",
    "9" * 5_000,
    "[" * 400,
    "{" * 200,
    '"',
    '"\\',
    "\\ud800",
    "//",
    "'a'",
]


def places(document, path=()):
    """The paths of all values in a document."""
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


def put(document, path, value):
    """A copy with one value replaced."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = put(copy[path[0]], path[1:], value)
    return copy


def without(document, path):
    """A copy without one value."""
    copy = dict(document) if isinstance(document, dict) else list(document)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = without(copy[path[0]], path[1:])
    return copy


HOLE = "\ue000hole"


@st.composite
def mutated(draw, original):
    """JSON bytes of a valid document of which something was changed, in its values or in its text."""
    path = draw(st.sampled_from(list(places(original))))
    how = draw(st.sampled_from(["value", "value", "raw", "gone", "extra", "twice", "many", "deep", "bytes"]))
    document = original
    if how == "gone" and path:
        document = without(original, path)
    elif how == "extra":
        document = original | {draw(st.sampled_from(ODD_TEXTS) | st.text(max_size=9)): draw(values)}
    elif how == "many":
        document = put(original, path, [draw(values)] * draw(st.sampled_from([17, 65, 401, 700])))
    elif how == "deep":
        document = put(original, path, HOLE)
    elif how in ("value", "bytes"):
        document = put(original, path, draw(values))
    elif how == "raw":
        document = put(original, path, HOLE)
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    hole = json.dumps(HOLE, ensure_ascii=True) if json.dumps(HOLE) in text else json.dumps(HOLE, ensure_ascii=False)
    if how == "raw":
        text = text.replace(hole, draw(st.sampled_from(RAW)))
    if how == "deep":
        depth = draw(st.sampled_from([5, 31, 33, 1_000]))
        text = text.replace(
            hole, draw(st.sampled_from(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth]))
        )
    if how == "twice":
        text = text.replace('"schema_version": 1', '"schema_version": 1, "schema_version": 1', 1)
    content = text.encode("utf-8", "surrogatepass")
    return damaged(draw, content) if how == "bytes" else content


def damaged(draw, content):
    """The bytes with a stretch of them replaced."""
    if not content:
        return content
    start = draw(st.integers(0, len(content) - 1))
    return content[:start] + draw(st.binary(max_size=12)) + content[start + draw(st.integers(0, 40)) :]


def refused_or(work, kind):
    """What ``work`` gives, of this kind, or None where it was refused with one printable sentence."""
    try:
        found = work()
    except EvidenceError as problem:
        text = str(problem)
        assert text.endswith(".")
        assert text.isprintable()
        assert len(text) < 1_000
        return None
    assert isinstance(found, kind)
    return found


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@EXAMPLES
@given(content=mutated(CLAIMS) | st.binary(max_size=200))
def test_claims_are_read_or_refused(folder, content):
    (folder / "evidence.json").write_bytes(content)
    found = refused_or(lambda: reader.read_claims(folder)[0], Claims)
    if found is not None:
        assert Claims.model_validate_json(found.model_dump_json()) == found


@EXAMPLES
@given(content=mutated(HELD_OUT) | st.binary(max_size=200))
def test_held_out_claims_are_read_or_refused(folder, content):
    (folder / "heldout.json").write_bytes(content)
    refused_or(lambda: reader.read_heldout(folder)[0], HeldOutClaims)


@EXAMPLES
@given(content=st.binary(max_size=60) | values.map(json.dumps).map(str.encode))
def test_json_is_parsed_strictly_or_refused(content):
    try:
        found = reader.parse_json(content, "a.json")
    except EvidenceError:
        return
    assert found == json.loads(content)


# --- arrays ---------------------------------------------------------------------------------------------------


TYPES = [
    "<f4",
    "<f8",
    "<i8",
    "|b1",
    "|u1",
    ">f4",
    "<f2",
    "<c8",
    "|O",
    "<U3",
    "<M8[ns]",
    "<f16",
    "<i0",
    "=f4",
    "|V8",
    "<f1",
]
lengths = st.sampled_from([0, 1, 2, 3, 7, 1_024, 1_025, 100_000, 100_001, 2**31, 2**63, 10**17, -1, 10**30])


@st.composite
def array_files(draw):
    """Bytes of an array file whose header may lie about everything."""
    shape = tuple(draw(st.lists(lengths, max_size=7)))
    if draw(st.booleans()):
        shape = tuple(draw(st.lists(st.integers(0, 4), max_size=5)))
    descr, order = draw(st.sampled_from(TYPES)), draw(st.sampled_from(["True", "False", "1", "None"]))
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape!r}, }}"
    text = draw(st.sampled_from([text, text, text, text + " " * 30 + "\n", text.replace("(", "(1" * 30), text * 2]))
    header = text.encode("latin-1", "replace")
    version = draw(st.sampled_from([b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00"]))
    told = draw(st.sampled_from([len(header), len(header), len(header), 0, 65_535, len(header) + 1]))
    count = min(int(np.prod([min(max(n, 0), 2_000) for n in shape], dtype=float)), 2_000)
    size = count * draw(st.sampled_from([1, 2, 4, 8])) + draw(st.sampled_from([0, 0, 0, 1, -1]))
    data = draw(st.sampled_from([b"\x00", b"\xff", b"\x7f", b"\x01\x02"])) * max(0, size)
    content = b"\x93NUMPY" + version + told.to_bytes(2 if version == b"\x01\x00" else 4, "little") + header + data
    return damaged(draw, content) if draw(st.integers(0, 3)) == 0 else content


@EXAMPLES
@given(content=array_files() | st.binary(max_size=150), name=st.sampled_from(reader.CLAIM_ARRAYS))
def test_arrays_are_read_or_refused(folder, content, name):
    found = refused_or(lambda: reader.parse_array(content, "a.npy"), np.ndarray)
    path = folder / f"{name}.npy"
    path.write_bytes(content)
    try:
        kept = refused_or(lambda: reader.read_arrays(folder, (name,))[name], np.ndarray)
    finally:
        path.unlink()
    if found is not None and kept is not None:
        assert found.dtype.kind in "biuf"
        assert kept.dtype == found.dtype
        np.testing.assert_array_equal(kept, found[: len(kept)] if found.ndim else found)


# --- the store ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(folder):
    """A run in a store, and its files as they were."""
    document = EvidenceDocument(
        student="s",
        task=TaskId.PENGUINS_CLASSIFICATION,
        file="a.ipynb",
        digest="d",
        host=HostFacts(isolation="process", exit=Exit.FINISHED),
        claims=Claims.model_validate(CLAIMS),
        heldout=HeldOutClaims.model_validate(HELD_OUT),
    )
    place = folder / "kept"
    save(Evidence(document, {"train_inputs": np.arange(6.0).reshape(3, 2)}), place)
    return place, {path.name: path.read_bytes() for path in place.iterdir()}


@st.composite
def damages(draw):
    """What may happen to one file of a store."""
    how = draw(st.sampled_from(["bytes", "cut", "gone", "folder", "link", "other"]))
    return draw(st.sampled_from(["evidence.json", "train_inputs.npy"])), how, draw(st.randoms(use_true_random=False))


@EXAMPLES
@given(damage=damages())
def test_a_damaged_store_is_read_or_refused(kept, damage):
    place, files = kept
    name, how, random = damage
    path, content = place / name, files[name]
    at = random.randrange(len(content))
    path.unlink()
    try:
        if how == "folder":
            path.mkdir()
        elif how == "link":
            path.symlink_to(place / "nowhere")
        elif how != "gone":
            middle = random.randbytes(5) if how == "bytes" else b""
            rest = content[at + 5 :] if how == "bytes" else b""
            path.write_bytes(files["evidence.json"][at:] if how == "other" else content[:at] + middle + rest)
        try:
            assert load(place).document.task in set(TaskId)
        except EvidenceError:
            pass
    finally:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(content)


# --- sizes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"notes": [' + "{}," * 600_000 + "{}]}",
        '{"notes": ["' + '\\"' * 900_000,
        '"' * 1_900_001,
        "\\" * 1_900_000,
        "[" * 1_000_000 + "]" * 1_000_000,
        '{"notes": [' + '"",' * 600_000 + '""]}',
        "{" + ",".join(f'"{i}": 0' for i in range(MAX_JSON_KEYS + 1)) + "}",
        "[" + "1," * 249_000 + '{"a": 1, "a": 1}]',
    ],
    ids=range(8),
)
def test_documents_that_would_cost_much_are_refused(folder, text):
    """Each would have cost seconds or hundreds of megabytes: quotes without end, a million values, a million levels."""
    assert len(text) < MAX_EVIDENCE_JSON
    with pytest.raises(EvidenceError):
        reader.parse_json(text.encode(), "evidence.json")


def test_a_header_of_digits_without_end_is_refused():
    """A pattern that could match digits in many ways would try them all."""
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1" * 9_000
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    with pytest.raises(EvidenceError):
        reader.parse_array(content, "a.npy")


def test_only_rows_that_are_of_use_come_into_memory(folder):
    """Recorded images beyond those that the recorder keeps, answers too wide to be answers, inputs nobody reads."""
    shapes = {
        "train_inputs": ((200, 3, 64, 64), 64),
        "eval_inputs": ((3_000, 20), 1_024),
        "train_outputs": ((50, 5_000), 1),
        "replay_inputs": ((300, 1_000), 1),
        "replay_outputs": ((30_000, 3), 20_000),
    }
    for name, (shape, _) in shapes.items():
        np.save(folder / f"{name}.npy", np.ones(shape, np.uint8))
    try:
        found = reader.read_arrays(folder, tuple(shapes))
    finally:
        for name in shapes:
            (folder / f"{name}.npy").unlink()
    assert {name: len(array) for name, array in found.items()} == {name: rows for name, (_, rows) in shapes.items()}


def test_an_array_stored_column_by_column_cannot_be_large(folder):
    path = folder / "train_inputs.npy"
    np.save(path, np.asfortranarray(np.zeros((64, 200_000), np.uint8)))
    try:
        with pytest.raises(EvidenceError, match="column by column"):
            reader.read_arrays(folder, ("train_inputs",))
    finally:
        path.unlink()
    assert 8 * MIB < 64 * 200_000


def test_a_key_that_is_not_printable_is_not_repeated(folder):
    """A refused document is quoted in a sentence; an escape sequence or half a character must not get into it."""
    (folder / "evidence.json").write_text(json.dumps(CLAIMS | {"\x1b[31m\u202e\n": 1}), encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        reader.read_claims(folder)
    assert re.search(r"at \?\[31m\?\?", str(caught.value))
