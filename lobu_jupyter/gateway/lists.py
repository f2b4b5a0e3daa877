"""Reads that change nothing: runs, open questions, health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.runs import Run, RunStatus

from .access import own_run, own_thread, owner_of, scope_of
from .rows import interrupt_of, run_of

if TYPE_CHECKING:
    from lobu_jupyter.gateway.journal.snapshots import Snapshots
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.fold import State
    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

MAX_PAGE = 500


async def get_run(ctx: Context, by: Caller, run_id: str) -> Run:
    """See :meth:`Gateway.get_run`."""

    async def body(tx: Tx) -> Row:
        return await own_run(tx, by, run_id)

    return run_of(await ctx.database.read(body))


async def list_runs(
    ctx: Context, by: Caller, thread_id: str | None, status: str | None, limit: int
) -> list[Run]:
    """See :meth:`Gateway.list_runs`."""
    owner = owner_of(by)
    if status is not None and status not in frozenset(RunStatus):
        raise InvalidField(f"must be one of {', '.join(RunStatus)}", field="status")
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidField(f"must be 1 to {MAX_PAGE}", field="limit")

    async def body(tx: Tx) -> list[Row]:
        if thread_id is not None:
            await own_thread(tx, by, thread_id)
        return await tx.all(
            "list_runs", owner=owner, thread_id=thread_id, status=status, limit=limit, **scope_of(by)
        )

    return [run_of(row) for row in await ctx.database.read(body)]


async def interrupts(ctx: Context, by: Caller, thread_id: str | None) -> list[Interrupt]:
    """See :meth:`Gateway.interrupts`."""
    owner, now = owner_of(by), ctx.now()

    async def body(tx: Tx) -> list[Row]:
        if thread_id is not None:
            await own_thread(tx, by, thread_id)
        return await tx.all("open_interrupts_of_owner", owner=owner, thread_id=thread_id, **scope_of(by))

    rows = await ctx.database.read(body)
    return [interrupt_of(row) for row in rows if row["expires_at"] is None or row["expires_at"] > now]


async def snapshot(ctx: Context, snapshots: Snapshots, by: Caller, thread_id: str) -> State:
    """See :meth:`Gateway.snapshot`."""

    async def body(tx: Tx) -> Row:
        return await own_thread(tx, by, thread_id)

    await ctx.database.read(body)
    return await snapshots.state(thread_id)


async def running(ctx: Context) -> list[str | None]:
    """See :meth:`Gateway.running`."""

    async def body(tx: Tx) -> list[Row]:
        return await tx.all("running_here", server_id=ctx.server_id)

    return [row["kernel_id"] for row in await ctx.database.read(body)]


async def health(ctx: Context) -> dict[str, Any]:
    """See :meth:`Gateway.health`."""

    async def body(tx: Tx) -> tuple[int, int]:
        workers = await tx.all("live_workers", since=ctx.now() - ctx.settings.outside_seconds)
        return len(workers), len(await tx.all("all_running"))

    workers, runs = await ctx.database.read(body)
    store = {"path": ctx.database.name, "kind": ctx.database.engine.kind}
    return {"store": store, "workers": workers, "runs": runs}
