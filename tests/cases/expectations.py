"""Reads ``submissions/<case>/expect.yaml`` and says where a marked task differs from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grader.types import Status, TaskId

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
KEYS = {"task", "points", "criteria", "manner"}


@dataclass(frozen=True)
class Expectation:
    """What a case must get: ``points`` within [``low``, ``high``] of 100, and per criterion id the statuses allowed."""

    case: str
    task: TaskId
    low: float
    high: float
    criteria: Mapping[str, frozenset[Status]]
    manner: str


def case_names() -> list[str]:
    """Names of all folders in ``submissions/``, sorted."""
    return sorted(path.name for path in SUBMISSIONS.iterdir() if path.is_dir())


def demo_names() -> list[str]:
    """The cases that ``grader demo`` marks."""
    return list(yaml.safe_load((SUBMISSIONS / "demo.yaml").read_text(encoding="utf-8"))["cases"])


def load_expectation(case: str) -> Expectation:
    """Read one ``expect.yaml``; ValueError naming the case if it has unknown keys, statuses or an empty range."""
    data = yaml.safe_load((SUBMISSIONS / case / "expect.yaml").read_text(encoding="utf-8"))
    if set(data) != KEYS:
        raise ValueError(f"{case}: expected the keys {sorted(KEYS)}, found {sorted(data)}")
    low, high = (float(value) for value in data["points"])
    if not 0 <= low <= high <= 100:
        raise ValueError(f"{case}: points must rise within 0 to 100, not {data['points']}")
    criteria = {name: _statuses(allowed) for name, allowed in data["criteria"].items()}
    return Expectation(case, TaskId(data["task"]), low, high, criteria, data["manner"].strip())


def _statuses(allowed: str | Sequence[str]) -> frozenset[Status]:
    return frozenset(Status(name) for name in ([allowed] if isinstance(allowed, str) else allowed))


def differences(expected: Expectation, marked: Mapping[str, Any]) -> list[str]:
    """One sentence per difference; ``marked`` is a task of the ``--json`` document: ``task``, ``points``,
    ``criteria``."""
    found = {entry["id"]: entry["status"] for entry in marked["criteria"]}
    said = []
    if marked["task"] != expected.task:
        said.append(f"{expected.case}: taken for {marked['task']}, not {expected.task}")
    if not expected.low <= marked["points"] <= expected.high:
        said.append(f"{expected.case}: {marked['points']:g} points, not {expected.low:g} to {expected.high:g}")
    for name, allowed in expected.criteria.items():
        status = found.get(name, "missing")
        if status not in allowed:
            said.append(f"{expected.case}: {name} is {status}, not {' or '.join(sorted(allowed))}")
    return said
