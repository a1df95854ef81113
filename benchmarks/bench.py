"""What all benchmarks share: where they work, with which data, and how small; and what they hand back."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CLASS = ROOT / "benchmarks" / "class_of_12"
QUICK = ("species-plain", "mass-plain")  # one manner of each penguin task
CORES = 2  # that every arm of every comparison may use


@dataclass(frozen=True)
class Bench:
    """``scratch``: an empty folder for everything that is written. ``quick``: tiny sizes, to see that it works."""

    scratch: Path
    data_dir: Path | None = None
    isolation: str = "required"
    quick: bool = False

    def folder(self, name: str) -> Path:
        """A new empty folder with a name that begins so."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch))

    def students(self, name: str, members: Sequence[Path]) -> Path:
        """A new folder with a student's folder for each of these members of the class."""
        made = self.folder(name)
        for member in members:
            shutil.copytree(member, made / member.name)
        return made

    def members(self) -> list[Path]:
        """The folders of the class that is measured."""
        return [path for path in sorted(CLASS.iterdir()) if not self.quick or path.name in QUICK]


@dataclass(frozen=True)
class Section:
    """One letter's outcome: a table for people, ``figures`` for the results file, ``remarks`` under the table."""

    letter: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Mapping[str, Any]
    remarks: Sequence[str] = field(default=())


def notebook_of(folder: Path) -> Path:
    """The only notebook of a member of the class."""
    [found] = folder.glob("*.ipynb")
    return found
