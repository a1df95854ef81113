"""Reads a YAML file into plain values and the line of every key; nothing in it is executed or constructed."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from grader.errors import RubricError

MAX_BYTES = 65_536  # read in a second or two, whatever they hold
MAX_PLAIN = 400  # characters of a number or of a text without quotes: PyYAML takes very long to tell them apart
MAX_QUOTED = 60  # characters of a key or a value that are repeated in a sentence
MAX_NODES = 20_000
MAX_DEPTH = 20
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z")  # YAML 1.1 takes 1e-3 for text
Path_ = tuple[str | int, ...]


@dataclass
class Document:
    """Plain values and the 1-based line of every key, by its path of keys and list positions."""

    path: Path
    value: Any = None
    lines: dict[Path_, int] = field(default_factory=dict)

    def line(self, where: Path_) -> int:
        """The line of a key, or of the nearest key around it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def error(self, where: Path_, problem: str) -> RubricError:
        """An error that names file, line and key."""
        key = f", key {dotted(where)!r}" if where else ""
        return RubricError(f"{self.path}, line {self.line(where)}{key}: {problem}")


def dotted(where: Path_) -> str:
    """``("criteria", 2, "points")`` -> ``criteria[2].points``."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{quoted(part)}" if text else quoted(part)
    return text


def quoted(text: str) -> str:
    """A key or a value as it may stand in a sentence."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def read_text(path: Path) -> str:
    """The text of a rubric or calibration file. RubricError: missing, too large, unreadable, or not UTF-8."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RubricError(f"{path} is larger than {MAX_BYTES} bytes; a rubric file is a few pages of text.")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RubricError(f"{path} does not exist; put the rubric there or name another one.") from error
    except UnicodeDecodeError as error:
        raise RubricError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    except OSError as error:
        raise RubricError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_yaml(path: Path) -> Document:
    """Parse one YAML document. RubricError: not YAML, duplicate keys, anchors, too large or too deep."""
    text = read_text(path)
    document = Document(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            raise RubricError(f"{path}, line 1: the file is empty.")
        document.value = _Reader(document).value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise RubricError(f"{path}, line {line}: not valid YAML: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise RubricError(f"{path}: not valid YAML: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise RubricError(f"{path}: nested too deeply for a rubric.") from error
    return document


class _Loader(yaml.SafeLoader):
    """Nothing but nodes are taken from it."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node and those in it, as long as they are not nested too deeply."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested more than {MAX_DEPTH} levels deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a node; a long text without quotes is refused before it is compared with all forms of numbers."""
        if kind is yaml.ScalarNode and implicit[0] and len(value) > MAX_PLAIN:
            raise yaml.YAMLError(f"a text without quotes has more than {MAX_PLAIN} characters")
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]  # PyYAML has no types


class _Reader:
    """Turns YAML nodes into plain values."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[int] = set()
        self._scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, where: Path_) -> Any:
        """The plain value of ``node``; notes the lines of the keys in it."""
        self._document.lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        if id(node) in self._seen or len(self._seen) > MAX_NODES:
            raise self._document.error(where, "anchors and very large structures are not supported; write it out.")
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*where, i)) for i, item in enumerate(node.value)]
        return self._mapping(node, where)

    def _mapping(self, node: yaml.Node, where: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._document.error(where, f"line {key_node.start_mark.line + 1}: a key must be a plain word.")
            key = str(key_node.value)
            here = (*where, key)
            if key in result:
                first = self._document.lines[here]
                self._document.lines[here] = key_node.start_mark.line + 1
                raise self._document.error(here, f"this key is given twice; it stands on line {first} already.")
            self._document.lines[here] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, here)
        return result

    def _scalar(self, node: yaml.ScalarNode, where: Path_) -> Any:
        if len(node.value) > MAX_PLAIN and node.tag != "tag:yaml.org,2002:str":
            raise self._document.error(where, f"{quoted(node.value)!r} is too long.")
        if node.style is None and EXPONENT.match(node.value):
            return float(node.value)
        if node.tag == "tag:yaml.org,2002:merge":
            raise self._document.error(where, "'<<' is not supported; write it out.")
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError, LookupError, AttributeError) as error:
            # the last two: a tag such as !!bool or !!timestamp before a text that is none
            raise self._document.error(
                where, f"{quoted(node.value)!r} is not a value that a rubric can hold."
            ) from error
