"""A batch of jobs that each leave a file and take minutes; a test interrupts it. Usage: interrupted_batch.py FOLDER."""

import sys
import time
import uuid
from pathlib import Path

from grader.batch import Job, run_jobs


def leave_a_file(folder: str) -> None:
    """The job."""
    (Path(folder) / uuid.uuid4().hex).touch()
    time.sleep(300)


def main(folder: str) -> int:
    """130 after Ctrl-C."""
    try:
        list(run_jobs([Job(number, leave_a_file, folder) for number in range(8)], workers=2))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
