"""Runs the hostile class once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import honest
import pytest
from attack import Attack
from everything import ATTACKS
from observer import LIMITS, Canaries, Run, bubblewrap_missing, canaries, lay_out, run


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    """What must not be touched."""
    with canaries(tmp_path_factory.mktemp("c")) as found:
        yield found


def _class(folder: Path, attacks: tuple[Attack, ...], copies: int, found: Canaries) -> Path:
    everyone = folder / "class"
    everyone.mkdir()
    for attack in attacks:
        lay_out(attack, everyone, found.placeholders)
    for kind, text in honest.KINDS.items():
        for name in honest.names(kind)[:copies]:
            lay_out(Attack(name, (), "", {honest.FILE: text}), everyone, {})
    return everyone


def _batch(folder: Path, attacks: tuple[Attack, ...], found: Canaries, *, copies: int, workers: int) -> Run:
    if (reason := bubblewrap_missing()) is not None:
        pytest.skip(reason)
    everyone = _class(folder, attacks, copies, found)
    words = ["batch", str(everyone), "--isolation", "required", "-j", str(workers), "--store", str(folder / "store")]
    return run(folder, [*words, *LIMITS], found)


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory, watched: Canaries) -> Run:
    """The class of all attackers and twenty honest students, marked by four workers."""
    return _batch(tmp_path_factory.mktemp("h"), ATTACKS, watched, copies=honest.COPIES, workers=4)


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, watched: Canaries) -> Run:
    """One honest student of each kind, without attackers, one after the other."""
    return _batch(tmp_path_factory.mktemp("a"), (), watched, copies=1, workers=1)
