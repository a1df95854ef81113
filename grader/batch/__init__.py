"""Stage: many jobs over a ``concurrent.futures.Executor``."""

from grader.batch.job import Job
from grader.batch.jobs import run_jobs

__all__ = ["Job", "run_jobs"]
