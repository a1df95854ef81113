"""What the text of a submission says: which names each cell makes, and whether a training is written at all."""

import ast
import re
from collections.abc import Mapping, Sequence

from grader.intake.facts import facts_of, parsed, tree_of
from grader.intake.submission import Cell

CALLED = re.compile(r"\.\s*(backward|step|fit)\s*\(")  # in a cell that Python cannot read
COMMENT = re.compile(r"#[^\n]*")
OWN_NAMES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def calls(cells: Sequence[Cell]) -> frozenset[str]:
    """Which of ``backward``, ``step`` and ``fit`` the cells mention outside comments and texts."""
    named = facts_of(cells).names & {"backward", "step", "fit"}
    unread = [cell.source for cell in parsed(cells) if tree_of(cell.source) is None]
    return frozenset(named.union(*(CALLED.findall(COMMENT.sub("", source)) for source in unread)))


def makers(cells: Sequence[Cell]) -> Mapping[str, list[int]]:
    """By each name, indices of the cells that assign, define or import it for all cells after them."""
    found: dict[str, list[int]] = {}
    for cell in parsed(cells):
        for name in _made(cell.source):
            found.setdefault(name, []).append(cell.index)
    return found


def _made(source: str) -> set[str]:
    tree = tree_of(source)
    todo: list[ast.AST] = list(tree.body) if tree is not None else []
    names: set[str] = set()
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
                continue  # what is made inside stays inside
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name.split(".")[0] for alias in aliases)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case _ if isinstance(node, OWN_NAMES):
                continue
        todo.extend(ast.iter_child_nodes(node))
    return names
