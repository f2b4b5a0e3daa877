"""The gateway: the rules of the system behind one class, and its opening and closing.

``by`` is the caller (:mod:`lobu_jupyter.model.callers`). Only a thread's owner sees it.
All methods raise :mod:`lobu_jupyter.model.errors`. A repeated batch, decision or start changes nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lobu_jupyter.gateway.journal.chunks import Chunks
from lobu_jupyter.gateway.journal.hub import Hub
from lobu_jupyter.gateway.journal.slices import Slices
from lobu_jupyter.gateway.journal.snapshots import Snapshots
from lobu_jupyter.gateway.journal.tail import Tails
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.store.database import open_database

from . import servers, sweeper
from .access import record
from .context import Context, StoreClock
from .observer import Observer, Unobserved
from .parts import KernelsPart, PolicyPart, RunsPart, SeatPart, ThreadsPart, WebhooksPart, WorkersPart
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.clock import Clock
    from lobu_jupyter.model.ports import KernelsPort, OwnersPort, WorkersPort
    from lobu_jupyter.store.tx import Tx


class Gateway:
    """A gateway, made by :func:`open_gateway`."""

    def __init__(self, ctx: Context) -> None:
        self.threads = ThreadsPart(ctx)
        self.runs = RunsPart(ctx)
        self.policy = PolicyPart(ctx)
        self.workers = WorkersPart(ctx)
        self.kernels = KernelsPart(ctx)
        self.seat = SeatPart(ctx)
        self.webhooks = WebhooksPart(ctx)
        self._ctx = ctx
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def settings(self) -> Settings:
        return self._ctx.settings

    @property
    def server_id(self) -> str:
        """Return the name of this server process in the store."""
        return self._ctx.server_id

    def at_seat(
        self,
        server_id: str,
        settings: Settings,
        *,
        kernels: KernelsPort | None = None,
        workers: WorkersPort | None = None,
        owners: OwnersPort | None = None,
    ) -> Gateway:
        """Return this gateway as another server has it: on the same store, with that server's settings and ports."""
        ctx = replace(
            self._ctx,
            server_id=server_id,
            settings=settings,
            kernels=kernels,
            workers=workers,
            owners=owners,
        )
        return Gateway(ctx)

    def reconfigure(
        self, *, default_agent: str, default_model: str | None, offered: tuple[dict[str, Any], ...]
    ) -> None:
        """Use another default agent and model for new runs, and list other agents of this server."""
        self._ctx.settings = replace(
            self._ctx.settings, default_agent=default_agent, default_model=default_model, offered=offered
        )

    async def note(self, by: Caller, action: str, detail: dict[str, Any]) -> None:
        """Record in the audit what a person did to this server itself."""

        async def body(tx: Tx) -> None:
            await record(self._ctx, tx, by, action, by.name, detail=detail)

        await self._ctx.database.write(body)

    async def health(self) -> dict[str, Any]:
        """Return ``{store, pool, workers, runs}``: the pool's live workers and running runs as numbers.

        ``store`` is ``{path, kind, version}``, on PostgreSQL with ``clockOffset``, ``notices`` and ``connections``.
        """
        ctx = self._ctx

        pool, since = ctx.settings.pool, ctx.now() - ctx.settings.outside_seconds

        async def body(tx: Tx) -> tuple[int, int, int]:
            workers = await tx.all("live_workers", pool=pool, since=since)
            found = await tx.one("schema_version")
            version = found["version"] if found is not None else 0
            return len(workers), len(await tx.all("all_running", pool=pool)), version

        workers, runs, version = await ctx.database.read(body)
        engine = ctx.database.engine
        store = {"path": ctx.database.name, "kind": engine.kind, "version": version, **engine.facts}
        return {"store": store, "pool": pool, "workers": workers, "runs": runs}

    def on_webhook_event(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit with an event for a webhook."""
        self._ctx.on_webhook_event = listener

    async def sweep(self) -> int:
        """End what nobody ended, and return the number of items. Any number of servers may sweep at once."""
        return await sweeper.sweep(self._ctx)

    async def recover(self) -> list[str]:
        """End and return the runs of servers whose process is gone, and begin the runs queued there."""
        return await servers.recover(self._ctx)

    def run_in_background(self) -> None:
        """Start sweeping and watching for other servers' commits, as the settings say."""
        if self._ctx.settings.sweep_seconds > 0:
            self._tasks.append(asyncio.create_task(sweeper.sweep_on(self._ctx), name="lobu sweeper"))
        if self._ctx.settings.poll_seconds > 0:
            self._tasks.append(asyncio.create_task(sweeper.watch_others(self._ctx), name="lobu watch"))

    async def close(self, *, end_runs: bool = True) -> None:
        """End this server's runs and close the store. ``end_runs=False`` leaves the runs as a crash would."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        try:
            if end_runs:
                await servers.discharge(self._ctx, self._ctx.server_id)
        finally:
            await self._ctx.database.close()


@asynccontextmanager
async def open_gateway(
    store: str | Path,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    kernels: KernelsPort | None = None,
    workers: WorkersPort | None = None,
    observer: Observer | None = None,
    owners: OwnersPort | None = None,
    process: servers.Process | None = None,
) -> AsyncGenerator[Gateway]:
    """Yield the gateway on the store at a path or an address. On exit, end this server's runs and close the store.

    Raises:
        StoreUnavailable, StoreTooNew: the store cannot be used. The message says why and what to do.
    """
    settings = settings or Settings()
    database = await open_database(store, busy_seconds=settings.busy_seconds)
    ctx = Context(
        database=database,
        clock=clock or StoreClock(database),
        settings=settings,
        hub=Hub(),
        slices=Slices(settings.redactor),
        tails=Tails(),
        chunks=Chunks(),
        snapshots=Snapshots(database),
        server_id=new_id("server"),
        kernels=kernels,
        workers=workers,
        observer=observer or Unobserved(),
        owners=owners,
    )
    database.on_commit = ctx.hub.wake
    database.observe(ctx.observer.committed, ctx.observer.heard)
    gateway = Gateway(ctx)
    try:
        await servers.enroll(ctx, process or servers.Process.me())
        gateway.run_in_background()
        yield gateway
    finally:
        await gateway.close()
