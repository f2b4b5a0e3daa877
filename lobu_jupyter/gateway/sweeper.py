"""The sweeper: it ends what nobody ends: lapsed leases, expired questions, deleted and temporary threads.

It checks each item again in a transaction of its own. So two sweepers end an item once, an item that changed
since is left alone, and one bad row does not stop the others.

Retention deletes threads that are too old, and the oldest ones of a store that is too large. A thread with a
running, queued or waiting run stays at any age, and so does one that somebody reads right now. The deletion is
the same as a person's: audited, and purged later.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lobu_jupyter.gateway.journal.hub import thread_topic
from lobu_jupyter.gateway.runs.end import expire_due, fail_run
from lobu_jupyter.gateway.runs.lease import has_lapsed, lapsed_leases, lease_of, unassigned_leases
from lobu_jupyter.gateway.runs.lost_pause import lose_pauses
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.model.runs import ErrorCode

from .access import record
from .overtime import end_overtime, overtime
from .servers import begin_queued, bury, see_server
from .takeover import take_over
from .threads import remove
from .workers import take_waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

RETENTION_SECONDS = 600.0
_SWEEPER = Person("retention", via="sweeper")


log = logging.getLogger(__name__)

UNUSED_SECONDS = 3600.0  # how long a temporary thread that never ran is kept
KEEP_WORKERS_SECONDS = 24 * 3600.0
LOST = "The agent's worker fell silent, so this run was given up. What it said is kept; ask again."
NO_SERVER = "Its server did not come back in time, so nothing was run. Ask again."
NEVER_BEGUN = "No worker took this run in time. `%lobu doctor` says more; ask again."


async def sweep(ctx: Context) -> int:
    """End what nobody ended, and return the number of items. Any number of servers may sweep at once."""

    async def look(tx: Tx) -> tuple[list[str], ...]:
        now = ctx.now()
        lapsed = await lapsed_leases(ctx, tx)
        expired = await tx.all("expired_threads", now=now)
        deleted = await tx.all("deleted_threads", until=now - ctx.settings.purge_seconds)
        temporary = await tx.all(
            "temporary_threads", until=now - ctx.settings.temporary_seconds, unused_until=now - UNUSED_SECONDS
        )
        return tuple([row[0] for row in rows] for rows in (lapsed, expired, deleted, temporary))

    lapsed, expired, deleted, temporary = await ctx.database.read(look)
    done = await _each(lapsed, lambda name: _give_up(ctx, name), "lapsed lease")
    done += await _each(expired, lambda name: _expire(ctx, name), "expired interrupt")
    done += await _each(await overtime(ctx), lambda name: end_overtime(ctx, name), "run over its time")
    done += await _each(temporary, lambda name: _drop_temporary(ctx, name), "temporary thread")
    done += await _each(deleted, lambda name: _purge(ctx, name), "deleted thread")
    done += await retain(ctx)
    await begin_queued(ctx)
    await take_over(ctx)
    await _housekeeping(ctx)
    return done


async def _each(names: list[str], act: Callable[[str], Awaitable[bool]], what: str) -> int:
    done = 0
    for name in names:
        try:
            done += await act(name)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("the sweeper could not handle the %s %s; it is kept", what, name)
    return done


async def _give_up(ctx: Context, run_id: str) -> bool:
    async def body(tx: Tx) -> bool:
        await tx.lock_thread_of(run_id)
        lease = await lease_of(tx, run_id)
        if lease is None:
            return False
        await tx.lock_leases(lease["thread_id"])
        lease = await lease_of(tx, run_id)
        if lease is None or not has_lapsed(ctx, lease):
            return False
        message = LOST if lease["fetched"] else NEVER_BEGUN if lease["server_id"] else NO_SERVER
        return await fail_run(ctx, tx, run_id, ErrorCode.WORKER_LOST, message)

    return await ctx.database.write(body)


async def _expire(ctx: Context, thread_id: str) -> bool:
    async def body(tx: Tx) -> bool:
        await tx.lock_threads(thread_id)
        return await expire_due(ctx, tx, thread_id)

    return await ctx.database.write(body)


async def _drop_temporary(ctx: Context, thread_id: str) -> bool:
    if ctx.hub.listened(thread_topic(thread_id)):
        return False

    async def body(tx: Tx) -> bool:
        await tx.lock_threads(thread_id)
        thread = await tx.one("thread", thread_id=thread_id)
        if thread is None or thread["running"] or thread["waiting"]:
            return False
        await remove(ctx, tx, thread_id, "sweeper")
        return True

    return await ctx.database.write(body)


async def _purge(ctx: Context, thread_id: str) -> bool:
    async def body(tx: Tx) -> bool:
        await tx.lock_threads(thread_id)
        thread = await tx.one("thread", thread_id=thread_id)
        if thread is None or thread["deleted_at"] is None:
            return False
        await tx.run("purge_spending", owner=thread["owner"], thread_id=thread_id)
        for query in ("purge_events", "purge_runs", "purge_interrupts", "purge_texts", "drop_checkpoints"):
            await tx.run(query, thread_id=thread_id)
        await tx.run("purge_grants", owner=thread["owner"], thread_id=thread_id)
        await tx.run("purge_thread", thread_id=thread_id)
        tx.after(lambda: ctx.chunks.drop(thread_id))
        return True

    return await ctx.database.write(body)


async def _housekeeping(ctx: Context) -> None:
    async def body(tx: Tx) -> int:
        await tx.run("forget_workers", until=ctx.now() - KEEP_WORKERS_SECONDS)
        await take_waiting(ctx, tx)  # a worker and a run may have come at the same time, unseen by each other
        if await unassigned_leases(ctx, tx):
            ctx.call_worker(tx)  # another server may have left a run of our kernel to us
        waiting = await tx.one("count_open_interrupts", pool=ctx.settings.pool)
        return waiting["open"] if waiting is not None else 0

    await see_server(ctx)
    await lose_pauses(ctx)
    ctx.observer.waiting(await ctx.database.write(body))
    ctx.observer.store_seen(ctx.database.engine.facts)


async def sweep_on(ctx: Context) -> None:
    """Sweep every few seconds until cancelled."""
    await asyncio.sleep(ctx.settings.sweep_after)
    while True:
        await asyncio.sleep(ctx.settings.sweep_seconds)
        try:
            await sweep(ctx)
            await bury(ctx)
        except StoreUnavailable as error:
            log.warning("the sweeper waits for the store: %s", error)


async def watch_others(ctx: Context) -> None:
    """Wake readers when another process has committed."""
    while True:
        try:
            async for topics in ctx.database.foreign(ctx.hub.used, ctx.settings.poll_seconds):
                if topics is None:
                    ctx.hub.wake_all()
                else:
                    ctx.hub.wake(topics)
        except StoreUnavailable as error:
            log.warning("other servers' commits cannot be seen: %s", error)
            await asyncio.sleep(ctx.settings.poll_seconds)
            ctx.hub.wake_all()  # for what was committed meanwhile


async def retain(ctx: Context) -> int:
    """Delete the threads that the settings do not keep, and return their number. Acts every ten minutes."""
    settings, now = ctx.settings, ctx.now()
    if (settings.keep_seconds is None and settings.keep_bytes is None) or now < ctx.next_retention:
        return 0
    ctx.next_retention = now + RETENTION_SECONDS
    return await _delete_by_age(ctx, now) + await _delete_by_size(ctx, now)


async def _delete_by_age(ctx: Context, now: float) -> int:
    if ctx.settings.keep_seconds is None:
        return 0
    until, done = now - ctx.settings.keep_seconds, 0
    for thread in await _idle_threads(ctx, until):
        done += await _delete_idle(ctx, thread["thread_id"], until, "age")
    return done


async def _delete_by_size(ctx: Context, now: float) -> int:
    """Delete the oldest threads until the rest fits, without the threads that are deleted already."""
    if ctx.settings.keep_bytes is None:
        return 0

    async def look(tx: Tx) -> int:
        rows = [await tx.one("used_bytes"), await tx.one("leaving_bytes")]
        if not ctx.settings.retain_all:
            rows.append(await tx.one("foreign_bytes", pool=ctx.settings.pool))
        used, *others = [row["bytes"] for row in rows if row is not None]
        return used - sum(others)

    excess, done = await ctx.database.read(look) - ctx.settings.keep_bytes, 0
    for thread in await _idle_threads(ctx, now) if excess > 0 else []:
        if excess <= 0:
            break
        if await _delete_idle(ctx, thread["thread_id"], now, "size"):
            excess, done = excess - thread["bytes"], done + 1
    return done


async def _idle_threads(ctx: Context, until: float) -> list[Row]:
    async def body(tx: Tx) -> list[Row]:
        pool = None if ctx.settings.retain_all else ctx.settings.pool
        return await tx.all("idle_threads", until=until, pool=pool)

    rows = await ctx.database.read(body)
    return [row for row in rows if not ctx.hub.listened(thread_topic(row["thread_id"]))]


async def _delete_idle(ctx: Context, thread_id: str, until: float, why: str) -> bool:
    async def body(tx: Tx) -> bool:
        await tx.lock_threads(thread_id)
        thread = await tx.one("idle_thread", thread_id=thread_id, until=until)
        if thread is None:
            return False  # something happened on it since
        await remove(ctx, tx, thread_id, _SWEEPER.name)
        await record(ctx, tx, _SWEEPER, "deleted", thread["owner"], thread_id, detail={"why": why})
        return True

    return await ctx.database.write(body)
