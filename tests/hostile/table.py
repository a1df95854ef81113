"""Writes the page about the class, from what each attack must do and what the run of the class showed."""

from collections.abc import Callable, Iterable

import kinds
from attack import Attack
from everything import ATTACKS

from grader.types import TaskStatus

OPENING = """# The hostile class

The tests wrote this page, and compare it with what they see. Each row is a student who hands in that attack. The class
is marked by the command that an instructor uses, `grader batch`, with four workers, 60 seconds and 1.5 GiB for
each file, and with twenty honest students among the attackers.

- *Ends under bubblewrap*: the status, and the sentence that the student reads where there is one.
- *Held-out*: points of 30 for data that the code never saw. Who forges gets none; who is honest otherwise loses none.
  Where a run ends before held-out data could be shown, half of the points can come from answers that were recorded on
  the student's own validation data. These can be forged, so such work is always for review.
- *Without isolation*: whether `--isolation process` would have stopped it. "no" is tried by a test, which sees the
  harm; "not run" is not tried, since it might harm the machine that runs the tests, or there is nothing to see.

After the class no process, mount, file, socket or control group is left; no canary file, folder, socket or variable was
read, changed or reached; the honest students have exactly the marks they get alone.
"""
STATUS = {
    TaskStatus.MARKED: "marked",
    TaskStatus.NEEDS_REVIEW: "for review",
    TaskStatus.UNREADABLE: "unreadable",
    TaskStatus.HARNESS_ERROR: "the grader failed",
}
HARM = {
    "file": "reads the file",
    "variable": "reads the variable",
    "folder": "writes there",
    "port": "connects",
    "socket": "connects",
    "abstract socket": "connects",
}
BROKEN = "**escaped**"


def page(ended_well: Callable[[Attack], bool]) -> str:
    """The whole page. ``ended_well``: whether this attack ended as it must."""
    parts = [OPENING]
    for title, found in kinds.SECTIONS.items():
        parts.append(f"\n## {title}\n\n")
        parts.append("| kind | what it tries | ends under bubblewrap | held-out | without isolation |\n")
        parts.append("| --- | --- | --- | --- | --- |\n")
        for number, name in found.items():
            parts.extend(_rows(number, name, ended_well))
    return "".join(parts)


def _rows(number: int, name: str, ended_well: Callable[[Attack], bool]) -> Iterable[str]:
    if number in kinds.ELSEWHERE:
        yield _row(f"{number}. {name}", f"see {kinds.ELSEWHERE[number]}", "", "", "")
    for attack in ATTACKS:
        if number in attack.numbers:
            outcome = _outcome(attack) if ended_well(attack) else BROKEN
            yield _row(f"{number}. {name}", attack.tries, outcome, _points(attack), _without(attack))


def _outcome(attack: Attack) -> str:
    status = " or ".join(STATUS[status] for status in attack.statuses)
    said = " or ".join(f"“{sentence}”" for sentence in attack.sentences())
    return f"{status}: {said}" if said else status


def _points(attack: Attack) -> str:
    if attack.held_out_at_most is not None:
        return f"at most {attack.held_out_at_most:g}" if attack.held_out_at_most else "0"
    return f"at least {attack.held_out_at_least:g}" if attack.held_out_at_least is not None else ""


def _without(attack: Attack) -> str:
    return f"no: {HARM[attack.control]}" if attack.control else "not run"


def _row(*cells: str) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |\n"


def _plain(text: str) -> str:
    """Text that a table of Markdown shows as it is."""
    for mark in ("\\", "|", "<", ">", "`", "*", "_", "["):
        text = text.replace(mark, "\\" + mark)
    return text.replace("\\*\\*escaped\\*\\*", BROKEN)
