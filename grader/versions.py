"""Versions of installed packages."""

from functools import lru_cache
from importlib import metadata


@lru_cache(maxsize=32)
def installed_version(package: str) -> str:
    """Without what a build adds (``2.14.1+cpu`` is 2.14.1); ``unknown`` if it is not installed."""
    try:
        return metadata.version(package).split("+")[0]
    except metadata.PackageNotFoundError:
        return "unknown"
