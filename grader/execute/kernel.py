"""Drives one kernel through nbclient: cells with limits, the probe's steps, and everything that can go wrong."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.session import Session
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionComplete, DeadKernelError
from nbformat import NotebookNode

from grader.evidence.model import CellError
from grader.execute.outcome import Outcome
from grader.execute.sockets import Sockets
from grader.execute.text import cell_error
from grader.limits import MAX_MESSAGE
from grader.sandbox.protocol import RunningJob
from grader.types import CellStatus

# `exit` and `quit` end a notebook's kernel a moment later; in a run that is marked the other cells still count.
STAY = "(lambda shell: setattr(shell, 'ask_exit', lambda: None))(__import__('IPython').get_ipython())"
START_S = 180.0  # a cold disk and a busy machine: importing torch and ipykernel takes seconds, not minutes
INTERRUPT_S = 4.0  # time to answer after each of two interrupts
QUEUED_MESSAGES = 500
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")  # stopping the client connects those it did not need
CUT_S = 1.0  # a dying process cuts the connection too; by then it is seen to be dead
ENDED = "The Python process ended while this cell ran."
NO_ANSWER = "While this cell ran, the Python process sent what is no message of Jupyter."
EMPTY: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}
CODE_CELL: dict[str, Any] = {"cell_type": "code", "execution_count": None, "id": "cell", "metadata": {}, "outputs": []}


@dataclass
class Meter:
    """Counts what the kernel sends; ``full`` is set once it is more than ``limit`` bytes since :meth:`restart`."""

    limit: int
    total: int = 0
    shown: bool = False  # whether the present cell showed anything
    full: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: bool = False  # a single message was too long, and was not taken in
    _before: int = 0

    def add(self, size: int) -> None:
        """Count one message."""
        self.total += size
        if self.total - self._before > self.limit:
            self.full.set()

    def restart(self) -> None:
        """Allow ``limit`` bytes again, for a step that must be possible after a flood."""
        self._before = self.total
        self.full.clear()


class MeteredSession(Session):
    """Counts every byte that comes in, whichever cell or thread it belongs to and however it is nested."""

    meter: Meter

    def deserialize(self, msg_list: list[Any], *options: Any, **named: Any) -> dict[str, Any]:
        """Count a message and unpack it."""
        self.meter.add(sum(len(part) for part in msg_list))
        return super().deserialize(msg_list, *options, **named)


class JobClient(AsyncKernelClient):
    """A kernel client that asks the sandbox whether the kernel lives, and refuses messages without bound."""

    job: RunningJob
    sockets: Sockets

    def _make_url(self, channel: str) -> str:
        return self.sockets.url(channel) or str(super()._make_url(channel))

    async def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.job.alive()

    _async_is_alive = is_alive


class QuietNotebook(NotebookClient):
    """nbclient's way of running a cell, with outputs thrown away instead of kept in memory."""

    meter: Meter

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> None:  # noqa: ARG002  nbclient's
        """Note whether the cell shows anything; raise ``CellExecutionComplete`` when the kernel is idle again."""
        kind = msg["msg_type"]
        if kind == "status":
            if msg["content"].get("execution_state") == "idle":
                raise CellExecutionComplete
            return
        if kind in ("stream", "display_data", "execute_result"):
            self.meter.shown = True


