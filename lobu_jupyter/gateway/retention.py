"""Retention: it deletes threads that are too old, and the oldest threads of a store that is too large.

Only idle threads are deleted. A thread with a running, queued or waiting run stays at any age, and so does
a thread that somebody reads right now. The deletion is the same as a person's: audited, and purged later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.journal.hub import thread_topic
from lobu_jupyter.model.callers import Person

from .access import record
from .threads import remove

if TYPE_CHECKING:
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

EVERY_SECONDS = 600.0
_SWEEPER = Person("retention", via="sweeper")


async def retain(ctx: Context) -> int:
    """Delete the threads that the settings do not keep, and return their number. Acts every ten minutes."""
    settings, now = ctx.settings, ctx.now()
    if (settings.keep_seconds is None and settings.keep_bytes is None) or now < ctx.next_retention:
        return 0
    ctx.next_retention = now + EVERY_SECONDS
    return await _by_age(ctx, now) + await _by_size(ctx, now)


async def _by_age(ctx: Context, now: float) -> int:
    if ctx.settings.keep_seconds is None:
        return 0
    until, done = now - ctx.settings.keep_seconds, 0
    for thread in await _idle(ctx, until):
        done += await _delete(ctx, thread["thread_id"], until, "age")
    return done


async def _by_size(ctx: Context, now: float) -> int:
    """Delete the oldest threads until the rest fits, without the threads that are deleted already."""
    if ctx.settings.keep_bytes is None:
        return 0

    async def look(tx: Tx) -> tuple[int, int]:
        used, leaving = await tx.one("used_bytes"), await tx.one("leaving_bytes")
        assert used is not None, "a sum is always one row"
        assert leaving is not None, "a sum is always one row"
        return used["bytes"], leaving["bytes"]

    used, leaving = await ctx.database.read(look)
    excess, done = used - leaving - ctx.settings.keep_bytes, 0
    for thread in await _idle(ctx, now) if excess > 0 else []:
        if excess <= 0:
            break
        if await _delete(ctx, thread["thread_id"], now, "size"):
            excess, done = excess - thread["bytes"], done + 1
    return done


async def _idle(ctx: Context, until: float) -> list[Row]:
    async def body(tx: Tx) -> list[Row]:
        return await tx.all("idle_threads", until=until)

    rows = await ctx.database.read(body)
    return [row for row in rows if not ctx.hub.listened(thread_topic(row["thread_id"]))]


async def _delete(ctx: Context, thread_id: str, until: float, why: str) -> bool:
    async def body(tx: Tx) -> bool:
        await tx.lock_threads(thread_id)
        thread = await tx.one("idle_thread", thread_id=thread_id, until=until)
        if thread is None:
            return False  # something happened on it since
        await remove(ctx, tx, thread_id, _SWEEPER.name)
        await record(ctx, tx, _SWEEPER, "deleted", thread["owner"], thread_id, detail={"why": why})
        return True

    return await ctx.database.write(body)
