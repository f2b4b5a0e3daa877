"""The journal: what is appended gets the next seqs of its thread, in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.model.events import Event, encode

from .hub import owner_topic, thread_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.store.tx import Tx

    from .context import Context


async def append(tx: Tx, thread_id: str, run_id: str | None, bodies: Sequence[bytes], now: float) -> int:
    """Journal `bodies` of a run (None: between runs); returns the thread's new cursor."""
    cursor, owner = await _insert(tx, thread_id, run_id, bodies)
    await tx.run("touch_thread", thread_id=thread_id, now=now)
    tx.wake(thread_topic(thread_id))
    tx.wake(owner_topic(owner))
    return cursor


async def append_more(ctx: Context, tx: Tx, thread_id: str, run_id: str, bodies: Sequence[bytes]) -> int:
    """The same for what a running run goes on with: readers are given the bytes, not sent to the store."""
    cursor, _ = await _insert(tx, thread_id, run_id, bodies)

    def tell() -> None:
        topic = thread_topic(thread_id)
        if ctx.hub.listened(topic):
            ctx.tails.extend(thread_id, run_id, cursor - len(bodies) + 1, bodies)
            ctx.hub.grown(topic)

    tx.after(tell)
    return cursor


async def _insert(tx: Tx, thread_id: str, run_id: str | None, bodies: Sequence[bytes]) -> tuple[int, str]:
    """The thread's new cursor and its owner."""
    moved = await tx.one("move_cursor", thread_id=thread_id, count=len(bodies))
    assert moved is not None, "only threads that exist are written to"
    first = moved["cursor"] - len(bodies) + 1
    await tx.many(
        "append_events",
        [
            {"thread_id": thread_id, "seq": first + i, "run_id": run_id, "body": b}
            for i, b in enumerate(bodies)
        ],
    )
    return moved["cursor"], moved["owner"]


def stamped(event: Event, now: float) -> bytes:
    """An event of the gateway as journaled bytes, with its time in milliseconds."""
    return encode({**event, "timestamp": int(now * 1000)})
