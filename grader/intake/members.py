"""Names of an archive's members made safe: relative, plain, and never two on one place."""

import re
import unicodedata

MAX_NAME_BYTES = 255  # of one part, as file systems allow
MAX_PATH_BYTES = 1_024
MAX_PARTS = 24
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a member's path below the archive's top; backslashes separate as slashes do.

    Raises ``ValueError`` whose text ends a sentence that begins with the name, such as "leads out of the archive".
    """
    if _CONTROL.search(name):
        raise ValueError("has control characters in its name")
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise ValueError("has an absolute path")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise ValueError("leads out of the archive")
    try:
        sizes = [len(part.encode("utf-8", "surrogateescape")) for part in parts]
    except UnicodeEncodeError as problem:
        raise ValueError("has a name that is no text") from problem
    if not parts:
        raise ValueError("has no name")
    if max(sizes) > MAX_NAME_BYTES or sum(sizes) + len(sizes) > MAX_PATH_BYTES:
        raise ValueError("has too long a name")
    if len(parts) > MAX_PARTS:
        raise ValueError("lies too deep")
    return parts


class Places:
    """Gives every member a place of its own: names that differ only by case or by Unicode form, and a name that comes
    twice, get a number, since one file system or another would put them on one place."""

    def __init__(self) -> None:
        self._folders: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}
        self._taken: dict[tuple[str, ...], dict[str, int]] = {}

    def folder(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Where the folder of this name is; the same name is the same folder."""
        known = self._folders.get(parts)
        if known is None:
            parent = self.folder(parts[:-1])
            known = self._folders[parts] = (*parent, self._free(parent, parts[-1]))
        return known

    def file(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Where a file of this name is to be written."""
        parent = self.folder(parts[:-1])
        return (*parent, self._free(parent, parts[-1]))

    def _free(self, parent: tuple[str, ...], name: str) -> str:
        taken = self._taken.setdefault(parent, {})
        wanted, number = name, taken.get(_key(name), 0)
        while _key(wanted) in taken:
            number += 1
            wanted = _numbered(name, number + 1)
        taken[_key(name)] = number
        taken.setdefault(_key(wanted), 0)
        return wanted


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _numbered(name: str, number: int) -> str:
    """``ana (2)``, ``work (2).ipynb``; the stem is cut where the name would become too long."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or len(suffix) > 8:
        stem, suffix = name, ""
    end = f" ({number}){dot if suffix else ''}{suffix}"
    room = MAX_NAME_BYTES - len(end.encode("utf-8", "surrogateescape"))
    return stem.encode("utf-8", "surrogateescape")[:room].decode("utf-8", "ignore") + end
