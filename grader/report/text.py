"""Text for readers: what came from a submission made safe to show, and numbers written the same way everywhere."""

import math
import re

from grader.types import TaskId

_SEQUENCES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, hyperlinks
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-~]?"  # the other escapes
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_UNPRINTABLE = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_COMMANDS = re.compile(r"(?<=:)(?=:[A-Za-z])|(?<=#)(?=#\w*\[)")  # ::error, ##[error], ##vso[...]
_DELETE = 0x7F
_LATIN_CONTROLS = 0x80


def clean_text(text: str, *, lines: bool = True, limit: int | None = None) -> str:
    r"""``text`` without anything that could act on a terminal or page, or hide; all renderers pass text through this.

    ANSI, OSC and other escape sequences are removed; remaining control characters become control pictures (``␀``),
    bidirectional overrides and invisible characters become ``[U+202E]``, lone surrogates ``\ufffd``. ``lines=False``
    puts everything on one line. With ``limit`` at most that many characters are kept, and the text says how many were
    left out. Escaping for HTML, CSV and so on is still the renderer's.
    """
    if not (text.isascii() and text.isprintable()):
        text = _BREAKS.sub("\n", _SEQUENCES.sub("", text))
        text = _CONTROLS.sub(_control_picture, text)
        text = _INVISIBLE.sub(_code_point, text)
        text = _UNPRINTABLE.sub("\ufffd", text)
    if not lines:
        text = " ".join(text.split())
    if limit is not None and len(text) > limit:
        return f"{text[:limit]}… ({len(text) - limit:,} more characters)"
    return text


def terminal_text(text: str, encoding: str, *, limit: int | None = None) -> str:
    """``text`` on one line for a terminal or the log of a continuous integration service.

    Characters that ``encoding`` lacks become ``?``. Services take ``::error`` at the start of a line, and ``##[error]``
    anywhere, for a command; a blank is put between such marks wherever they stand, since wrapping may begin a line.
    """
    clean = _COMMANDS.sub(" ", clean_text(text, lines=False, limit=limit))
    return clean.encode(encoding, "replace").decode(encoding, "replace")


def _control_picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code == _DELETE:
        return "\u2421"
    return chr(0x2400 + code) if code < _LATIN_CONTROLS else _code_point(match)


def _code_point(match: re.Match[str]) -> str:
    return f"[U+{ord(match.group()):04X}]"


def number(value: float) -> str:
    """A measured number with about three significant digits: ``0.0123``, ``4.57``, ``1,250``; never ``nan``."""
    if not math.isfinite(value):
        return "not finite"
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-4:
        return f"{value:.1e}"
    if size >= 100:
        return f"{value:,.0f}"
    digits = 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return _strip_zeros(f"{value:.{digits}f}")


def points(value: float) -> str:
    """Points with at most one decimal: ``7``, ``7.5``."""
    return _strip_zeros(f"{value:.1f}")


def measured(value: float, metric: str, unit: str) -> str:
    """A metric's value with its unit; fractions such as accuracy as a percentage."""
    if metric.endswith(("accuracy", "iou")) and not unit:
        return f"{_strip_zeros(f'{100 * value:.1f}')} %"
    return f"{number(value)} {unit}".rstrip()


def seconds(value: float) -> str:
    """A duration: ``0.4 s``, ``12 s``, ``3 min 5 s``."""
    if value < 60:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def task_title(task: TaskId) -> str:
    """What a reader calls the task."""
    return _TITLES[task]


def _strip_zeros(digits: str) -> str:
    stripped = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if stripped == "-0" else stripped


_TITLES = {
    TaskId.PENGUINS_CLASSIFICATION: "Penguin species",
    TaskId.PENGUINS_REGRESSION: "Penguin body mass",
    TaskId.MNIST_CLASSIFICATION: "Handwritten digits",
    TaskId.ELLIPSE_REGRESSION: "Ellipse parameters",
}
