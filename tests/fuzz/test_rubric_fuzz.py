"""Whatever a rubric, a calibration or a list of stand-ins holds, loading it gives what can be used, or a
``RubricError``."""

import json
import math
import tempfile
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import RubricError
from grader.rubric import load_calibration, load_rubric
from grader.rubric.load import calibration_path, rubrics_dir
from grader.rubric.stand_ins import FILE, KINDS, load_stand_ins
from grader.types import TaskId

EXAMPLES = settings.get_profile("fuzz")
TASK = TaskId.PENGUINS_CLASSIFICATION
RUBRIC = {
    "task": "penguins-classification",
    "criteria": [
        {"id": "runs", "title": "It runs", "points": 40, "check": "runs", "params": {"cost_per_cell": 0.1}},
        {"id": "loss", "title": "The loss", "points": 60, "check": "loss", "depends_on": ["runs"]},
    ],
}
CALIBRATION = {
    "metric": "accuracy",
    "reference": 0.97,
    "manners": [
        {
            "name": "reference",
            "solution": "solution.ipynb",
            "level": 0.97,
            "values": [0.96, 0.98],
            "band": {"train": [[1.0, 0.5, 0.6, 0.7]], "valid": [[1.0, 0.6, 0.6, 0.8]]},
            "loss": "cross_entropy",
            "times": [12.5],
            "source": "three seeds",
            "made": None,
        }
    ],
}
STAND_INS = {"umap.UMAP": "projection", "seaborn.pairplot": "figure", "matplotlib.pyplot.show": "close"}
ODD = [
    None, True, 0, -0.0, -1, 101, 1e308, 10**400, 40.0000001, "", "runs", "NaN", ".inf", "\ud800", "\x00", "\u202e",
    "a" * 300, "<<", "*a", "&a", "loss", "2001-01-01", "1e3", "0x10", "!!python/object:os.system", [], {}, [[]],
]  # fmt: skip
plain = st.sampled_from(ODD) | st.text(max_size=6) | st.integers() | st.floats()
values = st.recursive(
    plain, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3), max_leaves=6
)
FRAGMENTS = [
    ".nan", "-.inf", "1e999", "1_000", "0o17", "0b11", "1:30", "2001-01-01", "2001-99-99", "!!int x", "!!float y",
    "!!timestamp z", "!!binary '=='", "!!python/object/apply:os.system ['true']", "!!set {a}", "!!omap [a: 1]", "!x y",
    "&a [*a]", "*nobody", "&a b", "{<<: {a: 1}}", "? [a]\n: b", "{a: 1, a: 2}", "[" * 80 + "]" * 80, "'", '"\\ud800"',
    '"\\uD800"', "\t", "- -", "%YAML 9.9", "---\na\n---\nb", "...", "|\n  a", ">-\n  a", "\ufeff", "\x07", "\u2028",
    "9" * 5_000, "{? {a: 1} : 1}", "!!null x", "!!bool x", "!!str [a]", "!!map [a]", "!!seq {a: 1}", "=", "~",
]  # fmt: skip


def places(document, path=()):
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


def put(document, path, value):
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = put(copy[path[0]], path[1:], value)
    return copy


@st.composite
def mutated(draw, original, write):
    """The bytes of a valid file of which a value, a stretch of text, or some bytes were changed."""
    document = put(original, draw(st.sampled_from(list(places(original)))), draw(values))
    if draw(st.booleans()):
        document = put(original, draw(st.sampled_from(list(places(original)))), "HOLE")
    content = write(document).replace("HOLE", draw(st.sampled_from(FRAGMENTS))).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 3)) == 0 and content:
        start = draw(st.integers(0, len(content) - 1))
        odd = draw(st.binary(max_size=6) | st.sampled_from(FRAGMENTS).map(lambda t: t.encode("utf-8", "surrogatepass")))
        content = content[:start] + odd + content[start + draw(st.integers(0, 20)) :]
    return content


def as_yaml(document):
    """YAML in flow or block style; surrogates as they stand."""
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def usable(work):
    """What ``work`` loads; None if it was refused with one sentence that names the file."""
    try:
        return work()
    except RubricError as problem:
        said = str(problem)
    assert "fuzzed" in said
    assert len(said) < 2_000
    return None


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="fuzzed") as name:
        yield Path(name)


