"""The hostile class through ``grader batch``: every attack ends as it must, and the neighbours are as if alone."""

import csv

import honest
import pytest
from attack import SECRET, Attack
from everything import ATTACKS
from observer import Run
from outcome import faults

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hostile")]
MOST_MEMORY_MIB = 600
MOST_FORKS_MIB = 1_000  # alone it takes 805 to 890 (torch 2.14); a look while jobs share its pages finds less


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_each_attack_ends_as_it_must(hostile_run: Run, attack: Attack) -> None:
    """Its status, the sentence its author reads, and what it earns for held-out data."""
    assert faults(hostile_run, attack) == []


@pytest.mark.parametrize("kind", honest.KINDS)
def test_the_neighbours_get_exactly_the_marks_they_get_alone(hostile_run: Run, alone: Run, kind: str) -> None:
    """Points of every criterion, and the held-out figure to the last digit."""
    (expected,) = alone.students()[honest.names(kind)[0]]["tasks"]
    for name in honest.names(kind):
        (task,) = hostile_run.students()[name]["tasks"]
        assert task["status"] == "marked"
        assert task["points"] == expected["points"]
        assert [(c["id"], c["points"]) for c in task["criteria"]] == [
            (c["id"], c["points"]) for c in expected["criteria"]
        ]
        assert task["held_out"] == expected["held_out"]


def test_the_neighbours_marks_are_worth_comparing(alone: Run) -> None:
    """They differ, and the good ones are good."""
    points = {kind: alone.students()[honest.names(kind)[0]]["tasks"][0]["points"] for kind in honest.KINDS}
    assert points["plain"] >= 95
    assert points["short"] < 95


def test_everyone_has_a_page_and_a_row(hostile_run: Run) -> None:
    """Also who handed in what cannot be read."""
    everyone = len(ATTACKS) + honest.COPIES * len(honest.KINDS)
    assert hostile_run.code in (0, 3), hostile_run.console
    assert len(hostile_run.students()) == everyone
    assert len(list((hostile_run.reports / "students").glob("*.html"))) == everyone
    with (hostile_run.reports / "gradebook.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len({row["student"] for row in rows}) == everyone


def test_no_attack_is_the_harness_fault(hostile_run: Run) -> None:
    """No status says that the grader failed."""
    failed = {
        name: task["notes"]
        for name, found in hostile_run.students().items()
        for task in found["tasks"]
        if task["status"] == "harness-error"
    }
    assert failed == {}


def test_nothing_outside_was_touched_or_told(hostile_run: Run) -> None:
    """Canary files, folders and listeners; the secret appears nowhere."""
    assert hostile_run.harmed == []
    assert SECRET not in hostile_run.texts()


def test_nothing_is_left_behind(hostile_run: Run) -> None:
    """No process, mount, temporary file, socket or control group."""
    assert hostile_run.left == []


def test_the_graders_own_memory_stays_small(hostile_run: Run) -> None:
    """Main process, workers and their helpers together, shared pages counted once; and the one server that all jobs
    are forked from, which holds what each would otherwise hold for itself."""
    assert 0 < hostile_run.peak_mib < MOST_MEMORY_MIB
    assert 0 < hostile_run.forks_mib < MOST_FORKS_MIB
