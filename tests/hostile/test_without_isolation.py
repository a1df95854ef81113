"""The same attacks without a sandbox do harm, so the class does not pass for a wrong reason; less is refused."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack import SECRET, Attack
from everything import ATTACKS
from nets import HONEST
from observer import LIMITS, Run, canaries, lay_out, run
from outcome import page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("hostile"),
    pytest.mark.skipif(sys.platform != "linux", reason="the canaries are made for Linux"),
]
CONTROLS = tuple(attack for attack in ATTACKS if attack.control)


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """All attacks with a control, one after the other, by a command without isolation."""
    folder = tmp_path_factory.mktemp("p")
    with canaries(folder / "c") as found:
        paths = [str(lay_out(attack, folder, found.placeholders)) for attack in CONTROLS]
        yield run(folder, ["check", *paths, "--isolation", "process", *LIMITS], found)


@pytest.mark.parametrize("attack", CONTROLS, ids=lambda attack: attack.name)
def test_without_isolation_the_attack_does_harm(unprotected: Run, attack: Attack) -> None:
    """The observer sees it."""
    if attack.control in ("file", "variable"):
        assert SECRET in page(unprotected, attack)
    elif attack.control == "folder":
        written = [harm.removeprefix("written ") for harm in unprotected.harmed if harm.startswith("written ")]
        assert any(name in text for name in written for text in attack.files.values())
    else:
        assert f"reached {attack.control}" in unprotected.harmed


def test_what_is_tried_is_what_the_observer_can_see() -> None:
    """Every canary has an attack that reaches it."""
    wanted = {"file", "variable", "folder", "port", "socket", "abstract socket"}
    assert {attack.control for attack in CONTROLS} == wanted


@pytest.mark.parametrize("words", [["check", "--isolation", "required"], ["batch"]], ids=["check", "batch"])
def test_without_bubblewrap_nothing_is_run(tmp_path: Path, words: list[str]) -> None:
    """One sentence that says what to do, exit code 3, and no page."""
    (tmp_path / "empty").mkdir()
    lay_out(Attack("someone", (), "", {"01_penguin_classification.py": HONEST}), tmp_path, {})
    target = tmp_path / "someone" if words[0] == "check" else tmp_path
    done = subprocess.run(
        [sys.executable, "-m", "grader", words[0], str(target), *words[1:], "--out", str(tmp_path / "reports")],
        env={**os.environ, "PATH": str(tmp_path / "empty")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 3
    assert "bubblewrap is not installed. Install it with" in " ".join(done.stderr.split())
    assert not list(tmp_path.rglob("*.html"))