@EXAMPLES
@given(content=mutated(RUBRIC, as_yaml) | mutated(RUBRIC, json.dumps) | st.binary(max_size=100))
def test_a_rubric_is_loaded_or_refused(folder, content):
    path = folder / "rubric.yaml"
    path.write_bytes(content)
    found = usable(lambda: load_rubric(TASK, path))
    if found is not None:
        assert math.isclose(sum(c.points for c in found.criteria), 100, abs_tol=1e-5)
        assert all(math.isfinite(value) for c in found.criteria for value in c.params.values())


@EXAMPLES
@given(content=mutated(CALIBRATION, json.dumps) | st.binary(max_size=100))
def test_a_calibration_is_loaded_or_refused(folder, content):
    calibration_path(TASK, stand_in=False, folder=folder).write_bytes(content)
    found = usable(lambda: load_calibration(TASK, stand_in=False, folder=folder))
    if found is not None:
        assert math.isfinite(found.reference)
        assert all(math.isfinite(value) for value in found.values)


@EXAMPLES
@given(content=mutated(STAND_INS, as_yaml) | mutated(STAND_INS, json.dumps) | st.binary(max_size=100))
def test_a_list_of_stand_ins_is_loaded_or_refused(folder, content):
    (folder / FILE).write_bytes(content)
    found = usable(lambda: load_stand_ins(folder))
    if found is not None:
        assert set(found.values()) <= set(KINDS)
        assert all(all(part.isidentifier() for part in name.split(".")) and "." in name for name in found)


def laughs(levels):
    """Each line repeats the one before ten times: ten to the power of ``levels`` words if it were written out."""
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


BOMBS = {
    "billion laughs": laughs(10),
    "itself": "task: &a [*a, *a]",
    "merges": "a: &a {x: 1}\n" + "\n".join(f"b{n}: {{<<: [*a, *a]}}" for n in range(800)),
    "one word many times": "a: &a " + "x" * 50_000 + "\nb: [" + ", ".join(["*a"] * 3_000) + "]",
    "lists in lists": "[" * 60_000,
    "lists and their ends": "[" * 3_000 + "]" * 3_000,
    "blocks in blocks": "\n".join(" " * n + "a:" for n in range(300)),
    "many keys": "\n".join(f"k{n}: 1" for n in range(7_000)),
    "many items": "task: [" + "1," * 30_000 + "]",
    "many items of a block": "- 1\n" * 15_000,
    "a long number": "task: " + "9" * 60_000,
    "a long base-sixty number": "task: " + ":".join(["59"] * 20_000),
    "a long float": "task: 1." + "0" * 60_000 + "e",
    "underscores": "task: 1" + "_" * 60_000 + "x",
    "a long key": "? " + "k" * 60_000 + "\n: 1",
    "quotes": "task: '" + "''" * 30_000,
    "documents": "---\n" * 15_000,
    "comments": "#\n" * 30_000,
    "anchors": "\n".join(f"k{n}: &a{n} 1" for n in range(4_000)),
    "too large": "#" * 70_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_little_memory(folder, name):
    path = folder / "bomb.yaml"
    path.write_text(BOMBS[name], encoding="utf-8")
    tracemalloc.start()
    try:
        with pytest.raises(RubricError):
            load_rubric(TASK, path)
        path.replace(folder / FILE)
        with pytest.raises(RubricError):
            load_stand_ins(folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150 * 2**20


@pytest.mark.parametrize(
    "text", ["[" * 60_000, "{" * 60_000, '{"values": [' + "1," * 30_000 + "1]}", '"' + '\\"' * 30_000, "9" * 60_000]
)
def test_a_calibration_that_would_cost_much_is_refused(folder, text):
    calibration_path(TASK, stand_in=False, folder=folder).write_text(text, encoding="utf-8")
    with pytest.raises(RubricError):
        load_calibration(TASK, stand_in=False, folder=folder)


@pytest.mark.parametrize("task", TaskId)
def test_the_originals_of_the_mutations_are_sound(folder, task):
    """The bundled rubrics load, and so does what the mutations start from."""
    assert load_rubric(task, rubrics_dir()).task is task
    path = folder / "sound.yaml"
    path.write_text(as_yaml(RUBRIC), encoding="utf-8")
    assert load_rubric(TASK, path).max_points == 100
    calibration_path(TASK, stand_in=False, folder=folder).write_text(json.dumps(CALIBRATION), encoding="utf-8")
    assert load_calibration(TASK, stand_in=False, folder=folder).reference == 0.97
    (folder / FILE).write_text(as_yaml(STAND_INS), encoding="utf-8")
    assert load_stand_ins(folder) == STAND_INS
