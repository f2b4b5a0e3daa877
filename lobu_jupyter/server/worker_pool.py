"""The worker pool: child processes that execute runs, started on demand, replaced when they crash.

A child gets one JSON line on its stdin, which then stays open. When this server ends, however it ends,
the pipe breaks and the child exits. Model keys go over that line only.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from logging import Logger

    from lobu_jupyter.gateway.parts import WorkersPart

OWN_WORKER = [sys.executable, "-P", "-m", "lobu_jupyter.worker"]  # -P: agents write files where it starts
STOP_SECONDS = 3.0
TAIL_LINES = 20
LINE_LIMIT = 1024 * 1024


class Child:
    """One worker process, from its start to its exit."""

    def __init__(self, ticket: str, process: asyncio.subprocess.Process) -> None:
        self.ticket = ticket
        self.process = process
        self.worker_id: str | None = None
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.stopping = False
        self.ready = asyncio.Event()

    def registered(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self.ready.set()


class Pool:
    """A ``WorkersPort`` with up to ``size`` children while there is work."""

    def __init__(
        self,
        *,
        size: int,
        start_seconds: float,
        greeting: Callable[[], dict[str, Any]],
        environment: Callable[[], dict[str, str]],
        gateway_workers: Callable[[], WorkersPart],
        log: Logger,
        command: Sequence[str],
    ) -> None:
        self._size = size
        self._start_seconds = start_seconds
        self._greeting = greeting
        self._environment = environment
        self._workers = gateway_workers
        self._log = log
        self._command = command
        self._children: set[Child] = set()
        self._starting = 0
        self._closing = False
        self._tasks = Tasks(log)

    # -- for other parts ----------------------------------------------------------------------------

    def wake(self) -> None:
        """WorkersPort: start a worker for a waiting run, if there is room for one."""
        alive = sum(not child.stopping for child in self._children)
        if not self._closing and alive + self._starting < self._size:
            self._starting += 1
            self._tasks.start(self._live(), "worker")

    def warm(self) -> None:
        """Start a worker ahead of the first run, unless one is there or on its way."""
        if self.count + self._starting == 0:
            self.wake()

    def has_ticket(self, ticket: str) -> bool:
        return self._child_of(ticket) is not None

    def redeem(self, ticket: str) -> Child | None:
        """Return the child that was started with this ticket, which is good once."""
        child = self._child_of(ticket)
        if child is not None:
            child.ticket = ""
        return child

    def tell(self, settings: dict[str, Any]) -> None:
        """Give the living children other settings, over their stdin. New ones get them with their greeting."""
        line = json.dumps({"settings": settings}).encode() + b"\n"
        for child in self._children:
            stdin = child.process.stdin
            if stdin is not None and not stdin.is_closing():
                stdin.write(line)

    @property
    def count(self) -> int:
        """The number of living children that are not being stopped."""
        return sum(not child.stopping for child in self._children)

    async def reap(self) -> None:
        """Ask the children to end after a long idle time. One that has work by then ends after it."""
        for child in list(self._children):
            if child.worker_id is not None and not child.stopping:
                child.stopping = True
                await self._workers().stop(child.worker_id)

    async def close(self) -> None:
        """Stop all children. The gateway, which closes next, ends their runs."""
        self._closing = True
        await asyncio.gather(*(self._stop(child) for child in list(self._children)))
        await self._tasks.close(patience=STOP_SECONDS)

    # -- one child's life -----------------------------------------------------------------------------

    async def _live(self) -> None:
        """Start a child and supervise it until it has exited."""
        try:
            child = await self._spawn()
        except OSError as error:
            await self._workers().none_starts(f"The worker process cannot be started: {error}")
            return
        finally:
            self._starting -= 1
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._drain(child, child.process.stdout))
                group.create_task(self._drain(child, child.process.stderr))
                watchdog = group.create_task(self._watch_start(child))
                await child.process.wait()
                watchdog.cancel()
        finally:
            self._children.discard(child)
            await self._kill(child)
        await self._gone(child)

    async def _spawn(self) -> Child:
        ticket = secrets.token_urlsafe(32)
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
            limit=LINE_LIMIT,
        )
        child = Child(ticket, process)
        self._children.add(child)
        assert process.stdin is not None
        process.stdin.write(json.dumps({**self._greeting(), "ticket": ticket}).encode() + b"\n")
        with suppress(ConnectionError):  # it has exited already: its exit is reported
            await process.stdin.drain()
        self._log.info("lobu: started worker process %d", process.pid)
        return child

    async def _watch_start(self, child: Child) -> None:
        """Kill a child that does not register in time, because its runs must not wait for ever."""
        try:
            async with asyncio.timeout(self._start_seconds):
                await child.ready.wait()
        except TimeoutError:
            child.tail.append(f"it did not register within {self._start_seconds:g} s")
            await self._kill(child)

    async def _drain(self, child: Child, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # a line over LINE_LIMIT: readline dropped it
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            child.tail.append(text)
            self._log.info("lobu worker %d: %s", child.process.pid, text)

    async def _gone(self, child: Child) -> None:
        code = child.process.returncode
        if self._closing:
            return
        if child.worker_id is not None:
            await self._workers().gone(child.worker_id, exit_code=code)
        elif not child.stopping:
            tail = "\n".join(child.tail) or "It said nothing."
            await self._workers().none_starts(f"The worker process did not start (exit code {code}). {tail}")

    async def _stop(self, child: Child) -> None:
        """Stop a child by closing its stdin, then by a signal. A worker holds nothing that could be lost."""
        child.stopping = True
        if child.process.stdin is not None:
            child.process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await child.process.wait()
        except TimeoutError:
            await self._kill(child)

    async def _kill(self, child: Child) -> None:
        if child.process.returncode is None:
            with suppress(ProcessLookupError):
                child.process.kill()
            await child.process.wait()

    def _child_of(self, ticket: str) -> Child | None:
        return next(
            (c for c in self._children if c.ticket and secrets.compare_digest(c.ticket, ticket)), None
        )
