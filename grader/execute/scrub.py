"""Takes the held-out penguins out of tables that a submission brought along."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from grader.limits import MIB
from grader.tasks.model import World

MAX_TABLE = 16 * MIB
MARKS = ("bill_length_mm", "flipper_length_mm")  # a header with both is a penguins table
COMPARED = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm")
RENAMED = {  # the names of palmerpenguins' raw table and of older copies
    "culmen_length_mm": "bill_length_mm",
    "culmen_depth_mm": "bill_depth_mm",
    "culmen length (mm)": "bill_length_mm",
    "culmen depth (mm)": "bill_depth_mm",
    "flipper length (mm)": "flipper_length_mm",
}
Key = tuple[float, ...]


def scrub(work: Path, world: World) -> list[str]:
    """Rewrite penguins tables below ``work`` without the held-out rows; a sentence for each that was changed."""
    table = world.heldout.table
    if table is None or not set(COMPARED) <= set(table.columns):
        return []
    held = {tuple(float(v) for v in row) for row in table[list(COMPARED)].to_numpy(dtype=float)}
    notes = []
    for path in sorted(work.rglob("*")):
        if path.suffix.lower() in (".csv", ".tsv", ".txt") and path.is_file() and not path.is_symlink():
            removed = _scrub_file(path, held)
            if removed:
                notes.append(f"{removed} held-out rows were taken out of the submitted table {path.name[:100]}.")
    return notes


def _scrub_file(path: Path, held: set[Key]) -> int:
    """Rows removed from one file; a file that is no penguins table stays as it is."""
    if path.stat().st_size > MAX_TABLE:
        return 0
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    lines = text.splitlines(keepends=True)
    if not lines:
        return 0
    delimiter = max(",;\t", key=lines[0].count)
    header = [_name(field) for field in next(csv.reader([lines[0]], delimiter=delimiter), [])]
    if not set(MARKS) <= set(header):
        return 0
    columns = [header.index(name) for name in COMPARED if name in header]
    wanted = {_cut(key, header) for key in held}
    kept = [line for line in lines[1:] if _key(line, columns, delimiter) not in wanted]
    removed = len(lines) - 1 - len(kept)
    if removed:
        out = io.StringIO()
        out.write("".join([lines[0], *kept]))
        path.write_bytes(out.getvalue().encode("utf-8", "surrogateescape"))
    return removed


def _name(field: str) -> str:
    name = field.strip().lstrip("\ufeff").strip('"').lower()
    return RENAMED.get(name, name)


def _cut(key: Key, header: Iterable[str]) -> Key:
    """The values of a held-out row for those of the compared columns that the table has."""
    names = set(header)
    return tuple(value for value, name in zip(key, COMPARED, strict=True) if name in names)


def _key(line: str, columns: list[int], delimiter: str) -> Key | None:
    try:
        fields = next(csv.reader([line], delimiter=delimiter))
        return tuple(float(fields[c]) for c in columns)
    except (StopIteration, csv.Error, ValueError, IndexError):
        return None
