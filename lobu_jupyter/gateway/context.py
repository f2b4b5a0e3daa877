"""The context of every rule: store, clock, settings, hub, and the ports to the Jupyter side."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobu_jupyter.store.engine import SHARED_SILENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.gateway.journal.chunks import Chunks
    from lobu_jupyter.gateway.journal.hub import Hub
    from lobu_jupyter.gateway.journal.slices import Slices
    from lobu_jupyter.gateway.journal.snapshots import Snapshots
    from lobu_jupyter.gateway.journal.tail import Tails
    from lobu_jupyter.model.clock import Clock
    from lobu_jupyter.model.ports import KernelsPort, OwnersPort, WorkersPort
    from lobu_jupyter.store.database import Database
    from lobu_jupyter.store.tx import Tx

    from .observer import Observer
    from .settings import Settings


__all__ = ["SHARED_SILENCE", "Context", "StoreClock"]


class StoreClock:
    """The clock of the store, because leases that one machine wrote are judged by another."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> float:
        return time.time() + self._database.engine.clock_offset


@dataclass(slots=True)
class Context:
    """One gateway's parts. ``server_id`` names this server process in the store."""

    database: Database
    clock: Clock
    settings: Settings
    hub: Hub
    slices: Slices
    tails: Tails
    chunks: Chunks
    snapshots: Snapshots
    server_id: str
    kernels: KernelsPort | None
    workers: WorkersPort | None
    observer: Observer
    owners: OwnersPort | None = None  # None: all kernels and notebooks are open to everybody
    on_webhook_event: Callable[[], None] = lambda: None  # an event for a webhook is in the outbox
    next_retention: float = 0.0  # when the sweeper next looks for threads to delete

    def now(self) -> float:
        """Return the seconds since the epoch, in whole milliseconds as on the wire."""
        return round(self.clock.now(), 3)

    def pool_of(self, owner: str) -> str:
        """Return the pool for what this person begins here. A hub's service has none: each person's servers are one."""
        return self.settings.pool or owner

    def owns_kernel(self, kernel_id: str | None) -> bool:
        """Return whether the kernel runs under this server. Call it on the event loop only."""
        return bool(kernel_id and self.kernels and self.kernels.connection(kernel_id) is not None)

    def call_worker(self, tx: Tx) -> None:
        """Ask for a worker once the transaction is committed."""
        if self.workers is not None:
            tx.after(self.workers.wake)
