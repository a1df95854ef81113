"""How submissions are run and marked: what the caller decides, the same for every file."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from grader import devices
from grader.limits import RunLimits
from grader.tasks import DEFAULT_KEY, data
from grader.types import Device, Isolation


@dataclass(frozen=True)
class Settings:
    """``key`` cuts the held-out data; ``rubrics_dir``: other rubrics than ours; ``store``: a folder in which runs are
    kept, and looked up before a file is run again, unless ``fresh``. ``private``: further folders that no submission
    may see. ``full``: nothing is cut short, nothing stood in for; ``calibrating``: nothing but the rubric's ``work``
    cuts a training short. ``forks``: the address of a fork server, see ``pipeline.warmed``. ``repeat``: so many runs
    with seeds from ``seed`` on, of which the median is marked; ``borderline``: only of files whose first run cannot
    tell whether full marks are reached."""

    isolation: Isolation = Isolation.AUTO
    device: Device = Device.AUTO
    seed: int = 0
    key: str = DEFAULT_KEY
    data_dir: Path | None = None
    cache_dir: Path | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    rubrics_dir: Path | None = None
    store: Path | None = None
    fresh: bool = False
    private: tuple[Path, ...] = ()
    full: bool = False
    calibrating: bool = False
    forks: str | None = None
    repeat: int = 1
    borderline: bool = False


def settled(settings: Settings) -> Settings:
    """The same for any process of this machine: workers run in another folder, so that paths must be absolute.

    Raises ``EnvironmentProblem`` if the device cannot be had.
    """
    named = settings.data_dir
    if named is None and not data.default_data_dir().is_absolute():
        named = data.default_data_dir()
    return replace(
        settings,
        device=devices.resolve(settings.device),
        data_dir=_absolute(named),
        cache_dir=_absolute(settings.cache_dir),
        rubrics_dir=_absolute(settings.rubrics_dir),
        store=_absolute(settings.store),
        private=tuple(path.absolute() for path in settings.private),
    )


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()
