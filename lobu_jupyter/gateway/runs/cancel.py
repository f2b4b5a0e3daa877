"""The cancelling of a run in any state. Against a natural end or a decision, one writer wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.access import allow_change, own_run, record
from lobu_jupyter.gateway.rows import run_of
from lobu_jupyter.model.interrupts import InterruptStatus
from lobu_jupyter.model.runs import RunInfo, RunStatus

from .end import cancel_queued, cancel_run, close_interrupts, expire_due

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.store.tx import Row, Tx


async def cancel(ctx: Context, by: Caller, run_id: str) -> RunInfo:
    """End a queued, running or waiting run. A run that has ended does not change."""
    owner = await allow_change(ctx, by, "cancel")

    async def body(tx: Tx) -> RunInfo:
        await tx.lock_thread_of(run_id)
        run = await own_run(tx, by, run_id)
        if await _cancel(ctx, tx, run, by.name):
            await record(ctx, tx, by, "cancelled", owner, run["thread_id"], run_id)
        return run_of(await own_run(tx, owner, run_id))

    return await ctx.database.write(body)


async def _cancel(ctx: Context, tx: Tx, run: Row, by: str) -> bool:
    match RunStatus(run["status"]):
        case RunStatus.RUNNING:
            return await cancel_run(ctx, tx, run["run_id"])
        case RunStatus.QUEUED:
            await cancel_queued(ctx, tx, run)
            return True
        case RunStatus.INTERRUPTED:
            return await _cancel_pause(ctx, tx, run, by)
        case _:
            return False


async def _cancel_pause(ctx: Context, tx: Tx, run: Row, by: str) -> bool:
    await expire_due(ctx, tx, run["thread_id"])
    waiting = await tx.all("open_interrupts", thread_id=run["thread_id"])
    if not any(row["run_id"] == run["run_id"] for row in waiting):
        return False  # decided before: another run continues
    return await close_interrupts(ctx, tx, run["thread_id"], InterruptStatus.CANCELLED, by=by)


async def cancel_all(ctx: Context, tx: Tx, thread_id: str, by: str) -> None:
    """End the running, waiting and queued runs of a thread."""
    for run in await tx.all("queued_runs", thread_id=thread_id):
        await cancel_queued(ctx, tx, run)
    running = await tx.one("running_run", thread_id=thread_id)
    if running is not None:
        await cancel_run(ctx, tx, running["run_id"], then_next=False)
    await close_interrupts(ctx, tx, thread_id, InterruptStatus.CANCELLED, by=by, then_next=False)
