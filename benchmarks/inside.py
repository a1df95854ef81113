"""Calls stages of the grader in this process, where no command shows what a benchmark has to know."""

from pathlib import Path

from benchmarks.bench import Bench
from grader import intake, pipeline
from grader.evidence import store as evidence_store
from grader.evidence.model import EvidenceDocument
from grader.pipeline import Settings, Work
from grader.sandbox.choose import choose
from grader.tasks.model import World
from grader.types import Device, Isolation, TaskId


def settings(bench: Bench, store: Path | None = None, *, full: bool = False) -> Settings:
    """Those of ``grader batch`` as the benchmarks call it."""
    isolation = Isolation(bench.isolation)
    return Settings(isolation=isolation, device=Device.CPU, data_dir=bench.data_dir, store=store, full=full)


def works(students: Path, chosen: Settings) -> list[Work]:
    """Every file of every student."""
    found = intake.read_path(students, many=True)
    return [Work(submission.student, file, chosen) for submission in found for file in submission.files]


def world(bench: Bench, task: TaskId) -> World:
    """The world of a run with nothing left out."""
    return pipeline.world_for(task, settings(bench, full=True))


def key(work: Work) -> str:
    """The key under which a run of this file is kept."""
    seen = pipeline.world_for(work.file.task, work.settings)
    return pipeline._key(work, seen, choose(work.settings.isolation)[0].name)  # noqa: SLF001  as the pipeline does


def documents(store: Path) -> list[EvidenceDocument]:
    """Every run of a store."""
    return [evidence_store.load(path.parent).document for path in store.glob(f"*/*/{evidence_store.DOCUMENT}")]
