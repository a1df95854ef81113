"""Compares how an attack ended with how it must end."""

import html
import re
from typing import Any

from attack import ESCAPED, Attack
from observer import Run

from grader.report.folder import page_names
from grader.report.text import clean_text


def entry(run: Run, attack: Attack) -> dict[str, Any]:
    """What the results file says of this student; names are cleaned there."""
    return run.students()[clean_text(attack.folder or attack.name, lines=False)]


def page(run: Run, attack: Attack) -> str:
    """The text of the student's page."""
    name = page_names([attack.folder or attack.name])[0]
    text = (run.reports / name).read_text(encoding="utf-8")
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def held_out(task: dict[str, Any]) -> float:
    """Points for held-out data."""
    return sum(float(c["points"]) for c in task["criteria"] if c["id"] == "held-out")


def faults(run: Run, attack: Attack) -> list[str]:
    """What is not as it must be: status, the sentence its author reads, points for held-out data, what it tells."""
    student = entry(run, attack)
    (task,) = student["tasks"] or [{"status": "unreadable", "notes": student["problems"], "criteria": []}]
    found = []
    if task["status"] not in attack.statuses:
        found.append(f"status {task['status']}: {task['notes']}")
    shown = page(run, attack)
    if not any(sentence in shown for sentence in attack.sentences() or [""]):
        found.append(f"the page does not say {' or '.join(map(repr, attack.sentences()))}: {task['notes']}")
    found += [f"it tells {word}" for word in ESCAPED if re.search(rf"\b{word}\b", shown)]
    points = held_out(task)
    if attack.held_out_at_most is not None and points > attack.held_out_at_most:
        found.append(f"{points} points: {task['held_out']}")
    if attack.held_out_at_least is not None and points < attack.held_out_at_least:
        found.append(f"{points} points: {task['held_out']}")
    return found
