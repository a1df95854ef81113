"""A cell goes on after an import of a package that is not installed; where the package is used, its import fails."""

import ast
import traceback

import pytest

from grader.probe import absent, shims
from grader.probe.absent import Absent, Imports, install
from grader.probe.answers import ANSWERS


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(absent, "_LEFT_OUT", {})
    monkeypatch.setattr(shims, "NOTES", told := [])
    monkeypatch.setattr(shims, "note", told.append)


def run(source, **names):
    names["__name__"] = "__main__"
    exec(compile(Imports().visit(ast.parse(source)), "<cell>", "exec"), names)
    return names


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import nowhere", "nowhere"),
        ("import nowhere.part", "nowhere"),
        ("import nowhere.part as n", "n"),
        ("from nowhere import thing", "thing"),
        ("from nowhere.part import thing as n, other", "n"),
        ("import math, nowhere", "nowhere"),
    ],
)
def test_the_rest_of_the_cell_runs_and_use_fails_as_the_import_did(statement, name):
    found = run(f"{statement}\nimport math\nx = math.pi")
    assert found["x"] > 3
    for use in ("{}()", "{}.anything", "[*{}]", "{}[0]", "isinstance(1, {})", "class Net({}): pass", "len({})"):
        with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'"):
            run(use.format(name), **{name: found[name]})


def test_who_asks_what_it_is_may_know():
    thing = run("import nowhere")["nowhere"]
    assert isinstance(thing, Absent)
    assert not hasattr(thing, "__wrapped__")
    assert "Absent" in repr(thing)


def test_calls_that_do_nothing_anyway_do_nothing():
    install({"nowhere.drive.mount": "nothing"})
    found = run("import nowhere\nfrom nowhere import drive\na = drive.mount('x', force=True), nowhere.drive.mount()")
    assert found["a"] == (None, None)
    assert set(shims.NOTES) == {absent.NOTE}
    with pytest.raises(ModuleNotFoundError):
        run("from nowhere import drive\ndrive.unmount()")


def test_a_log_that_nobody_keeps_takes_every_call():
    """As tutorials write it around and in a training; a number taken from it fails."""
    install({"nowhere.Writer": "log", "nowhere.begin": "log"})
    found = run(
        "import nowhere\nfrom nowhere import Writer\n"
        "w = Writer('runs/a', comment=1)\nw.add_scalar('loss', 1.0, 2)\nw.steps = 1\nw.steps += 1\n"
        "with nowhere.begin(project='p') as r:\n    r.log({'a': 1})\n    r.summary['best'] = 3\n    n = r.config\n"
        "assert w and len(r) == 0 and [*r] == [] and w.steps == 2\nw.flush().close()"
    )
    assert set(shims.NOTES) == {absent.NOTE}
    for use in ("float(n)", "n + 1", "n < 1", "range(n)"):
        with pytest.raises(TypeError, match="AbsentLog"):
            run(use, n=found["n"])


def test_a_log_of_a_package_that_is_there_is_left_out_as_well():
    """What a class derives from it or asks of it, type hints included, goes on."""

    class Writer:
        """Writes."""

        def __init__(self, folder):
            raise AssertionError(folder)

    used = []
    stand_in = ANSWERS["log"](Writer, lambda: used.append(1))
    assert (stand_in.__name__, stand_in.__doc__) == ("Writer", "Writes.")
    assert isinstance(stand_in("runs"), stand_in)
    assert stand_in | None

    class Mine(stand_in):
        def __init__(self, folder):
            super().__init__(folder)
            self.step = 1

    assert Mine("runs").step == 1
    Mine("runs").add_scalar("loss", 1.0)
    assert len(used) == 3


BARS = "import nowhere\nfrom nowhere import bar\nitems = [3, 4]\n"


@pytest.mark.parametrize(
    "bar",
    [
        "bar(items)",
        "bar(items, parent=nowhere.bar(range(1)))",
        "bar(title='x', parent=nowhere.bar(range(1)), data=items)",
    ],
)
def test_a_bar_that_nobody_sees_goes_through_what_it_is_given(bar):
    install({"nowhere.bar": "items"})
    source = f"b = {bar}\nfound = [*b], [*b], len(b)\nb.comment = 'x'\nb.main_bar.update(1)\nb.write('y')"
    assert run(BARS + source)["found"] == ([3, 4], [3, 4], 2)
    assert set(shims.NOTES) == {absent.NOTE}


def test_a_bar_of_a_package_that_is_there_does_the_same():
    used = []
    bar = ANSWERS["items"](lambda items: items / 0, lambda: used.append(1))
    assert [*bar(i for i in range(3))] == [0, 1, 2]
    assert [*bar()] == []
    assert used == [1, 1]
    with pytest.raises(TypeError, match="len"):
        len(bar(i for i in range(3)))
    with pytest.raises(TypeError, match="not iterable"):
        [*bar(3)]


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import nowhere\nexcept ImportError:\n    nowhere = None",
        "def later():\n    import nowhere\ntry:\n    later()\nexcept ModuleNotFoundError:\n    nowhere = None",
        "if True:\n    try:\n        from nowhere import *\n    except ImportError:\n        nowhere = None",
    ],
)
def test_a_way_of_going_on_of_the_students_own_is_left_alone(source):
    assert run(source)["nowhere"] is None


@pytest.mark.parametrize("source", ["from nowhere import *", "from math import nothing_of_this_name"])
def test_what_binds_no_names_or_is_installed_fails_at_once(source):
    with pytest.raises(ImportError):
        run(source)


def test_of_an_installed_package_only_the_part_is_missing():
    found = run("import json\nfrom json.no import thing\nx = json.dumps(1)")
    assert found["x"] == "1"
    with pytest.raises(ModuleNotFoundError, match="no"):
        found["thing"]()
    with pytest.raises(ModuleNotFoundError, match="no"):
        run("import json\nimport json.no")


@pytest.mark.parametrize(
    "use",
    [
        *("thing.__version__", "thing + 1", "2 * thing", "thing / 2", "thing > 1", "int(thing)", "float(thing)"),
        *(
            "range(thing)",
            "thing | None",
            "issubclass(int, thing)",
            "3 in thing",
            "import pathlib; pathlib.Path(thing)",
        ),
        *("with thing: pass", "-thing"),
    ],
)
def test_numbers_paths_and_types_of_it_fail_in_the_same_way(use):
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'"):
        run(f"from nowhere import thing\n{use}")


def test_installed_packages_are_imported_as_ever():
    found = run("from __future__ import annotations\nimport os.path as p, json\nfrom math import pi as circle")
    assert found["circle"] > 3
    assert found["p"].join("a", "b")
    assert found["json"].dumps(1) == "1"


def test_errors_are_where_they_were():
    with pytest.raises(ZeroDivisionError) as caught:
        run("import nowhere\n\n\n1 / 0")
    assert traceback.extract_tb(caught.tb)[-1].lineno == 4
