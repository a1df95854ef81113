"""Loads the list of calls that get a cheap answer instead of being made, and refuses what is none."""

import re
from collections.abc import Mapping
from pathlib import Path

from grader.rubric.document import quoted, read_yaml

FILE = "stand-ins.yaml"
KINDS = ("projection", "figure", "close", "nothing", "log", "items")
WITHOUT_PACKAGE = ("nothing", "log", "items")  # kinds of answers that need nothing of the call's own package
MOST = 200
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){1,7}", re.ASCII)


def load_stand_ins(folder: Path) -> Mapping[str, str]:
    """The kind of answer by the full name of a call, from ``stand-ins.yaml`` in ``folder``; none without that file.

    RubricError: not a mapping, a name or a kind that cannot be; the text names file, key and line.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        raise document.error((), "this file maps names of calls to kinds of answers.")
    if len(document.value) > MOST:
        raise document.error((), f"at most {MOST} calls can be stood in for.")
    for name, kind in document.value.items():
        if NAME.fullmatch(name) is None or len(name) > 200:
            raise document.error((name,), "a call is named in full, such as seaborn.pairplot.")
        if kind not in KINDS:
            raise document.error(
                (name,), f"there is no answer {quoted(str(kind))!r}; the kinds are {', '.join(KINDS)}."
            )
    return dict(document.value)


def without_package(stand_ins: Mapping[str, str]) -> Mapping[str, str]:
    """Those of ``stand_ins`` that also answer where the package of the call is not installed."""
    return {name: kind for name, kind in stand_ins.items() if kind in WITHOUT_PACKAGE}
