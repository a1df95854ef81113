"""Stage: many jobs over a ``concurrent.futures.Executor``."""

from grader.batch.jobs import Job, run_jobs

__all__ = ["Job", "run_jobs"]
