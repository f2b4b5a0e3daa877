"""A run's events on their way to the journal: in numbered batches, each acknowledged before the next.

Streamed text is sent at most once per frame of a screen, its first part at once. Other events do not wait.
The queue is bounded: a sender is held back while the gateway is slower than the agent.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from lobu_jupyter.model.events import Event, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_EVENTS = 500
MAX_BYTES = 256 * 1024
MAX_WAITING_BYTES = 1024 * 1024
GATHER_SECONDS = 0.016  # a frame of a screen: deltas of one frame are drawn together anyway
MAX_DELTA = 10_000  # characters: even escaped sixfold it fits into an event
_DELTAS = {
    "TEXT_MESSAGE_CONTENT": "messageId",
    "REASONING_MESSAGE_CONTENT": "messageId",
    "TOOL_CALL_ARGS": "toolCallId",
}
_TIMED = frozenset({"TEXT_MESSAGE_START", "REASONING_START", "TOOL_CALL_START", "TOOL_CALL_RESULT"})


class Batcher:
    """A queue of one run's events. :meth:`pump` posts them and must run beside the senders."""

    def __init__(
        self,
        run_id: str,
        incarnation: int,
        post: Callable[[bytes], Awaitable[None]],
        *,
        max_events: int = MAX_EVENTS,
    ) -> None:
        self._run_id, self._incarnation, self._post = run_id, incarnation, post
        self._max_events = max_events
        self._ready: deque[bytes] = deque()  # encoded once, in order
        self._waiting_bytes = 0
        self._delta: Event | None = None  # the text that is being gathered
        self._left_at = 0.0  # when the last batch was sent: text waits a frame from then
        self._number = 0
        self._checkpoint: str | None = None
        self._ending = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._drained = asyncio.Event()

    async def send(self, event: Event) -> None:
        """Queue an event. Waits while the queue is full."""
        for part in _small(event):
            await self._room.wait()
            self._take(part)

    async def flush(self) -> None:
        """Wait until every queued event is acknowledged, and so durable."""
        self._close_delta()
        while self._ready:
            self._drained.clear()
            await self._drained.wait()

    async def finish(self, event: Event, checkpoint: str | None = None) -> None:
        """Queue the run's last event. :meth:`pump` returns when it is acknowledged."""
        await self.send(event)
        self._checkpoint = checkpoint
        self._ending = True
        self._news.set()

    def replace_all(self, event: Event) -> None:
        """Drop the queue, which the gateway refused, and end the run with `event`."""
        self._ready.clear()
        self._delta = None
        self._waiting_bytes = 0
        self._checkpoint = None
        self._add(encode(event))
        self._ending = True

    async def pump(self) -> None:
        """Post batches until the run's last event is acknowledged.

        Raises:
            LobuError: the gateway refused a batch, or is gone. Its events still wait.
        """
        while True:
            await self._something()
            batch = self._next_batch()
            last = self._ending and len(batch) == len(self._ready)
            self._number += 1
            self._left_at = time.monotonic()
            try:
                await self._post(self._body(batch, self._checkpoint if last else None))
            except BaseException:
                self._number -= 1
                raise
            self._acked(batch)
            if last:
                return

    def _take(self, event: Event) -> None:
        member = _DELTAS.get(event["type"])
        if member is not None and self._gather(event, member):
            return
        self._close_delta()
        if event["type"] in _TIMED:
            event = {"timestamp": time.time_ns() // 1_000_000, **event}
        if member is None:
            self._add(encode(event))
        else:
            self._delta = dict(event)
        self._news.set()

    def _gather(self, event: Event, member: str) -> bool:
        """Append a delta to the one being gathered, if it continues the same text."""
        open_ = self._delta
        if open_ is None or open_.keys() != event.keys() or len(open_["delta"]) > MAX_DELTA // 2:
            return False
        if any(open_[k] != event[k] for k in ("type", member, "subagentRunId") if k in event):
            return False
        open_["delta"] += event["delta"]
        return len(open_["delta"]) <= MAX_DELTA or self._close_delta()

    def _close_delta(self) -> bool:
        if self._delta is not None:
            self._add(encode(self._delta))
            self._delta = None
        return True

    def _add(self, body: bytes) -> None:
        self._ready.append(body)
        self._waiting_bytes += len(body)
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self._room.clear()
        self._news.set()

    async def _something(self) -> None:
        """Wait until there is something to post."""
        while not self._ready and not self._ending:
            self._news.clear()
            if self._delta is None:
                await self._news.wait()
                continue
            left = self._left_at + GATHER_SECONDS - time.monotonic()
            if left <= 0:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()
        self._close_delta()  # the gathered text joins the next batch

    def _next_batch(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        for body in self._ready:
            if batch and (len(batch) == self._max_events or size + len(body) > MAX_BYTES):
                break
            batch.append(body)
            size += len(body)
        return batch

    def _body(self, batch: list[bytes], checkpoint: str | None) -> bytes:
        """Return the request's body, with the encoded events spliced in instead of encoded again."""
        head = {"runId": self._run_id, "incarnation": self._incarnation, "batch": self._number}
        if checkpoint is not None:
            head["checkpoint"] = checkpoint
        return msgspec.json.encode(head)[:-1] + b',"events":[' + b",".join(batch) + b"]}"

    def _acked(self, batch: list[bytes]) -> None:
        for body in batch:
            self._ready.popleft()
            self._waiting_bytes -= len(body)
        if self._waiting_bytes <= MAX_WAITING_BYTES:
            self._room.set()
        if not self._ready:
            self._drained.set()


def _small(event: Event) -> list[Event]:
    """Return the event, or several with the same text if its delta is too long for one."""
    if event["type"] not in _DELTAS or len(event["delta"]) <= MAX_DELTA:
        return [event]
    text = event["delta"]
    return [{**event, "delta": text[i : i + MAX_DELTA]} for i in range(0, len(text), MAX_DELTA)]
