"""Pauses in a worker's memory: each ends at once with the process that holds it.

Most pauses are data and outlive everything. An external agent's pause waits in its process (``inMemory`` of
the interrupt). If that process ends, no answer can reach the agent, so the questions are closed. A run that
continues after the pause reports this, as after an answer: RUN_STARTED with RUN_ERROR(``worker_died``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.journal.journal import append, stamped
from lobu_jupyter.gateway.rows import interrupt_of
from lobu_jupyter.model.events import run_error
from lobu_jupyter.model.interrupts import InterruptStatus
from lobu_jupyter.model.runs import ErrorCode, RunError, RunStatus

from .begin import begin_and_end, begin_next, waits_for_server
from .end import close_interrupts, finish
from .lease import patience
from .resume import add_next

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.store.bodies import Body
    from lobu_jupyter.store.tx import Row, Tx

NOT_RUN = "Not run: the agent no longer waits for a decision."
LOST = "{agent} no longer waits for your decision, so nothing was run. Ask again to continue its session."
ENDED = "Its process has ended: it, its worker or the server was stopped."


async def lose_pauses(ctx: Context, *, then_next: bool = True) -> None:
    """End the pauses in the memory of workers that are gone, or outside and silent, each in a transaction of its own."""

    async def lost(tx: Tx) -> list[str]:
        rows = await tx.all("questions_of_lost", since=ctx.now() - ctx.settings.outside_seconds)
        return list(dict.fromkeys(row["run_id"] for row in rows if interrupt_of(row).in_memory))

    def one(run_id: str) -> Body[None]:
        async def body(tx: Tx) -> None:
            await tx.lock_thread_of(run_id)
            if run_id in await lost(tx):  # else its worker has come back
                await lose_pause(ctx, tx, run_id, then_next=then_next)

        return body

    for run_id in await ctx.database.read(lost):
        await ctx.database.write(one(run_id))


async def lose_pause(ctx: Context, tx: Tx, run_id: str, why: str = "", *, then_next: bool = True) -> None:
    """End a run's pause that waited in memory, if it is still open. Its thread is locked.

    ``why``: how its process ended.
    """
    parent = await tx.one("run", run_id=run_id)
    assert parent is not None, "the caller has just read it"
    thread_id = parent["thread_id"]
    rows = await tx.all("open_interrupts", thread_id=thread_id)
    if not any(row["run_id"] == run_id and interrupt_of(row).in_memory for row in rows):
        return
    told = f"{LOST.format(agent=parent['agent'])}\n{why or ENDED}"
    error = RunError(code=ErrorCode.WORKER_DIED, message=ctx.settings.redactor.text(told))
    closed = {"why": ErrorCode.WORKER_DIED.value, "message": NOT_RUN}
    await close_interrupts(ctx, tx, thread_id, InterruptStatus.CANCELLED, then_next=False, **closed)
    thread = await tx.one("thread", thread_id=thread_id)
    assert thread is not None, "a run has a thread"
    run = await tx.one("run", run_id=await add_next(ctx, tx, parent, thread, thread["kernel_id"]))
    assert run is not None, "it was just added"
    end = await begin_and_end(ctx, tx, run, stamped(run_error(error.code, error.message), ctx.now()))
    await finish(ctx, tx, run, RunStatus.FAILED, end, error=error, then_next=False)
    if then_next:
        await begin_next(ctx, tx, thread_id)


async def leave(ctx: Context, tx: Tx, lease: Row) -> bool:
    """Leave the run of a decision to the next server of its pool. Returns False if it cannot wait.

    It can if no worker has it, and if the agent does not wait in a process that is gone.
    """
    run = await tx.one("run", run_id=lease["run_id"])
    if lease["fetched"] or run is None or run["parent_run_id"] is None:
        return False
    decided = await tx.all("resolved_interrupts", run_id=run["run_id"])
    if not decided or any(interrupt_of(row).in_memory for row in decided):
        return False
    deadline = ctx.now() + patience(ctx)
    await tx.run("leave_lease", run_id=run["run_id"], deadline=deadline)
    await append(tx, run["thread_id"], run["run_id"], [waits_for_server(ctx)], ctx.now())
    return True


async def held_in_memory(ctx: Context) -> int:
    """Return the number of pauses that wait in the memory of this server's own workers."""

    async def body(tx: Tx) -> list[Row]:
        return await tx.all("questions_of_server", server_id=ctx.server_id)

    rows = await ctx.database.read(body)
    return len({row["run_id"] for row in rows if interrupt_of(row).in_memory})
