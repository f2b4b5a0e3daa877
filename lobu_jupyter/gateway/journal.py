"""The journal: what is appended gets the next seqs of its thread; it is read in pages. In the caller's transaction."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from lobu_jupyter.model.events import Event, encode
from lobu_jupyter.model.runs import Entry

from .hub import owner_topic, thread_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

_SHORTEST, _LONGEST = 8, 128  # how many events are read at once: few before it is known that they are small
_SEPARATOR = b"\x1e"


async def append(tx: Tx, thread_id: str, run_id: str | None, bodies: Sequence[bytes], now: float) -> int:
    """Journal `bodies` of a run (None: between runs); returns the thread's new cursor."""
    end = await tx.one("end_of_journal", thread_id=thread_id)
    assert end is not None, "only threads that exist are written to"
    cursor = await _insert(tx, end["number"], run_id, end["cursor"], bodies)
    await tx.run("touch_thread", thread_id=thread_id, now=now)
    tx.wake(thread_topic(thread_id))
    tx.wake(owner_topic(end["owner"]))
    return cursor


async def append_more(ctx: Context, tx: Tx, lease: Row, bodies: Sequence[bytes]) -> int:
    """The same for what a running run goes on with: readers are given the bytes, not sent to the store.

    ``lease``: with the end of the journal, ``cursor``.
    """
    thread_id, run_id, cursor = lease["thread_id"], lease["run_id"], lease["cursor"]

    def tell() -> None:
        topic = thread_topic(thread_id)
        if ctx.hub.listened(topic):
            ctx.tails.extend(thread_id, run_id, cursor + 1, bodies)
            ctx.hub.grown(topic)

    tx.after(tell)
    return await _insert(tx, lease["thread"], run_id, cursor, bodies)


async def _insert(tx: Tx, thread: int, run_id: str | None, cursor: int, bodies: Sequence[bytes]) -> int:
    """The new cursor of the thread with this number, whose journal ends at `cursor`."""
    rows = [
        {"thread": thread, "seq": seq, "run_id": run_id, "body": body}
        for seq, body in enumerate(bodies, cursor + 1)
    ]
    await tx.many("append_events", rows)
    return cursor + len(bodies)


async def read_page(
    tx: Tx,
    thread_id: str,
    position: int,
    until: int,
    *,
    max_events: int,
    max_bytes: int,
    only: str | None = None,
) -> tuple[list[Entry], int]:
    """The events from `position` (exclusive) to `until` (of the run `only`), and the seq where the page ends.

    That is with the event that fills `max_bytes`, after `max_events`, or where the journal ends. What a damaged
    file has lost is passed over: what follows it keeps its seqs.
    """
    entries: list[Entry] = []
    stretch = _SHORTEST
    while position < until and max_events > 0 and max_bytes > 0:
        first, bodies = await _read_stretch(tx, thread_id, position, until, min(stretch, max_events), only)
        if not bodies:
            break
        sizes = list(accumulate(map(len, bodies)))
        bodies = bodies[: bisect_left(sizes, max_bytes) + 1]
        entries += [Entry(seq, body) for seq, body in enumerate(bodies, first) if body]
        position = first + len(bodies) - 1
        max_events -= len(bodies)
        max_bytes -= sizes[-1]
        stretch = min(4 * stretch, _LONGEST)
    return entries, position


async def _read_stretch(
    tx: Tx, thread_id: str, position: int, until: int, limit: int, only: str | None
) -> tuple[int, list[bytes]]:
    """The seq of the next body, and the bodies from there, at most `limit`; empty is one of another run than `only`."""
    bounds = {"cursor": position, "until": until, "only": only}
    found = await tx.one("stretch_after", thread_id=thread_id, limit=limit, **bounds)
    assert found is not None, "an aggregate is one row"
    if found["last"] is None:
        return position + 1, []
    bodies: list[bytes] = found["bodies"].split(_SEPARATOR)
    first = found["last"] - len(bodies) + 1
    if first > position + 1 and limit > 1:  # a hole, somewhere: of one body alone the seq is known
        return await _read_stretch(tx, thread_id, position, until, 1, only)
    return first, bodies


def stamped(event: Event, now: float) -> bytes:
    """An event of the gateway as journaled bytes, with its time in milliseconds."""
    return encode({**event, "timestamp": int(now * 1000)})
