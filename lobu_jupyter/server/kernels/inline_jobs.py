"""Inline jobs: code that a waiting cell executes because it holds the kernel's main thread.

In memory, per kernel: at most one cell polls, at most one job is out. A job is handed over only to a
poll that waits at that moment; "not taken" means that nobody polls.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from msgspec import Struct

from lobu_jupyter.model.errors import InvalidField

MAX_WAIT = 30.0
MAX_CODE = 2_000_000


class Job(Struct, frozen=True):
    """Code to run on the kernel's main thread under the parent header ``job_id``."""

    job_id: str
    code: str


class Jobs:
    """The exchange between executors, who offer, and waiting cells, who poll."""

    def __init__(self) -> None:
        self._polls: dict[str, asyncio.Future[Job]] = {}
        self._out: dict[str, str] = {}  # kernel -> job that it executes
        self._changed = asyncio.Condition()

    def is_out(self, kernel_id: str) -> bool:
        """Whether the kernel executes an agent's job now."""
        return kernel_id in self._out

    async def poll(self, kernel_id: str, wait: float, gone: asyncio.Future[None]) -> Job | None:
        """The next job for this kernel's waiting cell; None after `wait` seconds or when the cell is gone.

        A new poll takes the place of an older one, and says that the job before it has ended.
        """
        old = self._polls.pop(kernel_id, None)
        if old is not None and not old.done():
            old.cancel()
        self._out.pop(kernel_id, None)
        mine: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._polls[kernel_id] = mine
        async with self._changed:
            self._changed.notify_all()
        try:
            await asyncio.wait({mine, gone}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._polls.get(kernel_id) is mine:
                del self._polls[kernel_id]
        return mine.result() if mine.done() and not mine.cancelled() else None

    async def offer(self, kernel_id: str, job: Job, wait: float) -> bool:
        """Hand the job to a polling cell, waiting at most `wait` seconds for one. True: it was taken."""
        if len(job.code) > MAX_CODE:
            raise InvalidField(f"a job may have {MAX_CODE} characters", field="code")
        with suppress(TimeoutError):
            async with asyncio.timeout(wait), self._changed:
                await self._changed.wait_for(lambda: self._polling(kernel_id))
        if not self._polling(kernel_id):
            return False
        self._polls.pop(kernel_id).set_result(job)
        self._out[kernel_id] = job.job_id
        return True

    def done(self, kernel_id: str, job_id: str) -> None:
        """The cell has executed the job; said twice, it changes nothing."""
        if self._out.get(kernel_id) == job_id:
            del self._out[kernel_id]

    def kernel_gone(self, kernel_id: str) -> None:
        """The kernel died or restarted: it polls no more and executes nothing."""
        self._out.pop(kernel_id, None)
        poll = self._polls.pop(kernel_id, None)
        if poll is not None and not poll.done():
            poll.cancel()

    def _polling(self, kernel_id: str) -> bool:
        poll = self._polls.get(kernel_id)
        return poll is not None and not poll.done()
