"""The seat of a person's server that reaches this gateway over a network: a context of its own, on the same store.

What such a server says is the person's word. So a seat checks that a worker, run or kernel is the person's own
before it touches one, and its pool, place and owner are the service's to name, not the server's.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lobu_jupyter.gateway.runs.lease import leases_of_kernel, unassigned_leases
from lobu_jupyter.model.errors import KernelNotFound, RunNotFound, WorkerNotFound

from .overtime import end_overtime, overtime
from .servers import begin_queued, discharge
from .takeover import take_over
from .workers import take_waiting

if TYPE_CHECKING:
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

SEEN_AGAIN = 5.0  # seconds between two writes that a server is there; it counts as gone after SHARED_SILENCE


def seat_id(owner: str, server: str) -> str:
    """Return a server's name in the store. Only the person's own servers have names that begin like this."""
    digest = hashlib.sha256(server.encode()).hexdigest()[:16]
    return f"{_prefix(owner)}{digest}"


def is_seat(server_id: str) -> bool:
    """Return whether a server is a person's at this service, not a replica of it."""
    return server_id.startswith("seat_")


def _prefix(owner: str) -> str:
    return f"seat_{hashlib.sha256(owner.encode()).hexdigest()[:24]}_"


async def enroll_seat(ctx: Context) -> None:
    """Record that the server is there, also after others took it for dead."""
    here = {"server_id": ctx.server_id, "now": ctx.now()}

    async def body(tx: Tx) -> None:
        if await tx.run("see_server", **here) == 0:
            pool = ctx.settings.pool
            await tx.run("add_server", **here, host="seat", pid=0, create_time=0.0, pool=pool)

    await ctx.database.write(body)


async def attend_seat(ctx: Context) -> None:
    """Do a seat's part of a sweep: it is alive, and takes the runs of its pool that wait for a server or a worker.

    Most seats have nothing to do: for them this is one read, and a write every few times.
    """

    async def look(tx: Tx) -> Row | None:
        return await tx.one("seat_duty", server_id=ctx.server_id, pool=ctx.settings.pool)

    duty = await ctx.database.read(look)
    assert duty is not None, "it is one row"
    if duty["seen_at"] is None or ctx.now() - duty["seen_at"] >= SEEN_AGAIN:
        await enroll_seat(ctx)
    if not duty["busy"]:
        return
    for run_id in await overtime(ctx):
        await end_overtime(ctx, run_id)
    await begin_queued(ctx)
    await take_over(ctx)

    async def body(tx: Tx) -> None:
        await take_waiting(ctx, tx)
        if await unassigned_leases(ctx, tx):
            ctx.call_worker(tx)

    await ctx.database.write(body)


async def leave_seat(ctx: Context) -> None:
    """End what the server ran, because it stops."""
    await discharge(ctx, ctx.server_id)


async def check_worker_here(ctx: Context, owner: str, worker_id: str, incarnation: int | None = None) -> None:
    """Check that a worker is one of this person's servers' own, or one that the person registered.

    Raises:
        WorkerNotFound: it is not.
    """

    async def body(tx: Tx) -> bool:
        row = await tx.one("worker", worker_id=worker_id)
        if row is None or row["pool"] != ctx.settings.pool or row["owner"] not in (None, owner):
            return False
        return incarnation is None or row["incarnation"] == incarnation

    if not await ctx.database.read(body):
        raise WorkerNotFound


async def check_run_here(ctx: Context, owner: str, run_id: str) -> None:
    """Check that a run is this person's.

    Raises:
        RunNotFound: it is not.
    """

    async def body(tx: Tx) -> bool:
        run = await tx.one("run", run_id=run_id)
        return run is not None and run["owner"] == owner

    if not await ctx.database.read(body):
        raise RunNotFound


async def check_kernel_here(ctx: Context, owner: str, kernel_id: str) -> None:
    """Check that no other person's server has or had this kernel, and that no other person's run is in it.

    Raises:
        KernelNotFound: it is another person's.
    """

    async def body(tx: Tx) -> bool:
        kernel = await tx.one("kernel", kernel_id=kernel_id)
        server = kernel["server_id"] if kernel is not None else None
        if server is not None and not server.startswith(_prefix(owner)):
            return False
        waiting = await tx.all("threads_waiting_on_kernel", kernel_id=kernel_id)
        names = [row["thread_id"] for row in (*await leases_of_kernel(tx, kernel_id), *waiting)]
        threads = [await tx.one("thread", thread_id=name) for name in names]
        return all(thread is None or thread["owner"] == owner for thread in threads)

    if not await ctx.database.read(body):
        raise KernelNotFound("There is no such kernel on this server, or it is not yours.")
