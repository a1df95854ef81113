"""docs/security-attacks.md is what the class shows; UPDATE_SECURITY_TABLE=1 writes it anew."""

import os
from pathlib import Path

import kinds
import pytest
import table
from everything import ATTACKS
from observer import Run
from outcome import faults

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security-attacks.md"
MEND = "Run `UPDATE_SECURITY_TABLE=1 python -m pytest tests/hostile/test_table.py` and read what changed."


def test_the_page_lists_every_attack() -> None:
    """Also where the class cannot be run: nothing was added, changed or removed without the page."""
    if os.environ.get("UPDATE_SECURITY_TABLE"):
        pytest.skip("the page is being written")
    assert PAGE.read_text(encoding="utf-8") == table.page(lambda _: True), MEND


def test_every_kind_of_attack_is_there() -> None:
    """The list has no gaps, and no attack is of a kind that has no name."""
    tried = {number for attack in ATTACKS for number in attack.numbers}
    assert tried == kinds.ALL - set(kinds.ELSEWHERE)
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.slow
@pytest.mark.xdist_group("hostile")
def test_the_page_is_what_was_seen(hostile_run: Run) -> None:
    """Every row as it ended in this run."""
    seen = table.page(lambda attack: not faults(hostile_run, attack))
    if os.environ.get("UPDATE_SECURITY_TABLE"):
        PAGE.write_text(seen, encoding="utf-8")
    assert table.BROKEN not in seen
    assert hostile_run.harmed == hostile_run.left == []
    assert PAGE.read_text(encoding="utf-8") == seen, MEND
