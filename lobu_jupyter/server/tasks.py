"""Background tasks with an owner. None is forgotten, and each failure is logged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from logging import Logger


class Tasks:
    """Tasks that end with their owner."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` and log its failure."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self, patience: float = 0.0) -> None:
        """Give the tasks `patience` seconds to end, then cancel them and wait."""
        if self._tasks and patience > 0:
            await asyncio.wait(set(self._tasks), timeout=patience)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=5)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("lobu: %s failed", task.get_name(), exc_info=error)
