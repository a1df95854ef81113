"""Lets a cell go on after an import of a package that is not installed here; it fails where the package is used.

On the student's machine, or on Colab, the package is there, so the rest of the cell, often all other imports, must not
be lost with it.
"""

import ast
import sys
from typing import Any

from . import shims
from .logs import AbsentLog, UnseenBar

NOTE = "Logs, progress bars and their like were left out where their package is not installed here."
_LEFT_OUT: dict[str, str] = {}  # full names of calls that may do nothing, and the kind of answer


def install(answers: dict[str, str]) -> None:
    """``answers``: kind of answer, ``nothing``, ``log`` or ``items``, by the call's full name."""
    _LEFT_OUT.update(answers)


class Imports(ast.NodeTransformer):
    """Guards the imports of a cell that stand by themselves; others, such as those in ``try``, are the student's own
    way of going on."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """IPython calls it with each cell."""
        node.body = [part for statement in node.body for part in _guarded(statement)]
        return ast.fix_missing_locations(node)


def _guarded(statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, ast.Import):
        return [_guard(ast.copy_location(ast.Import([name]), statement), [name], "") for name in statement.names]
    if not isinstance(statement, ast.ImportFrom) or statement.level or statement.module in (None, "__future__"):
        return [statement]
    everything = statement.names[0].name == "*"
    return [statement] if everything else [_guard(statement, statement.names, str(statement.module))]


def _guard(statement: ast.stmt, names: list[ast.alias], module: str) -> ast.stmt:
    """The statement in a ``try`` that binds its names to objects that fail when they are used."""
    bound = {}
    for name in names:
        whole = f"{module}.{name.name}" if module else name.name
        bound[name.asname or name.name.partition(".")[0]] = whole if module or name.asname else whole.partition(".")[0]
    call = f"__import__('{__package__}.absent', fromlist=['bind']).bind(globals(), {bound!r})"
    handler = ast.ExceptHandler(ast.Name("ModuleNotFoundError", ast.Load()), None, ast.parse(call).body)
    guarded = ast.Try([statement], [handler], [], [])
    for part in ast.walk(guarded):
        if "lineno" in part._attributes:
            ast.copy_location(part, statement)
    return guarded


def bind(names: dict[str, Any], bound: dict[str, str]) -> None:
    """In ``names``, put what fails for each of ``bound``: full names by the names they get. Raises the import's own
    error where a name is that of a package that is there but for a part of it."""
    problem = sys.exc_info()[1]
    assert isinstance(problem, ModuleNotFoundError)
    if any(whole in sys.modules for whole in bound.values()):
        raise problem
    for name, whole in bound.items():
        names[name] = Absent(whole, problem)


class Absent:
    """Something of a package that is not there: every use raises ``ModuleNotFoundError``, as its import did."""

    def __init__(self, whole: str, problem: ModuleNotFoundError) -> None:
        self._whole, self._problem = whole, problem

    def _fail(self, *_args: Any, **_kwargs: Any) -> Any:
        raise ModuleNotFoundError(*self._problem.args, name=self._problem.name, path=self._problem.path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":  # whoever asks what it is may know
            raise AttributeError(name)
        whole = f"{self._whole}.{name}"
        if any(known == whole or known.startswith(f"{whole}.") for known in _LEFT_OUT):
            return Absent(whole, self._problem)
        return self._fail()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing, a log that nobody keeps or a bar that nobody sees, for calls that are left out anyway."""
        if self._whole not in _LEFT_OUT:
            return self._fail()
        shims.note(NOTE)
        kind = _LEFT_OUT[self._whole]
        return AbsentLog() if kind == "log" else UnseenBar(*args, **kwargs) if kind == "items" else None

    __mro_entries__ = __iter__ = __getitem__ = __setitem__ = __len__ = __contains__ = _fail
    __enter__ = __exit__ = __instancecheck__ = __subclasscheck__ = __or__ = __ror__ = __fspath__ = __array__ = _fail
    __index__ = __int__ = __float__ = __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __matmul__ = _fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = _fail
