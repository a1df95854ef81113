"""Which device a run gets; told without importing torch, which takes seconds."""

import platform
import sys
from pathlib import Path

from grader.errors import EnvironmentProblem
from grader.types import Device


def has_cuda() -> bool:
    """Whether an NVIDIA driver is loaded here."""
    return Path("/dev/nvidiactl").exists() or Path("/proc/driver/nvidia/version").exists()


def has_mps() -> bool:
    """Whether this is a Mac with Apple's own processor."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def resolve(device: Device) -> Device:
    """The device to use; ``auto`` is the best there is. Raises ``EnvironmentProblem`` if ``device`` cannot be had."""
    there = {Device.CUDA: has_cuda(), Device.MPS: has_mps(), Device.CPU: True}
    if device is Device.AUTO:
        return next(found for found, is_there in there.items() if is_there)
    if not there[device]:
        raise EnvironmentProblem(f"No {device} device was found on this machine; leave --device out, or give cpu.")
    return device
