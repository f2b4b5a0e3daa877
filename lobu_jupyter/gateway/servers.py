"""The servers of a store: each is known by host, pid and start time. The runs of a dead server end."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from lobu_jupyter.gateway.locking import check_locked, lock_all
from lobu_jupyter.gateway.runs.begin import begin_next
from lobu_jupyter.gateway.runs.end import fail_run
from lobu_jupyter.gateway.runs.lease import leases_of_server
from lobu_jupyter.gateway.runs.lost_pause import leave, lose_pauses
from lobu_jupyter.model.errors import StoreTooNew
from lobu_jupyter.model.runs import ErrorCode

from .context import SHARED_SILENCE
from .kernel_events import kernels_gone

if TYPE_CHECKING:
    from lobu_jupyter.store.bodies import Body
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

RESTARTED = (
    "The Jupyter server was stopped or restarted in the middle of this run. What it said is kept; ask again."
)
SILENCE = 60.0  # seconds after which a server of another host name counts as gone


@dataclass(frozen=True, slots=True)
class Process:
    """The unique identity of a process: pids are used again, start times are not."""

    host: str
    pid: int
    create_time: float

    @classmethod
    def me(cls) -> Process:
        return cls(platform.node(), os.getpid(), psutil.Process().create_time())

    def lives(self) -> bool:
        """Return whether the process is alive. It must be a process of this host."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.create_time) < 1.0
        except psutil.NoSuchProcess:
            return False


async def enroll(ctx: Context, process: Process) -> None:
    """Record in the store that this process serves it."""

    async def body(tx: Tx) -> None:
        await _check_schema(ctx, tx)
        await tx.run(
            "add_server",
            server_id=ctx.server_id,
            host=process.host,
            pid=process.pid,
            create_time=process.create_time,
            pool=ctx.settings.pool,
            now=ctx.now(),
        )
        if ctx.database.one_machine and ctx.settings.place:
            for query in ("settle_threads", "settle_grants", "settle_rules"):
                await tx.run(query, place=ctx.settings.place)

    await ctx.database.write(body)


async def recover(ctx: Context) -> list[str]:
    """End and return the runs of servers whose process is gone, and begin the runs queued there."""

    async def look(tx: Tx) -> list[Row]:
        return await tx.all("servers", server_id=ctx.server_id)

    ended: list[str] = []
    for server in await ctx.database.read(look):
        if not lives(server, ctx.now(), one_machine=ctx.database.one_machine):
            ended += await discharge(ctx, server["server_id"])
        elif ctx.database.one_machine:
            await ctx.database.write(_seen(ctx, server["server_id"]))  # it was alone until now
    await begin_queued(ctx)
    return ended


def _seen(ctx: Context, server_id: str) -> Body[int]:
    async def body(tx: Tx) -> int:
        return await tx.run("see_server", server_id=server_id, now=ctx.now())

    return body


async def begin_queued(ctx: Context) -> None:
    """Begin the pool's runs that are queued on threads without a running run, because their server stopped before."""

    async def look(tx: Tx) -> list[str]:
        return [row["thread_id"] for row in await tx.all("idle_queues", pool=ctx.settings.pool)]

    def one(thread_id: str) -> Body[None]:
        async def body(tx: Tx) -> None:
            await tx.lock_threads(thread_id)
            await begin_next(ctx, tx, thread_id)

        return body

    for thread_id in await ctx.database.read(look):
        await ctx.database.write(one(thread_id))


async def see_server(ctx: Context) -> None:
    """Record that this process is alive. If another one took it for dead, enroll again.

    Writes nothing while no other server could read it, so that an idle server leaves the disk alone.
    """

    async def body(tx: Tx) -> bool:
        await _check_schema(ctx, tx)
        if ctx.database.one_machine and not await tx.all("servers", server_id=ctx.server_id):
            return await tx.one("live_server", server_id=ctx.server_id, pool=None, since=0.0) is not None
        return await _seen(ctx, ctx.server_id)(tx) > 0

    try:
        if not await ctx.database.write(body):
            await enroll(ctx, Process.me())
    except StoreTooNew as error:
        ctx.database.refuse(error)
        raise


async def _check_schema(ctx: Context, tx: Tx) -> None:
    """Refuse a schema that was upgraded while this server was silent, and that it does not understand any more."""
    found, known = await tx.one("schema_version"), ctx.database.engine.version
    if found is not None and found["oldest"] > known:
        raise StoreTooNew(
            f"The lobu store {ctx.database.name} was upgraded by a newer lobu_jupyter (version {found['version']}, this "
            f"one knows {known}). Upgrade lobu_jupyter and restart this server. Nothing is lost."
        )


async def bury(ctx: Context) -> None:
    """End the runs of servers that have fallen silent, if the store serves several machines.

    On one machine a starting server does that, because it can ask for their processes.
    """
    if not ctx.database.one_machine:
        await recover(ctx)


def lives(server: Row, now: float, *, one_machine: bool) -> bool:
    """Return whether a server of the store is alive, as far as can be known."""
    if not one_machine:
        return server["seen_at"] > now - SHARED_SILENCE  # two pods may have one name, and pids mean nothing
    if server["host"] != platform.node():
        return server["seen_at"] > now - SILENCE
    return Process(server["host"], server["pid"], server["create_time"]).lives()


async def discharge(ctx: Context, server_id: str) -> list[str]:
    """End the runs of a server that is gone, its child workers and its kernels.

    Outside workers keep their runs. A decision that no worker has fetched waits for another server of the pool.
    """

    async def body(tx: Tx) -> list[str]:
        locked = await lock_all(tx, await leases_of_server(tx, server_id))
        await tx.run("drop_server", server_id=server_id)
        await tx.run("end_children", server_id=server_id, now=ctx.now())
        leases = await leases_of_server(tx, server_id)
        check_locked(locked, leases)
        ended: list[str] = []
        for lease in leases:
            if await leave(ctx, tx, lease):
                continue
            await fail_run(ctx, tx, lease["run_id"], ErrorCode.SERVER_RESTARTED, RESTARTED, then_next=False)
            ended.append(lease["run_id"])
        return ended

    ended = await ctx.database.write(body)
    await kernels_gone(ctx, server_id)
    await lose_pauses(ctx, then_next=False)
    return ended
