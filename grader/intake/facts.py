"""What can be read off source code without running it: names, literals, the net's output width, whether it trains."""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from grader.intake.submission import Cell
from grader.limits import MAX_PARSED_SOURCE

MODEL_FACTORIES = ("Sequential", "mobilenet_v3_small", "mobilenet_v3_large", "mobilenet_v2", "resnet18", "resnet50")
_CELL_MAGIC = re.compile(r"^\s*%%(\w+)")
_RUN = re.compile(r"^[ \t]*%run[ \t]+(?:-\w[ \t]+)*[\"']?([\w./-]{1,200})", re.MULTILINE)
_FOLDER = re.compile(r"^[ \t]*%cd[ \t]+(?:-\w[ \t]+)*[\"']?([\w./-]{1,200})", re.MULTILINE)
_PYTHON_MAGICS = {"time", "timeit", "capture", "prun"}


@dataclass
class Facts:
    """``names``: identifiers, attributes and imported names. ``outputs``: widths of the ``Linear`` layers in the order
    of the source. ``targets``: columns named as a target. ``imports``: first parts of imported modules."""

    names: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    outputs: list[int] = field(default_factory=list)
    bases: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)

    @property
    def trains(self) -> bool:
        """Whether there is a training step: a backward pass and an optimiser's step."""
        return {"backward", "step"} <= self.names

    @property
    def defines_model(self) -> bool:
        """Whether a net is defined or taken from a library."""
        return bool(self.bases & {"Module", "Sequential"}) or bool(self.names & set(MODEL_FACTORIES))

    @property
    def complete(self) -> bool:
        """Whether there is a net and a training step."""
        return self.trains and self.defines_model


def facts_of(cells: Iterable[Cell]) -> Facts:
    """Facts of all cells that parse, up to a total length; a cell that does not parse adds nothing."""
    facts = Facts()
    constants: dict[str, int] = {}
    for cell in parsed(cells):
        for path in _RUN.findall(cell.source):
            facts.strings.add(path)
            facts.imports.add(path.removesuffix(".py"))
        facts.strings.update(_FOLDER.findall(cell.source))
        for node in _nodes(cell.source):
            _note(node, facts, constants)
    return facts


def parsed(cells: Iterable[Cell]) -> Iterator[Cell]:
    """The cells that are parsed at all: as many as there may be text."""
    left = MAX_PARSED_SOURCE
    for cell in cells:
        if len(cell.source) <= left:
            left -= len(cell.source)
            yield cell


def python_of(source: str) -> str:
    """The Python in an IPython cell: magics, shell lines and help are blanked."""
    magic = _CELL_MAGIC.match(source)
    if magic:
        if magic[1] not in _PYTHON_MAGICS:
            return ""
        source = source.split("\n", 1)[1] if "\n" in source else ""
    lines: list[str] = []
    goes_on = False
    for line in source.split("\n"):
        other = goes_on or _is_magic(line)
        lines.append(_python_line(line) if other else line)
        goes_on = other and line.endswith("\\")
    return "\n".join(lines)


def _is_magic(line: str) -> bool:
    code = line.strip()
    return code.startswith(("%", "!", "?")) or code.endswith("?") or bool(_assigned(line))


def _assigned(line: str) -> str:
    """The names in ``names = !command`` or ``names = %magic``, with what stands before them; empty if it is neither."""
    names, _, value = line.partition("=")
    simple = all(name.strip().isidentifier() for name in names.split(","))
    return names if simple and value.lstrip().startswith(("!", "%")) else ""


def _python_line(line: str) -> str:
    names = _assigned(line)
    return f"{names}= None" if names else line[: len(line) - len(line.lstrip())] + "pass"


def _nodes(source: str) -> Iterator[ast.AST]:
    """All nodes in the order of the source (depth first)."""
    tree = tree_of(source)
    todo: list[ast.AST] = [tree] if tree is not None else []
    while todo:
        node = todo.pop()
        yield node
        todo.extend(reversed(list(ast.iter_child_nodes(node))))


def tree_of(source: str) -> ast.Module | None:
    """The syntax tree of a cell, magics left out; None if Python cannot read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a student's invalid escape is not ours to report
        for text in (source, python_of(source)):
            try:
                return ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
    return None


def _note(node: ast.AST, facts: Facts, constants: dict[str, int]) -> None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            facts.names.add(name)
        case ast.Constant(value=str(text)) if len(text) <= 200:
            facts.strings.add(text)
        case ast.Import(names=aliases):
            for alias in aliases:
                facts.imports.add(alias.name.split(".")[0])
                facts.names.update(alias.name.split("."))
        case ast.ImportFrom(module=module, names=aliases):
            facts.imports.update([module.split(".")[0]] if module else [alias.name for alias in aliases])
            facts.names.update(module.split(".") if module else ())
            facts.names.update(alias.name for alias in aliases)
        case ast.ClassDef(name=name, bases=bases):
            facts.names.add(name)
            facts.bases.update(_last_name(base) for base in bases)
        case ast.FunctionDef(name=name):
            facts.functions.add(name)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(number))):
            constants[name] = number
        case ast.Call():
            _note_call(node, facts, constants)
        case _:
            pass


def _note_call(call: ast.Call, facts: Facts, constants: dict[str, int]) -> None:
    name = _last_name(call.func)
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    if name in {"Linear", "LazyLinear"}:
        width = named.get("out_features") or (call.args[-1] if call.args else None)
        match width:
            case ast.Constant(value=int(number)):
                facts.outputs.append(number)
            case ast.Name(id=known) if known in constants:
                facts.outputs.append(constants[known])
    if name == "PenguinDataset" and len(call.args) > 1:
        facts.targets.update(_literals(call.args[1]))
    for keyword in ("target_keys", "target_key", "target", "targets", "target_column"):
        if keyword in named:
            facts.targets.update(_literals(named[keyword]))


def _literals(node: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _last_name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case _:
            return ""
