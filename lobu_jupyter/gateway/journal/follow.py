"""The following of a journal: a reader is a cursor. It reads live or late the same way, in bounded pages."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct

from lobu_jupyter.gateway.access import own_thread
from lobu_jupyter.model.errors import InvalidField, RunNotFound, ThreadNotFound

from .chunks import Chunk, Place
from .hub import thread_topic
from .journal import read_page

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.store.tx import Tx

    from .hub import Bell

PAGE_EVENTS = 2000
PAGE_BYTES = 256 * 1024


@dataclass(slots=True)
class _Reader:
    """A reader's position in a thread's journal."""

    thread_id: str
    position: int
    run_id: str | None
    only: str | None  # the only run whose events it gets, with those between runs
    until: int  # the journal reaches at least this seq
    final: bool  # its run has ended at `until`, and it reads no further
    in_tail: bool = False  # the thread's tail has all new events, if it reaches back far enough

    @property
    def place(self) -> Place:
        return Place(self.thread_id, self.position, self.only)


class _Look(Struct, frozen=True):
    page: Chunk
    position: int
    more: bool  # the journal continues after this page
    ended: bool  # the reader's run has its end on this page or before
    gone: bool  # the thread was deleted


async def follow(
    ctx: Context,
    by: Caller,
    thread_id: str,
    cursor: int | None = None,
    *,
    run_id: str | None = None,
    follow: bool = True,
) -> AsyncGenerator[Chunk]:
    """Yield the journal after `cursor`, in pages of at most 2,000 events and 256 kB, then new events.

    An empty page means that no event came for ``heartbeat_seconds``, or that there is none right after
    attaching.

    Args:
        run_id: end after this run's terminal event. Without a cursor, yield its events only, from its
            RUN_STARTED.
        follow: if False, end at the end of the journal.

    Raises:
        InvalidField: the cursor is negative or ahead of the journal.
        ThreadNotFound: also in mid-stream, after the last event, if the thread is deleted.
    """
    reader = await _attach(ctx, by, thread_id, cursor, run_id)
    answered = False
    with _listening(ctx, thread_id) as bell:
        while True:
            only_grown = bell.clear()  # before the read: a later event rings again
            reader.in_tail = reader.in_tail and only_grown
            look = await _read(ctx, reader)
            reader.position, reader.in_tail = look.position, not look.more
            if look.page:
                yield look.page
            elif not answered and follow and not look.ended:
                yield Chunk()  # "I am here, there is nothing new"
            answered = True
            if look.ended or (not look.more and not follow and not look.gone):
                return
            if look.gone and not look.more:
                raise ThreadNotFound("This thread was deleted.")
            if not look.more and not await bell.wait(ctx.settings.heartbeat_seconds):
                yield Chunk()


@contextmanager
def _listening(ctx: Context, thread_id: str) -> Generator[Bell]:
    topic = thread_topic(thread_id)
    ctx.observer.attached(1)
    try:
        with ctx.hub.listen(topic) as bell:
            yield bell
    finally:
        ctx.observer.attached(-1)
        if not ctx.hub.listened(topic):
            ctx.tails.drop(thread_id)


async def _attach(
    ctx: Context, by: Caller, thread_id: str, cursor: int | None, run_id: str | None
) -> _Reader:
    async def body(tx: Tx) -> _Reader:
        thread = await own_thread(tx, by, thread_id)
        if cursor is not None and not 0 <= cursor <= thread["cursor"]:
            raise InvalidField(f"must be at most {thread['cursor']}, where the journal ends", field="cursor")
        run = await tx.one("run", run_id=run_id) if run_id is not None else None
        if run_id is not None and (run is None or run["thread_id"] != thread_id):
            raise RunNotFound
        end = run["end_cursor"] if run is not None else None
        until = thread["cursor"] if end is None else end
        if cursor is not None:
            return _Reader(thread_id, cursor, run_id, None, until, final=end is not None)
        position = run["cursor"] if run is not None else 0
        return _Reader(thread_id, position, run_id, run_id, until, final=end is not None)

    return await ctx.database.read(body)


async def _read(ctx: Context, reader: _Reader) -> _Look:
    """Return the next page: from the tail if that has all of it, from the cached pages, or from the store."""
    if reader.in_tail:
        found = ctx.tails.after(reader.thread_id, reader.position, reader.only)
        if found is not None:
            return _Look(*found, more=False, ended=False, gone=False)

    found = ctx.chunks.after(reader.place, reader.until)
    if found is not None:
        await asyncio.sleep(0)  # other tasks run between the pages of a long thread
        ended = reader.final and found[1] == reader.until
        return _Look(*found, more=not ended, ended=ended, gone=False)  # the store has more, or its end
    look = await _read_store(ctx, reader)
    if reader.position < look.position <= reader.until:
        ctx.chunks.keep(reader.place, look.page, look.position, full=look.more and not look.ended)
    return look


async def _read_store(ctx: Context, reader: _Reader) -> _Look:
    async def body(tx: Tx) -> _Look:
        thread = await tx.one("thread", thread_id=reader.thread_id)
        if thread is None:
            return _Look(Chunk(), reader.position, False, False, True)
        run = await tx.one("run", run_id=reader.run_id) if reader.run_id is not None else None
        end = run["end_cursor"] if run is not None else None
        entries, position = await read_page(
            tx,
            reader.thread_id,
            reader.position,
            thread["cursor"] if end is None else end,
            max_events=PAGE_EVENTS,
            max_bytes=PAGE_BYTES,
            only=reader.only,
        )
        return _Look(
            Chunk(entries),
            position,
            more=position < thread["cursor"],
            ended=end is not None and position >= end,
            gone=thread["deleted_at"] is not None,
        )

    return await ctx.database.read(body)
