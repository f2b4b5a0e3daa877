"""Forks: a new thread that begins as a copy of this one, up to one of its runs.

The journal before that run is copied whole. The copied runs keep their ids, because they are the same runs.
The kernel's variables keep their present values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.journal.hub import owner_topic
from lobu_jupyter.model.errors import Conflict, RunNotFound
from lobu_jupyter.model.ids import new_id

from .access import allow_change, own_thread, record
from .fencing import check_room
from .rows import thread_of

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.runs import Thread
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context


async def fork(ctx: Context, by: Caller, thread_id: str, run_id: str, *, name: str | None = None) -> Thread:
    """Return a new thread with the journal before this run (and before those that it resumes).

    ``name``: by which the fork is found instead of the thread.

    Raises:
        RunNotFound: the thread has no such run.
        Conflict: the run is queued.
    """
    owner = await allow_change(ctx, by, "fork", thread_id)

    async def body(tx: Tx) -> Thread:
        await tx.lock_owner(owner)
        await tx.lock_threads(thread_id)
        await own_thread(tx, by, thread_id)
        await check_room(ctx, tx, by)
        until = await _until(tx, thread_id, run_id)
        new = new_id("thread")
        await tx.run("copy_thread", thread_id=thread_id, fork=new, name=name, now=ctx.now())
        for query in ("copy_events", "copy_texts"):
            await tx.run(query, thread_id=thread_id, fork=new, until=until)
        await record(ctx, tx, by, "forked", owner, new, detail={"from": thread_id, "run": run_id})
        tx.wake(owner_topic(owner))
        return thread_of(await own_thread(tx, owner, new))

    return await ctx.database.write(body)


async def _until(tx: Tx, thread_id: str, run_id: str) -> int:
    """Return the last seq before the run, or before the first of the runs that it resumes."""
    run = await _begun(tx, run_id)
    while run["parent_run_id"]:
        run = await _begun(tx, run["parent_run_id"])
    until = await tx.one("run_before", thread_id=thread_id, run_id=run["run_id"])
    if until is None:
        raise RunNotFound
    return until["first"] - 1


async def _begun(tx: Tx, run_id: str) -> Row:
    run = await tx.one("run", run_id=run_id)
    if run is None:
        raise RunNotFound
    if run["start_cursor"] == 0:
        raise Conflict("This run has not begun: withdraw it and write another.")
    return run
