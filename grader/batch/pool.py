"""Worker processes of this machine, as a ``concurrent.futures.Executor``, and the line on which they say what runs."""

import atexit
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.util import get_temp_dir
from pathlib import Path

from grader.batch import worker
from grader.limits import THREAD_COUNTS
from grader.sandbox.reaper import reaper

FORKS = "forkserver" in multiprocessing.get_all_start_methods()
Started = Callable[[int], None]  # called with the number of a job


@contextmanager
def pool(workers: int, started: Started | None = None) -> Iterator[Executor]:
    """So many processes, forked from a small server that has imported what they share; a fork of this process would
    copy its threads and locks. To be entered, and used first, in :func:`away`.

    ``started`` is called in a thread of its own. However the context is left, running jobs have ended by then.
    """
    context = _context()
    reader, writer = context.Pipe(duplex=False)
    listener = threading.Thread(target=_listen, args=(reader, started), daemon=True)
    line = None if started is None else writer
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=worker.start, initargs=(line,))
    listener.start()
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        writer.close()
        listener.join()
        reader.close()


def warm_up() -> None:
    """Start the server that workers are forked from, which imports for seconds while this process reads submissions."""
    if FORKS:
        from multiprocessing import forkserver

        with away():
            _context()
            forkserver.ensure_running()


def _context() -> BaseContext:
    if not FORKS:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["grader.batch.preloaded"])
    _note_socket()
    return context


def _listen(reader: "Connection[bytes, bytes]", started: Started | None) -> None:
    """Pass on what workers say, until none of them is left and this process has closed its own end."""
    while True:
        try:
            number = int(reader.recv_bytes(maxlength=20))
        except (EOFError, OSError, ValueError):
            return
        if started is not None:
            started(number)


@lru_cache(maxsize=1)
def _note_socket() -> None:
    """Have the folder of the server's socket deleted if this process is killed; else multiprocessing does so itself."""
    atexit.register(reaper().done, reaper().note(folder=Path(get_temp_dir())))


@contextmanager
def away() -> Iterator[None]:
    """Where Python's helper processes may start: in a folder where nobody else can put files, as they are started with
    ``python -c``, which looks for modules in the current folder first, and that may be a submission; and with one
    thread each for sums and products, whatever the variables said: workers with more wait for each other, and a single
    one is not quicker with two."""
    here, before = Path.cwd(), {name: os.environ.get(name) for name in THREAD_COUNTS}
    os.chdir(Path(sys.executable).anchor)
    os.environ.update(dict.fromkeys(THREAD_COUNTS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        os.chdir(here)


def interrupt_workers() -> None:
    """Pass an interrupt on to every process of the pools."""
    for child in multiprocessing.active_children():
        if os.name == "nt" or child.pid is None:
            child.terminate()
            continue
        try:
            os.kill(child.pid, signal.SIGINT)
        except ProcessLookupError:
            continue
