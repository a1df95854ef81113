"""Reads a file's text whatever its encoding, with a cap on its size and a sentence for each thing that can be wrong."""

import codecs
import hashlib
import io
import stat
import tokenize
from pathlib import Path

from grader.errors import IntakeError
from grader.limits import MAX_SOURCE_BYTES, MIB

_NO_SCRIPTS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}  # slow, or for parts of a text
GUESSED = "{name} is not UTF-8; it was read as Windows-1252, so some characters may be wrong. Save it as UTF-8."


def shown(name: str) -> str:
    """A file name as text that can be written anywhere; bytes that are no UTF-8 become ``?``."""
    return name.encode("utf-8", "replace").decode("utf-8")


def read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    """The text of a notebook or Python file and notes on how it was read.

    Raises ``IntakeError`` if the path is missing, a folder, not a regular file, empty, too large, binary or protected.
    """
    data = read_bytes(path)
    if not data.strip():
        raise IntakeError(f"{path.name} is empty; save the notebook or script again and hand that file in.")
    text, guessed = _decode(data, python=path.suffix == ".py")
    if "\0" in text:
        raise IntakeError(f"{path.name} holds binary data, not text; hand in the notebook or script itself.")
    clean = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
    return clean, (GUESSED.format(name=path.name),) if guessed else ()


def read_bytes(path: Path) -> bytes:
    """The content of a regular file of at most ``MAX_SOURCE_BYTES``. Raises ``IntakeError`` for anything else."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise IntakeError(f"{path.name} is a folder, not a file; name the notebook or script inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise IntakeError(f"{path.name} is not a regular file; name a notebook or a Python file.")
        if status.st_size > MAX_SOURCE_BYTES:
            raise IntakeError(
                f"{path.name} has {status.st_size // MIB} MB, more than the {MAX_SOURCE_BYTES // MIB} MB allowed; "
                "clear the outputs of all cells and save it again."
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise IntakeError(f"{path} does not exist; check the path.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise IntakeError(f"{path.name} cannot be read ({reason}); check its permissions.") from error


def digest_of(path: Path) -> bytes:
    """The SHA-256 of a file's content, of any size. Raises ``IntakeError`` if it cannot be read."""
    total = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while piece := stream.read(MIB):
                total.update(piece)
    except OSError as error:
        raise IntakeError(f"{path.name} cannot be read ({error.strerror}); check its permissions.") from error
    return total.digest()


def _decode(data: bytes, *, python: bool) -> tuple[str, bool]:
    """The text, and whether its encoding was only guessed."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), False
    encoding = "utf-8-sig"
    if python:
        try:
            declared = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
            encoding = encoding if codecs.lookup(declared).name in _NO_SCRIPTS else declared
        except (SyntaxError, LookupError):
            pass  # an unknown or contradictory declaration: judged by the bytes below
    try:
        return data.decode(encoding), False
    except (UnicodeError, LookupError):
        return data.decode("cp1252", "replace"), True
