"""Names of an archive's members made safe: relative, plain, and never two on one place."""

import os
import re
import unicodedata
from collections.abc import Mapping

from grader.intake.walk import MAX_DEPTH

MAX_NAME_BYTES = 255  # of one part, as file systems allow
MAX_PATH_BYTES = 1_024
MAX_PARTS = MAX_DEPTH + 2  # a student's folder, as many levels below as are looked through, and the file
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DRIVE = re.compile(r"[A-Za-z]:")
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)', re.IGNORECASE)
_SUFFIX = re.compile(r"(?<=.)\.[^.]{1,8}$")


def parts_of(name: str, *, windows: bool = os.name == "nt") -> tuple[str, ...]:
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
    if not parts:
        raise ValueError("has no name")
    try:
        sizes = [len(part.encode("utf-8")) for part in parts]
    except UnicodeEncodeError as problem:
        raise ValueError("has a name that is no text") from problem
    if max(sizes) > MAX_NAME_BYTES or sum(sizes) + len(sizes) > MAX_PATH_BYTES:
        raise ValueError("has too long a name")
    if len(parts) > MAX_PARTS:
        raise ValueError("lies too deep")
    if windows and any(_NOT_ON_WINDOWS.search(part) for part in parts):
        raise ValueError("has a name that Windows does not allow")
    return parts


class Places:
    """Gives every member a place of its own: names that differ only by case or by Unicode form, and a name that comes
    twice, get a number, since one file system or another would put them on one place."""

    def __init__(self) -> None:
        self._folders: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}
        self._taken: dict[tuple[str, ...], set[str]] = {}
        self._numbers: dict[tuple[tuple[str, ...], str], int] = {}

    @property
    def folders(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """Every folder so far, and where it is."""
        return self._folders

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
        taken = self._taken.setdefault(parent, set())
        wanted = name
        if _key(name) in taken:
            stem, suffix = _cut(name)
            counter = (parent, _key(stem + suffix))
            while _key(wanted) in taken:
                number = self._numbers[counter] = self._numbers.get(counter, 1) + 1
                wanted = f"{stem} ({number}){suffix}"
        taken.add(_key(wanted))
        return wanted


def _key(name: str) -> str:
    """Equal for names that some file system takes for one; Windows drops dots and blanks at the end."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).rstrip(". ")


def _cut(name: str) -> tuple[str, str]:
    """Stem and suffix, between which there is room for a number."""
    found = _SUFFIX.search(name)
    suffix = found[0] if found else ""
    room = MAX_NAME_BYTES - len(suffix.encode("utf-8")) - len(" (20000)")
    stem = name[: len(name) - len(suffix)]
    return stem.encode("utf-8")[:room].decode("utf-8", "ignore"), suffix
