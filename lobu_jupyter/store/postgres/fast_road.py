"""The fast road of batches: those that wait together are judged, counted and journaled by one statement.

It has a connection of its own, because a start or an end takes some twenty statements and would hold batches up. It takes
the leases and nothing else, so it cannot block a body that holds a lease and waits for more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from lobu_jupyter.model.errors import StoreUnavailable

from .connection import execute
from .scripts import queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.store.engine import HotBatch
    from lobu_jupyter.store.tx import Row

    from .connection import PostgresSession

log = logging.getLogger(__name__)

MAX_GROUP = 128


@dataclass(slots=True)
class _RoadJob:
    batch: HotBatch
    after: Callable[[Row], None]
    done: asyncio.Future[Row | None]


class FastRoad:
    """The batches that wait for the next statement, and the task that executes it."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session
        self._query = queries(session.address.schema)["append_batches"]
        self._jobs: deque[_RoadJob] = deque()
        self._bell = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="lobu store fast road")

    @property
    def session(self) -> PostgresSession:
        return self._session

    async def take(self, batch: HotBatch, after: Callable[[Row], None]) -> Row | None:
        """Journal a batch and return its lease's row, or None if the ordinary road must judge it.

        ``after`` is called on the event loop once the batch is durable, also if the caller was cancelled.
        """
        job = _RoadJob(batch, after, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._bell.set()
        return await job.done

    async def close(self) -> None:
        """End the task and the connection. Batches that wait are left to their senders."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for job in self._jobs:
            job.done.cancel()
        await self._session.close()

    async def _run(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self._jobs:
                group = self._next_group()
                rows = await asyncio.shield(self._session.call(self._append, [job.batch for job in group]))
                for job in group:
                    row = rows.get(job.batch.run_id)
                    if row is not None:
                        job.after(row)
                    if not job.done.done():  # else its caller was cancelled
                        job.done.set_result(row)

    def _next_group(self) -> list[_RoadJob]:
        """Return the jobs of the next statement: at most one of each run."""
        group: dict[str, _RoadJob] = {}
        later: list[_RoadJob] = []
        while self._jobs and len(group) < MAX_GROUP:
            job = self._jobs.popleft()
            if job.batch.run_id in group:
                later.append(job)
            else:
                group[job.batch.run_id] = job
        self._jobs.extendleft(reversed(later))
        return list(group.values())

    def _append(self, batches: list[HotBatch]) -> dict[str, Row]:
        """Execute the statement in the connection's thread.

        If that fails, nothing counts as taken: the ordinary road judges each batch, and knows one that was.
        """
        params = {
            "run_ids": [b.run_id for b in batches],
            "batches": [b.batch for b in batches],
            "worker_ids": [b.worker_id for b in batches],
            "incarnations": [b.incarnation for b in batches],
            "chunks": [b.chunk for b in batches],
            "counts": [len(b.bodies) for b in batches],
            "bodies": [b"\x1e".join(b.bodies) for b in batches],
        }
        try:
            self._session.spent += 1
            rows = execute(self._session.connection(), self._query, params).fetchall()
        except (psycopg.Error, StoreUnavailable) as error:
            log.debug("%d batches take the ordinary road: %s", len(batches), error)
            return {}
        return {row["run_id"]: row for row in rows}
