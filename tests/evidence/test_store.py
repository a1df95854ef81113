"""Evidence comes back from disk as it was, whole or not at all; a run's key changes with all it depends on."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grader.errors import EvidenceError
from grader.evidence import kept
from grader.evidence.bundle import Evidence
from grader.evidence.model import CellRecord, EvidenceDocument, HostFacts
from grader.evidence.store import load, run_key, save
from grader.intake.submission import TaskFile
from grader.limits import RunLimits
from grader.types import CellStatus, Exit, TaskId


def evidence(student: str = "ada") -> Evidence:
    """A small run."""
    document = EvidenceDocument(
        student=student,
        task=TaskId.PENGUINS_CLASSIFICATION,
        file="01.ipynb",
        digest="d",
        host=HostFacts(isolation="process", exit=Exit.FINISHED, wall_s=1.5),
        cells=[CellRecord(index=3, status=CellStatus.OK)],
    )
    return Evidence(document, {"train_inputs": np.arange(6, dtype=np.float32).reshape(2, 3)})


def test_evidence_comes_back_equal(tmp_path: Path) -> None:
    """Document and arrays."""
    save(evidence(), tmp_path / "runs" / "k")
    found = load(tmp_path / "runs" / "k")
    assert found.document == evidence().document
    np.testing.assert_array_equal(found.arrays["train_inputs"], evidence().arrays["train_inputs"])


def test_saving_again_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    """The older evidence is gone, and no half-written folder stays."""
    save(evidence("ada"), tmp_path / "k")
    save(evidence("grace"), tmp_path / "k")
    assert load(tmp_path / "k").document.student == "grace"
    assert [p.name for p in tmp_path.iterdir()] == ["k"]


def test_odd_array_names_are_never_written(tmp_path: Path) -> None:
    """A name is no path."""
    with pytest.raises(EvidenceError):
        save(Evidence(evidence().document, {"../x": np.zeros(1)}), tmp_path / "k")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["lost", "changed", "list lost", "list changed"])
def test_a_lost_or_changed_array_is_noticed(tmp_path: Path, damage: str) -> None:
    """Marks must not be made of a part of a run; such a run is done again."""
    save(evidence(), kept.place(tmp_path, "abc"))
    assert kept.recall(tmp_path, "abc") is not None
    array, names = (kept.place(tmp_path, "abc") / name for name in ("train_inputs.npy", "arrays.json"))
    if damage == "lost":
        array.unlink()
    elif damage == "changed":
        array.write_bytes(array.read_bytes()[:-1] + b"!")
    elif damage == "list lost":
        names.unlink()
    else:
        names.write_text('{"../x": ""}')
    with pytest.raises(EvidenceError):
        load(kept.place(tmp_path, "abc"))
    assert kept.recall(tmp_path, "abc") is None


def test_missing_and_damaged_evidence_say_so(tmp_path: Path) -> None:
    """One sentence each."""
    with pytest.raises(EvidenceError, match="wrote no"):
        load(tmp_path / "k")
    save(evidence(), tmp_path / "k")
    (tmp_path / "k" / "evidence.json").write_text('{"schema_version": 99}', encoding="utf-8")
    with pytest.raises(EvidenceError, match="run the file again"):
        load(tmp_path / "k")


def test_the_key_changes_with_everything_a_run_depends_on() -> None:
    """Same settings, same key; any other, another."""
    file = TaskFile(TaskId.PENGUINS_CLASSIFICATION, Path("a.ipynb"), Path(), "notebook", (), "digest")
    keys = [
        run_key(file, "ada", world="w", isolation="bubblewrap"),
        run_key(file, "bob", world="w", isolation="bubblewrap"),
        run_key(replace(file, digest="other"), "ada", world="w", isolation="bubblewrap"),
        run_key(file, "ada", world="v", isolation="bubblewrap"),
        run_key(file, "ada", world="w", isolation="process"),
        run_key(file, "ada", world="w", isolation="bubblewrap", seed=1),
        run_key(file, "ada", world="w", isolation="bubblewrap", limits=RunLimits(cell_s=1.0)),
    ]
    assert len(set(keys)) == len(keys)
    assert run_key(file, "ada", world="w", isolation="bubblewrap") == keys[0]


def test_graders_share_a_store(tmp_path: Path) -> None:
    """Many that keep the same run and runs of their own at once: each is there afterwards, whole, and nothing else."""
    keys = ["aa" + "0" * 62, *(f"bb{number:062d}" for number in range(4))]
    store = tmp_path / "store"

    def grader(number: int) -> None:
        for _ in range(5):
            for key in (keys[0], keys[1 + number]):
                kept.keep(store, key, evidence(key[:2] + str(number)))

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(grader, range(4)))
    found = [kept.recall(store, key) for key in keys]
    assert [run.document.student[:2] for run in found if run is not None] == ["aa", "bb", "bb", "bb", "bb"]
    assert sorted(path.name for path in store.glob("*/*")) == sorted(keys)
    assert not list(store.glob("*/.*"))
