"""The whole class: correct cases first, then those with a mistake."""

import re

from tests.validity import correct, wrong
from tests.validity.model import Case


def cases(pattern: str = "") -> list[Case]:
    """Those whose name holds ``pattern``, a regular expression; ``correct`` and ``wrong`` choose one half."""
    halves = {"correct": correct.cases(), "wrong": wrong.cases()}
    if pattern in halves:
        return halves[pattern]
    return [case for half in halves.values() for case in half if re.search(pattern, case.name)]
