"""A grader that a test kills: it runs one job that starts further processes, and waits.

Usage: python killed_grader.py BACKEND MARK (BACKEND: bubblewrap, warm or process).
Prints the job's folder once the job's processes run.
"""

import sys
import time

from grader.execute import layout as layouts
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.forks import fork_server
from grader.sandbox.policy import environment
from grader.sandbox.process import LocalProcess
from grader.sandbox.protocol import JobSpec, Sandbox

PROGRAM = """
import subprocess, sys, time
mark = sys.argv[1]
sleep = [sys.executable, "-c", "import time; time.sleep(600)", mark]
subprocess.Popen(sleep, start_new_session=True)
fork_twice = f"import os\\nif os.fork() == 0:\\n    os.setsid()\\n    os.execv({sys.executable!r}, {sleep!r})"
subprocess.Popen([sys.executable, "-c", fork_twice])
subprocess.Popen(sleep, env={}, start_new_session=True)
time.sleep(1)
open("../out/ready", "w").close()
time.sleep(600)
"""


def main(backend: str, mark: str) -> None:
    """Start the job and wait to be killed."""
    server = fork_server(environment({}), ("json",))
    forks = server.__enter__() if backend == "warm" else None
    sandbox: Sandbox = LocalProcess() if backend == "process" else Bubblewrap(forks=forks)
    layout = layouts.make()
    program = layout.work / "program.py"
    program.write_text(PROGRAM)
    argv = [sys.executable, str(sandbox.inside(layout, program)), mark]
    job = sandbox.start(JobSpec(layout=layout, argv=argv, cwd=layout.work))
    assert job.warm == (backend == "warm")
    while not (layout.out / "ready").exists():
        time.sleep(0.05)
    print(layout.base, flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
