"""The limits of the code base hold: imports go one way, files and functions stay short, every module says its job."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "grader"
MAX_LINES, MAX_FUNCTION, MAX_POSITIONAL = 400, 50, 3

# From left to right; a package may import from itself and from those to its left.
ORDER = (
    ("_compat", "__init__"),
    ("types", "errors", "limits"),
    ("devices", "resources", "versions"),
    ("tasks",),
    ("intake",),
    ("rubric",),
    ("fit",),
    ("sandbox",),
    ("evidence",),
    ("predictions",),
    ("execute",),
    ("checks",),
    ("grade",),
    ("report",),
    ("batch",),
    ("settings",),
    ("sources",),
    ("collected",),
    ("pipeline",),
    ("controls",),
    ("calibrate",),
    ("cli",),
    ("__main__",),
)
PLACE = {name: place for place, names in enumerate(ORDER) for name in names}
PLAIN_DATA = {"grader.evidence.model", "grader.grade.model"}  # read by stages on either side
MODULES = sorted(PACKAGE.rglob("*.py"))
TRUSTED = [path for path in MODULES if "probe" not in path.relative_to(PACKAGE).parts]
FORBIDDEN = {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
FORBIDDEN_CALLS = {"eval", "exec", "os.system", "os.popen", "torch.load", "yaml.load", "joblib.load", "pd.read_pickle"}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def stage(path: Path) -> str:
    """The stage a file belongs to: the first part of its path inside the package."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """Full names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
                base = ".".join([*parts, base]) if base else ".".join(parts)
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names if base == "grader"}
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", TRUSTED, ids=name)
def test_imports_go_one_way(path: Path) -> None:
    """Every stage imports only from those before it in the pipeline."""
    here = stage(path)
    assert here in PLACE, f"{here} has no place in the order of stages"
    for module in imported(path):
        parts = module.split(".")
        if parts[0] != "grader" or module in PLAIN_DATA:
            continue
        target = parts[1] if len(parts) > 1 else "__init__"
        if target in PLACE:
            assert target == here or PLACE[target] < PLACE[here] or PLACE[target] == PLACE[here] < 2, (
                f"{name(path)} imports {module}"
            )
        else:
            assert target.startswith("__"), f"{name(path)} imports {module}"


def test_probe_stands_alone() -> None:
    """The probe imports nothing of the grader, and nothing of the grader imports it."""
    for path in MODULES:
        of_probe = stage(path) == "probe"
        for module in imported(path):
            assert not (of_probe and module.split(".")[0] == "grader" and not module.startswith("grader.probe"))
            assert of_probe or not module.startswith("grader.probe")


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_files_are_short_and_say_their_job(path: Path) -> None:
    """At most 400 lines; the first statement is a docstring whose first line is a sentence."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    docstring = ast.get_docstring(parse(path)) or ""
    assert docstring.split("\n\n")[0].rstrip().endswith((".", "?", ":")), f"{name(path)} does not say its job"


def functions() -> list[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    return [
        (path, node)
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def length(path: Path, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function; of a command only its body, since its parameters are its options, some lines each."""
    first = node.body[0].lineno if stage(path) == "cli" else node.lineno
    return (node.end_lineno or first) - first + 1


def test_functions_are_short() -> None:
    """At most 50 lines, the docstring included."""
    long = [
        f"{name(path)}:{node.lineno} {node.name} has {length(path, node)} lines"
        for path, node in functions()
        if length(path, node) > MAX_FUNCTION
    ]
    assert long == []


def test_many_or_boolean_arguments_are_by_keyword() -> None:
    """Any argument after the third (private functions: fourth), and any boolean, is keyword-only.

    Commands, whose parameters are options, and the probe, whose hooks torch calls, are excepted.
    """
    wrong = []
    for path, node in functions():
        if stage(path) in {"cli", "probe"} or node.name.startswith("__"):
            continue
        positional = [*node.args.posonlyargs, *node.args.args]
        own = [argument for argument in positional if argument.arg not in {"self", "cls"}]
        booleans = [a for a in own if isinstance(a.annotation, ast.Name) and a.annotation.id == "bool"]
        if len(own) > MAX_POSITIONAL + node.name.startswith("_") or booleans:
            wrong.append(f"{name(path)}:{node.lineno} {node.name}")
    assert wrong == []


@pytest.mark.parametrize("path", TRUSTED, ids=name)
def test_trusted_side_never_unpickles_or_evaluates(path: Path) -> None:
    """No pickle in any form, no eval or exec, no shell, no torch.load, no yaml.load."""
    assert not {module.split(".")[0] for module in imported(path)} & FORBIDDEN
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN_CALLS, f"{name(path)}:{node.lineno}"
            for keyword in node.keywords:
                pickles = keyword.arg == "allow_pickle" and not (
                    isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                )
                shell = keyword.arg == "shell" and getattr(keyword.value, "value", True) is not False
                assert not pickles, f"{name(path)}:{node.lineno} allows pickle"
                assert not shell, f"{name(path)}:{node.lineno} starts a shell"


@pytest.mark.parametrize("path", TRUSTED, ids=name)
def test_torch_is_imported_late(path: Path) -> None:
    """No trusted module imports torch at its top: that takes seconds, and most commands need none of it."""
    for node in parse(path).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not {module.split(".")[0] for module in modules} & {"torch", "torchvision"}


def test_nothing_is_left_for_later() -> None:
    """No unfinished work is marked in the code."""
    words = ("TO" + "DO", "FIX" + "ME", "raise NotImplemented" + "Error", "xfail" + "(")
    for path in [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in words if word in text], name(path)


def test_python_310_syntax() -> None:
    """Everything parses as Python 3.10, and nothing imports modules that came later."""
    for path in MODULES:
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
        assert "tomllib" not in imported(path)
    assert sys.version_info >= (3, 10)
