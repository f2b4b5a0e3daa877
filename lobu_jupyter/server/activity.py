"""Running runs as activity: while one runs, no culler stops its kernel or this server.

A run that waits for a person is not activity. Nor are the requests of workers and readers.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lobu_jupyter.server.kernels.kernels import Kernels

    from .worker_pool import Pool

INTERVAL_SECONDS = 1.0
QUIET_SECONDS = 3.0  # the same while no run and no worker is there: cullers count in more than that


class Activity:
    """A poll of the running runs, once a second while one runs. ``running`` returns the kernel id (or None) of each."""

    def __init__(
        self,
        *,
        running: Callable[[], Awaitable[list[str | None]]],
        held: Callable[[], Awaitable[int]],
        kernels: Kernels,
        pool: Pool,
        idle_seconds: float,
        last_activity_times: dict[str, Any],
    ) -> None:
        self._running = running
        self._held = held
        self._kernels = kernels
        self._pool = pool
        self._idle_seconds = idle_seconds
        self._times = last_activity_times
        self._last = time.monotonic()
        self.runs = 0

    async def watch(self) -> None:
        """Poll for ever."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_SECONDS if self.runs or self._pool.count else QUIET_SECONDS)

    async def look(self) -> None:
        """Mark the kernels of running runs as active. Stop workers that have been idle for long enough.

        A worker that holds a question in its memory is kept.
        """
        kernels = await self._running()
        self.runs = len(kernels)
        if kernels:
            self._last = time.monotonic()
            now = datetime.now(UTC)
            self._times["lobu"] = now
            for kernel_id in filter(None, kernels):
                self._kernels.touch(kernel_id, now)
        elif (
            self._pool.count and time.monotonic() - self._last > self._idle_seconds and not await self._held()
        ):
            await self._pool.reap()
