"""Stage: the four tasks, their data worlds and their metrics."""

from grader.tasks.keys import DEFAULT_KEY
from grader.tasks.specs import TASKS, get
from grader.tasks.worlds import build_world

__all__ = ["DEFAULT_KEY", "TASKS", "build_world", "get"]
