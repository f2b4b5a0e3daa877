"""The journal: new events get the next seqs of their thread. All calls use the caller's transaction."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from lobu_jupyter.model.events import Event, encode
from lobu_jupyter.model.runs import Entry

from .hub import owner_topic, thread_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.store.tx import Row, Tx

_MAX_ROWS = 128  # rows that are read at once
_SMALL = 16 * 1024  # bytes: with fewer, more rows are read at once
ALL = 2**62
_SEPARATOR = b"\x1e"


async def append(tx: Tx, thread_id: str, run_id: str | None, bodies: Sequence[bytes], now: float) -> int:
    """Append `bodies` of a run (None: between runs) and return the thread's new cursor. The thread is locked."""
    await tx.lock_leases(thread_id)
    end = await tx.one("end_of_journal", thread_id=thread_id)
    assert end is not None, "only threads that exist are written to"
    cursor = await _insert(tx, end["number"], run_id, end["cursor"], bodies)
    await tx.run("touch_thread", thread_id=thread_id, now=now)
    tx.wake(thread_topic(thread_id))
    tx.wake(owner_topic(end["owner"]))
    return cursor


async def append_more(ctx: Context, tx: Tx, lease: Row, bodies: Sequence[bytes]) -> int:
    """Append `bodies` of a running run, and pass them to its readers, which then need not read the store.

    ``lease``: the run's lease with the end of the journal, ``cursor``.
    """
    thread_id, run_id, cursor = lease["thread_id"], lease["run_id"], lease["cursor"]

    tx.after(lambda: tell_readers(ctx, thread_id, run_id, cursor, bodies))
    tx.tell_others(thread_topic(thread_id))
    return await _insert(tx, lease["thread"], run_id, cursor, bodies)


def tell_readers(ctx: Context, thread_id: str, run_id: str, cursor: int, bodies: Sequence[bytes]) -> None:
    """Pass `bodies`, which were journaled after `cursor`, to the thread's readers on this server."""
    topic = thread_topic(thread_id)
    if ctx.hub.listened(topic):
        ctx.tails.extend(thread_id, run_id, cursor + 1, bodies)
        ctx.hub.grown(topic)


async def _insert(tx: Tx, thread: int, run_id: str | None, cursor: int, bodies: Sequence[bytes]) -> int:
    """Insert `bodies` as one row after `cursor`, the end of the journal, and return the new cursor."""
    last = cursor + len(bodies)
    joined = _SEPARATOR.join(bodies)
    await tx.run("append_events", thread=thread, first=cursor + 1, last=last, run_id=run_id, bodies=joined)
    return last


async def read_page(
    tx: Tx,
    thread_id: str,
    position: int,
    until: int,
    *,
    max_events: int = ALL,
    max_bytes: int = ALL,
    only: str | None = None,
) -> tuple[list[Entry], int]:
    """Return the events from `position` (exclusive) to `until` (of the run `only`), and where the page ends.

    The page ends with the event that fills `max_bytes`, after `max_events`, or at the end of the journal.
    Events that a damaged file has lost are skipped, and later events keep their seqs.
    """
    entries: list[Entry] = []
    rows = 1
    while position < until and max_events > 0 and max_bytes > 0:
        first, bodies = await _read_stretch(tx, thread_id, position, until, rows, only)
        if not bodies:
            break
        start = max(first, position + 1)
        bodies = bodies[start - first : until + 1 - first][:max_events]
        sizes = list(accumulate(map(len, bodies)))
        bodies = bodies[: bisect_left(sizes, max_bytes) + 1]
        entries += [Entry(seq, body) for seq, body in enumerate(bodies, start) if body]
        position = start + len(bodies) - 1
        max_events -= len(bodies)
        max_bytes -= sizes[-1]
        rows = min(4 * rows, _MAX_ROWS) if sizes[-1] < _SMALL else rows
    return entries, position


async def _read_stretch(
    tx: Tx, thread_id: str, position: int, until: int, rows: int, only: str | None
) -> tuple[int, list[bytes]]:
    """Return the first seq and the bodies of `rows` rows, from the row of the event after `position`.

    The body of another run than `only` is empty, and so is one that a damaged row has lost.
    """
    bounds = {"position": position, "until": until, "only": only}
    found = await tx.one("stretch_after", thread_id=thread_id, limit=rows, **bounds)
    assert found is not None, "an aggregate is one row"
    if found["first"] is None:
        return position + 1, []
    bodies: list[bytes] = found["bodies"].split(_SEPARATOR)
    count = found["last"] - found["first"] + 1
    if len(bodies) == count:
        return found["first"], bodies
    if rows > 1:  # there is a hole somewhere
        return await _read_stretch(tx, thread_id, position, until, 1, only)
    return found["first"], (bodies + [b""] * count)[:count]


async def read_run(tx: Tx, run: Row) -> list[Entry]:
    """Return all events of a run that has begun."""
    entries, _ = await read_page(tx, run["thread_id"], run["start_cursor"] - 1, ALL, only=run["run_id"])
    return entries


def stamped(event: Event, now: float) -> bytes:
    """Return an event of the gateway as journaled bytes, with its time in milliseconds."""
    return encode({**event, "timestamp": int(now * 1000)})
