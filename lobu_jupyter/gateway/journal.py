"""The journal: what is appended gets the next seqs of its thread, in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.model.events import Event, encode

from .hub import owner_topic, thread_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context


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


def stamped(event: Event, now: float) -> bytes:
    """An event of the gateway as journaled bytes, with its time in milliseconds."""
    return encode({**event, "timestamp": int(now * 1000)})