class Kernel:
    """One running kernel. After :meth:`kill` or an outcome with ``dead`` nothing more can be run."""

    def __init__(self, job: RunningJob, connection: dict[str, Any], *, output_bytes: int) -> None:
        self._job = job
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
        context.setsockopt(zmq.RCVHWM, QUEUED_MESSAGES)
        context.setsockopt(zmq.LINGER, 0)
        self._context = context
        self.meter = Meter(output_bytes)
        session = MeteredSession()
        session.meter = self.meter
        self._client = JobClient(context=context, session=session)
        self._client.job = job
        self._client.load_connection_info(connection)  # type: ignore[arg-type]
        self._client.allow_stdin = False
        unix = connection.get("transport") == "ipc"
        paths = {name: Path(f"{connection['ip']}-{connection[f'{name}_port']}") for name in CHANNELS} if unix else {}
        self._client.sockets = Sockets(paths)
        self._notebook = QuietNotebook(_node({**EMPTY, "cells": []}), allow_errors=True, timeout=None)
        self._notebook.meter = self.meter
        self._notebook.kc = self._client
        self._notebook.on_cell_executed = self._take_reply
        self._reply: dict[str, Any] = {}
        self._guard: asyncio.Future[None] | None = None

    async def ready(self) -> bool:
        """Wait until the kernel answers; False if it died or never did."""
        if not await self._client.sockets.appear(self._job.alive, seconds=START_S):
            return False
        self._client.start_channels(hb=False, stdin=False)
        try:
            await self._client.wait_for_ready(timeout=START_S)
        except (RuntimeError, ValueError):
            return False
        self._guard = asyncio.ensure_future(self._watch_connection())
        return (await self.silent(STAY, seconds=START_S)).status is CellStatus.OK

    async def _watch_connection(self) -> None:
        """Take a cut connection of a living kernel for what cuts it: a message that is too long."""
        monitor = self._client.iopub_channel.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        await monitor.recv_multipart()
        await asyncio.sleep(CUT_S)
        if self._job.alive():
            self.meter.at_once = True
            self.meter.full.set()

    def close(self) -> None:
        """Close the sockets."""
        if self._guard is not None:
            self._guard.cancel()
        self._client.stop_channels()
        self._context.destroy(linger=0)
        self._client.sockets.close()

    async def cell(self, source: str, *, seconds: float) -> Outcome:
        """Run one cell, which is not blank, as Jupyter does. Errors of the code are part of the outcome."""
        sendable = source.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent
        cell = _node({**CODE_CELL, "metadata": _node({}), "source": sendable})
        self._notebook.nb["cells"] = [cell]
        self._reply = {}
        self.meter.shown = False
        return await self._bounded(self._notebook.async_execute_cell(cell, 0), seconds=seconds)

    async def silent(self, code: str, *, seconds: float) -> Outcome:
        """Run code outside the student's history and cells."""
        self._reply = {}
        self.meter.shown = False
        return await self._bounded(self._ask(code), seconds=seconds)

    async def _ask(self, code: str) -> None:
        drain = asyncio.ensure_future(self._drain())
        try:
            await self._await_reply(code)
        finally:
            drain.cancel()
            await asyncio.wait({drain})
            _failed(drain)

    async def _drain(self) -> None:
        """Take what threads of the student's code show meanwhile, else it would pile up in memory uncounted."""
        while True:
            try:
                await self._client.get_iopub_msg(timeout=1.0)
            except Empty:
                continue

    async def _await_reply(self, code: str) -> None:
        number = self._client.execute(code, silent=True, store_history=False, allow_stdin=False)
        while True:
            try:
                message = await self._client.get_shell_msg(timeout=1.0)
            except Empty:
                if not self._job.alive():
                    raise DeadKernelError("Kernel died") from None
                continue
            if message["parent_header"].get("msg_id") == number:
                self._reply = message
                return

    def _take_reply(self, *, execute_reply: dict[str, Any], **_: object) -> None:
        self._reply = execute_reply

    async def _bounded(self, work: Awaitable[Any], *, seconds: float) -> Outcome:
        """Wait for ``work``; interrupt it when its time is over or it floods the output."""
        start = time.monotonic()
        task = asyncio.ensure_future(work)
        flood = asyncio.ensure_future(self.meter.full.wait())
        try:
            await asyncio.wait({task, flood}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            late = not task.done()
            flooded = self.meter.full.is_set()
            if late:
                await self._interrupt(task)
            dead = not task.done() or _failed(task) or not self._job.alive()
        finally:
            flood.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=2)
            _failed(task)
        return self._outcome(time.monotonic() - start, late=late, flooded=flooded, dead=dead)

    async def _interrupt(self, task: "asyncio.Future[Any]") -> None:
        for _ in range(2):
            self._job.interrupt()
            await asyncio.wait({task}, timeout=INTERRUPT_S)
            if task.done():
                return

    def _outcome(self, wall: float, *, late: bool, flooded: bool, dead: bool) -> Outcome:
        content = self._reply.get("content")
        status, error = CellStatus.ERROR, None
        if flooded:
            error = CellError(name="OutputLimit", message="The run showed more output than it may.")
        elif late and self._job.limit_hit() is None:
            status = CellStatus.TIMEOUT
        elif dead or not isinstance(content, dict):
            facts = self._job.limit_hit()
            message = (ENDED if not self._job.alive() else NO_ANSWER) if facts is None else facts.sentence
            error = CellError(name="DeadKernel", message=message)
        elif content.get("status") == "ok":
            status = CellStatus.OK
        else:
            error = cell_error(content)
        return Outcome(status, error, wall_s=round(wall, 3), has_output=self.meter.shown, dead=dead)


def _node(content: dict[str, Any]) -> NotebookNode:
    return NotebookNode(content)  # type: ignore[no-untyped-call]


def _failed(task: "asyncio.Future[Any]") -> bool:
    """Whether driving the kernel failed (it died, or what it sent was no Jupyter message)."""
    if not task.done() or task.cancelled():
        return True
    problem = task.exception()
    return problem is not None and not isinstance(problem, CellControlSignal)
