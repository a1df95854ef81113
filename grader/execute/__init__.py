"""Stage: drives one submission in one sandbox, from outside, and brings back its evidence."""

from grader.execute.run import run

__all__ = ["run"]
