"""The life of a gateway: it opens the store, makes its parts, and closes all of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lobu_jupyter.gateway.journal.chunks import Pages
from lobu_jupyter.gateway.journal.hub import Hub
from lobu_jupyter.gateway.journal.slices import Slices
from lobu_jupyter.gateway.journal.tail import Tails
from lobu_jupyter.model.clock import Clock, SystemClock
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.store.database import open_database

from . import servers
from .context import Context
from .gateway import Gateway
from .observer import Observer, Unobserved
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from lobu_jupyter.model.ports import KernelsPort, OwnersPort, WorkersPort


@asynccontextmanager
async def open_gateway(
    path: str | Path,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    kernels: KernelsPort | None = None,
    workers: WorkersPort | None = None,
    observer: Observer | None = None,
    owners: OwnersPort | None = None,
    process: servers.Process | None = None,
) -> AsyncGenerator[Gateway]:
    """Yield the gateway on the store at `path`. On exit, end this server's runs and close the store.

    Raises:
        StoreUnavailable, StoreTooNew: the store cannot be used. The message says why and what to do.
    """
    settings = settings or Settings()
    database = await open_database(path, busy_seconds=settings.busy_seconds)
    ctx = Context(
        database=database,
        clock=clock or SystemClock(),
        settings=settings,
        hub=Hub(),
        slices=Slices(settings.redactor),
        tails=Tails(),
        pages=Pages(),
        server_id=new_id("server"),
        kernels=kernels,
        workers=workers,
        observer=observer or Unobserved(),
        owners=owners,
    )
    database.on_commit = ctx.hub.wake
    gateway = Gateway(ctx)
    try:
        await servers.enroll(ctx, process or servers.Process.me())
        gateway.run_in_background()
        yield gateway
    finally:
        await gateway.close()
