"""The lease of a run: written when the run begins, held by one worker, extended by signs of life, gone with the end.

Whoever finds a lease may end its run, and no one else. A lease lapses when its deadline passes, and the sweeper
(:mod:`lobu_jupyter.gateway.sweeper`) then ends the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.journal.hub import inbox_topic

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import WorkerCaller
    from lobu_jupyter.model.events import Batch
    from lobu_jupyter.store.tx import Row, Tx

SERVER_SILENCE = 30.0  # seconds after which another server is not expected to take a run
FOR_EVER = 100 * 365 * 24 * 3600.0
LIFE_SECONDS = 1.0  # a batch extends the lease at most once in this time


async def lease_of(tx: Tx, run_id: str) -> Row | None:
    """Return the lease of a run, or None if it is queued or has ended."""
    return await tx.one("lease", run_id=run_id)


async def leases_of_worker(tx: Tx, worker_id: str) -> list[Row]:
    """Return the leases that a worker holds."""
    return await tx.all("leases_of_worker", worker_id=worker_id)


async def leases_of_kernel(tx: Tx, kernel_id: str) -> list[Row]:
    """Return the leases of the runs that are bound to a kernel."""
    return await tx.all("leases_of_kernel", kernel_id=kernel_id)


async def leases_of_server(tx: Tx, server_id: str) -> list[Row]:
    """Return the leases of a server's runs, but for those of outside workers."""
    return await tx.all("leases_of_server", server_id=server_id)


async def unassigned_leases(ctx: Context, tx: Tx) -> list[Row]:
    """Return the leases of this server that no worker holds yet."""
    return await tx.all("unassigned_leases", server_id=ctx.server_id)


async def lapsed_leases(ctx: Context, tx: Tx) -> list[Row]:
    """Return the leases whose deadline has passed."""
    return await tx.all("lapsed_leases", now=ctx.now())


def has_lapsed(ctx: Context, lease: Row) -> bool:
    """Return whether the lease's deadline has passed."""
    return lease["deadline"] <= ctx.now()


def holds(worker: WorkerCaller, lease: Row) -> bool:
    """Return whether this incarnation of the worker holds the lease."""
    return (lease["worker_id"], lease["incarnation"]) == (worker.worker_id, worker.incarnation)


async def add_lease(ctx: Context, tx: Tx, run: Row) -> bool:
    """Write the lease of a run that begins, for a server of the run's pool. Returns False if none lives.

    The run of another live server's kernel is left to that server, if that is one of the pool.
    """
    kernel = None
    if run["kernel_id"]:
        await tx.lock_kernel(run["kernel_id"])
        kernel = await tx.one("kernel", kernel_id=run["kernel_id"])
    server = await _server_for(ctx, tx, run["pool"], kernel)
    deadline = ctx.now() + (ctx.settings.start_seconds if server else patience(ctx))
    await tx.run(
        "add_lease",
        run_id=run["run_id"],
        thread_id=run["thread_id"],
        server_id=server or "",
        kernel_id=run["kernel_id"],
        kernel_incarnation=kernel["incarnation"] if kernel is not None else 0,
        deadline=deadline,
        now=ctx.now() if server else deadline,  # what waits for a server takes no time yet
    )
    return server is not None


async def _server_for(ctx: Context, tx: Tx, pool: str, kernel: Row | None) -> str | None:
    """Return the server whose workers may take a run: that of its kernel, else this one, else another of the pool."""
    mine = pool == ctx.settings.pool
    live = {"pool": pool, "since": ctx.now() - SERVER_SILENCE}
    if (
        kernel is not None
        and kernel["server_id"] is not None
        and (kernel["server_id"] != ctx.server_id or not mine)
    ):
        found = await tx.one("live_server", server_id=kernel["server_id"], **live)
        if found is not None:
            return kernel["server_id"]  # only that one can reach the kernel
    if mine:
        return ctx.server_id
    found = await tx.one("live_server", server_id=None, **live)
    return found["server_id"] if found is not None else None


def patience(ctx: Context) -> float:
    """Return for how many seconds a decision waits for a server: as long as a question waits for a person."""
    return ctx.settings.interrupt_seconds or FOR_EVER


async def assign(ctx: Context, tx: Tx, run_id: str, agent: str) -> bool:
    """Give the lease to a live worker of its server, through the worker's inbox. Without one, ask for one.

    A run that continues after a pause goes to the worker that paused it, if that is alive: an external agent
    waits there.
    """
    lease = await lease_of(tx, run_id)
    assert lease is not None, "only leased runs are assigned"
    since = ctx.now() - ctx.settings.outside_seconds
    before = await tx.one("incarnation_of_parent", run_id=run_id)
    worker = await tx.one(
        "pick_worker",
        run_id=run_id,
        server_id=lease["server_id"],
        agent=agent,
        since=since,
        before=before["incarnation"] if before is not None else 0,
    )
    if worker is None:
        if lease["server_id"] == ctx.server_id:
            ctx.call_worker(tx)
        return False
    await tx.run(
        "assign_lease", run_id=run_id, worker_id=worker["worker_id"], incarnation=worker["incarnation"]
    )
    await tell(tx, worker["worker_id"], "start", run_id)
    return True


async def hand_on(ctx: Context, tx: Tx, run_id: str) -> None:
    """Assign a run that its worker never fetched to the next worker. It loses nothing."""
    await tx.run("unassign_lease", run_id=run_id)
    run = await tx.one("run", run_id=run_id)
    assert run is not None, "a lease has its run"
    await assign(ctx, tx, run_id, run["agent"])


async def fetch_lease(ctx: Context, tx: Tx, run_id: str, worker: WorkerCaller) -> bool:
    """Note that the worker has its run. Returns False if the lease is not (or no longer) the worker's."""
    deadline = ctx.now() + ctx.settings.lease_seconds
    return await tx.run("fetch_lease", run_id=run_id, worker_id=worker.worker_id, deadline=deadline) > 0


async def take_batch(tx: Tx, worker: WorkerCaller, batch: Batch) -> Row | None:
    """Count a batch and return its lease. Returns None, and changes nothing, unless it is the live holder's next."""
    return await tx.one(
        "take_batch",
        run_id=batch.run_id,
        batch=batch.batch,
        worker_id=worker.worker_id,
        incarnation=worker.incarnation,
    )


async def extend_lease(ctx: Context, tx: Tx, lease: Row, chunk: str | None) -> bool:
    """Extend a lease, as a batch is a sign of life. At a hundred a second, one extension is enough."""
    deadline = ctx.now() + ctx.settings.lease_seconds
    if lease["fetched"] and chunk == lease["chunk"] and deadline < lease["deadline"] + LIFE_SECONDS:
        return False
    await tx.run("extend_lease", run_id=lease["run_id"], deadline=deadline, chunk=chunk)
    return True


async def extend_leases(ctx: Context, tx: Tx, worker_id: str) -> None:
    """Extend all leases that a worker has fetched, as its heartbeat is a sign of life."""
    await tx.run("extend_leases", worker_id=worker_id, deadline=ctx.now() + ctx.settings.lease_seconds)


async def drop_lease(tx: Tx, run_id: str) -> None:
    """Remove the lease of a run that ends."""
    await tx.run("drop_lease", run_id=run_id)


async def tell(tx: Tx, worker_id: str, kind: str, run_id: str | None, reason: str = "") -> None:
    """Put one item into a worker's inbox."""
    await tx.run("tell_worker", worker_id=worker_id, kind=kind, run_id=run_id, reason=reason)
    tx.wake(inbox_topic(worker_id))
