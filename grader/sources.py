"""What marking reads beside the evidence: worlds, rubrics, calibrations; each is kept in this process for as long as
the files it is made of stay as they are."""

import statistics
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from grader import resources, rubric, tasks
from grader.report.figures import ReferenceCurve
from grader.rubric.stand_ins import FILE, load_stand_ins
from grader.settings import Settings
from grader.tasks import data, worlds
from grader.tasks.model import World
from grader.types import TaskId

UNMEASURED_S = 60.0  # expected of a task whose calibration has no times


def world_for(task: TaskId, settings: Settings) -> World:
    """The task's world under these settings. The last one is kept, as it holds all its images: whoever marks many
    files does so task by task."""
    return _world(
        _Wanted(
            task,
            settings.key,
            settings.data_dir,
            settings.cache_dir or data.cache_dir(),
            rubric_for(task, settings).budget.training_items,
            worlds.sources(task, settings.data_dir),
        )
    )


def intact_world(task: TaskId, settings: Settings) -> World:
    """The same for a run, which copies its files: they are looked at, and made anew if they are damaged."""
    found = world_for(task, settings)
    if worlds.is_intact(found):
        return found
    _world.cache_clear()
    return world_for(task, settings)


@dataclass(frozen=True)
class _Wanted:
    """A world by all that it depends on."""

    task: TaskId
    key: str
    data_dir: Path | None
    cache_dir: Path
    train_limit: int | None
    sources: tuple[str, ...]


@lru_cache(maxsize=1)
def _world(wanted: _Wanted) -> World:
    return tasks.build_world(
        wanted.task,
        key=wanted.key,
        data_dir=wanted.data_dir,
        cache_dir=wanted.cache_dir,
        train_limit=wanted.train_limit,
    )


def rubric_for(task: TaskId, settings: Settings) -> rubric.Rubric:
    """The rubric to mark by. Raises ``RubricError``."""
    folder = settings.rubrics_dir or resources.rubrics_dir()
    return _rubric(task, folder, _state(folder / f"{task}.yaml"))


@lru_cache(maxsize=len(TaskId))
def _rubric(task: TaskId, folder: Path, _: Hashable) -> rubric.Rubric:
    return rubric.load_rubric(task, folder)


def stand_ins_for(settings: Settings) -> Mapping[str, str]:
    """Calls that get a cheap answer, as listed beside the rubrics. Raises ``RubricError``."""
    folder = settings.rubrics_dir or resources.rubrics_dir()
    return _stand_ins(folder, _state(folder / FILE))


@lru_cache(maxsize=1)
def _stand_ins(folder: Path, _: Hashable) -> Mapping[str, str]:
    return load_stand_ins(folder)


def calibration_for(task: TaskId, *, stand_in: bool) -> rubric.Calibration:
    """What the reference solution reaches, on real digits or on stand-ins. Raises ``RubricError``."""
    folder = resources.rubrics_dir() / "calibration"
    state = _state(rubric.calibration_path(task, stand_in=stand_in, folder=folder))
    return _calibration(task, folder, state, stand_in=stand_in)


@lru_cache(maxsize=2 * len(TaskId))
def _calibration(task: TaskId, folder: Path, _: Hashable, *, stand_in: bool) -> rubric.Calibration:
    return rubric.load_calibration(task, stand_in=stand_in, folder=folder)


def expected_seconds(task: TaskId, *, stand_in: bool) -> float:
    """What a run of this task usually takes: the median of the reference solution's runs."""
    times = calibration_for(task, stand_in=stand_in).times
    return statistics.median(times) if times else UNMEASURED_S


def reference_curves() -> Mapping[TaskId, ReferenceCurve]:
    """Validation losses of the reference solutions in multiples of the naive baseline's, where measured."""
    curves = {}
    for task in TaskId:
        first = calibration_for(task, stand_in=False).first
        if first is not None and first.band.valid:
            curves[task] = ReferenceCurve(points=first.band.valid)
    return curves


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
