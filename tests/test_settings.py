"""Settings as workers in other folders need them."""

from pathlib import Path

import pytest

from grader.settings import Settings, settled


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that was named relative to the current folder is that one for every worker."""
    monkeypatch.chdir(tmp_path)
    found = settled(Settings(store=Path("runs"), rubrics_dir=Path("r"), cache_dir=Path("c"), private=(Path("p"),)))
    assert found.store == tmp_path / "runs"
    assert found.rubrics_dir == tmp_path / "r"
    assert found.cache_dir == tmp_path / "c"
    assert found.private == (tmp_path / "p",)
    assert found.data_dir is None
    monkeypatch.setenv("GRADER_DATA_DIR", "data")
    assert settled(Settings()).data_dir == tmp_path / "data"
