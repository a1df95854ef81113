"""Says where a calibration was measured with other data or other versions than those in use."""

from grader.rubric import Calibration, Made
from grader.tasks.fingerprint import fingerprint
from grader.tasks.model import World
from grader.versions import installed_version

PACKAGES = ("torch", "torchvision")
PARTS = 2  # of a version: a later patch level does not count as another version


def misfit(calibration: Calibration, world: World) -> str:
    """One sentence, with the command that renews the figures of the reference solution; empty if they fit, or if it is
    not known what they were measured with."""
    made = calibration.first.made if calibration.first is not None else None
    if made is None:
        return ""
    reasons = [*_data(made, world), *_versions(made)]
    if not reasons:
        return ""
    return (
        f"The level for full marks in {world.task} was measured with {' and '.join(reasons)}, so it may be a little "
        f"off. To measure it here: grader calibrate --task {world.task}"
    )


def _data(made: Made, world: World) -> list[str]:
    return [] if made.data == fingerprint(world) else ["other data than are in use"]


def _versions(made: Made) -> list[str]:
    found = {"torch": made.torch, "torchvision": made.torchvision}
    here = {name: installed_version(name) for name in PACKAGES}
    return [
        f"{name} {found[name]} (here {here[name]})"
        for name in PACKAGES
        if found[name].split(".")[:PARTS] != here[name].split(".")[:PARTS]
    ]
