"""Prints sections as tables of at most 80 columns."""

import textwrap
from collections.abc import Sequence

from benchmarks.bench import Section

WIDTH = 80


def printed(section: Section) -> str:
    """The section as lines of text."""
    title = f"({section.letter}) {section.title}"
    lines = [*textwrap.wrap(title, WIDTH), "-" * min(len(title), WIDTH)]
    lines += table(section.header, section.rows)
    for remark in section.remarks:
        lines += textwrap.wrap(remark, WIDTH)
    return "\n".join(lines)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be, numbers to the right; the first column gives way where all are too wide."""
    widths = [max(len(row[n]) for row in (header, *rows)) for n in range(len(header))]
    rest = sum(widths[1:]) + 2 * (len(widths) - 1)
    widths[0] = min(widths[0], max(WIDTH - rest, 8))
    return [_line(row, widths) for row in (header, *rows)]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first = row[0][: widths[0]].ljust(widths[0])
    others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
    return "  ".join((first, *others)).rstrip()


def seconds(value: float) -> str:
    """Seconds with a digit that means something."""
    return f"{value:.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def times(value: float) -> str:
    """A ratio."""
    return f"{value:.2f}x"
