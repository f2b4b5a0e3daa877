"""Inline jobs: code that a waiting cell executes because it holds the kernel's main thread.

The state is in memory. Per kernel at most one cell polls and at most one job is out. Only a poll that
waits at that moment gets a job. "Not taken" means that no cell polls.
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
    """The exchange between executors, which offer jobs, and waiting cells, which poll for them."""

    def __init__(self) -> None:
        self._polls: dict[str, asyncio.Future[Job]] = {}
        self._out: dict[str, str] = {}  # kernel -> job that it executes
        self._changed = asyncio.Condition()

    def is_out(self, kernel_id: str) -> bool:
        """Return whether the kernel executes an agent's job now."""
        return kernel_id in self._out

    async def poll(self, kernel_id: str, wait: float, gone: asyncio.Future[None]) -> Job | None:
        """Return the next job for this kernel's waiting cell. None: `wait` is over or the cell is gone.

        A new poll replaces an older one, and means that the previous job has ended.
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
        """Give the job to a polling cell within `wait` seconds. Return whether one took it."""
        if len(job.code) > MAX_CODE:
            raise InvalidField(f"must have at most {MAX_CODE} characters", field="code")
        with suppress(TimeoutError):
            async with asyncio.timeout(wait), self._changed:
                await self._changed.wait_for(lambda: self._polling(kernel_id))
        if not self._polling(kernel_id):
            return False
        self._polls.pop(kernel_id).set_result(job)
        self._out[kernel_id] = job.job_id
        return True

    def done(self, kernel_id: str, job_id: str) -> None:
        """Note that the cell has executed the job. A second call changes nothing."""
        if self._out.get(kernel_id) == job_id:
            del self._out[kernel_id]

    def kernel_gone(self, kernel_id: str) -> None:
        """Drop the poll and the job of a kernel that died or restarted."""
        self._out.pop(kernel_id, None)
        poll = self._polls.pop(kernel_id, None)
        if poll is not None and not poll.done():
            poll.cancel()

    def _polling(self, kernel_id: str) -> bool:
        poll = self._polls.get(kernel_id)
        return poll is not None and not poll.done()
