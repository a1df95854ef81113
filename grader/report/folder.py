"""The folder of reports: claimed with a marker, never somebody else's, every file written whole or not at all."""

import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from grader.errors import EnvironmentProblem, UsageError

MARKER = ".grader-report"
PAGES = "students"
_MAX_STEM = 60
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
_OURS = re.compile(r"students/[a-z0-9][a-z0-9._-]*\.html")


def claim_folder(out: Path) -> Path:
    """Makes ``out`` ours: a new or empty folder, or one that the grader wrote before. Returns it.

    Raises :class:`UsageError` for anything else, and :class:`EnvironmentProblem` if it cannot be made.
    """
    with _writing(out):
        if out.exists() or out.is_symlink():
            _require_ours(out)
        out.mkdir(parents=True, exist_ok=True)
        marker = out / MARKER
        if not marker.exists():
            _mark(out, [])
    return out


def _require_ours(out: Path) -> None:
    if not out.is_dir():
        raise UsageError(f"{str(out)!r} is not a folder; name a new one for the report with --out.")
    if any(out.iterdir()) and not (out / MARKER).is_file():
        raise UsageError(
            f"The folder {str(out)!r} holds files that the grader did not write; name a new or empty folder with --out."
        )
    if (out / MARKER).is_symlink() or (out / PAGES).is_symlink():
        raise UsageError(
            f"The report folder {str(out)!r} contains a link in place of a report; name a new folder with --out."
        )


def write_file(path: Path, content: str) -> None:
    """Writes UTF-8 text beside ``path`` and moves it into place: a reader sees the old file or the new one, whole."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def begin_pages(out: Path, names: Sequence[str]) -> list[str]:
    """Note in a claimed folder that pages of these relative names will be ours; those of earlier runs.

    Raises :class:`EnvironmentProblem`, as the next two do.
    """
    with _writing(out):
        (out / PAGES).mkdir(exist_ok=True)
        before = [line for line in (out / MARKER).read_text(encoding="utf-8").splitlines() if _OURS.fullmatch(line)]
        _mark(out, {*before, *names})
    return before


def write_page(out: Path, name: str, text: str) -> None:
    """Write one of the pages that were announced."""
    with _writing(out):
        write_file(out / name, text)


def end_pages(out: Path, names: Sequence[str], before: Sequence[str]) -> None:
    """Remove pages of earlier runs that are not among these."""
    with _writing(out):
        for name in set(before) - set(names):
            (out / name).unlink(missing_ok=True)
        _mark(out, names)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentProblem(f"The report folder {str(out)!r} cannot be written: {error.strerror}.") from error


def _mark(out: Path, names: Iterable[str]) -> None:
    write_file(
        out / MARKER, "\n".join(["Written by grader; it may replace the pages listed here.", *sorted(names), ""])
    )


def page_names(students: Sequence[str]) -> list[str]:
    """One file name (``students/….html``) per student, in order: portable and unique.

    A name that occurs once gets the same file in every run.
    """
    taken: set[str] = set()
    names = []
    for student in students:
        stem = _stem(student)
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem}-{count}"
        taken.add(name)
        names.append(f"{PAGES}/{name}.html")
    return names


def _stem(student: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:_MAX_STEM].strip("-")
    if slug and slug == student and not _RESERVED.fullmatch(slug):
        return slug
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug}-{digest}" if slug else f"student-{digest}"
