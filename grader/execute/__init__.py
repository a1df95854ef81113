"""Stage: drives one submission in one sandbox, from outside, and brings back its evidence."""

from grader.execute.run import environment, run

__all__ = ["environment", "run"]
