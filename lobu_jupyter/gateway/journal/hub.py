"""The hub: it wakes readers and carries no events.

A reader takes a bell, clears it, reads the store, and only then waits. The bell keeps a wake that comes
between the read and the wait.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


class Bell:
    """A bell that rings when its topic is touched. One reader waits for it."""

    def __init__(self) -> None:
        self._rung = False
        self._only_grown = False
        self._waiter: asyncio.Future[bool] | None = None
        self._until = 0.0  # when the wait ends
        self._timer: asyncio.TimerHandle | None = None  # kept over many waits, because most are short

    def ring(self, *, only_grown: bool = False) -> None:
        """Wake the reader. ``only_grown``: nothing happened but that the thread's tail has grown."""
        self._only_grown = only_grown and (self._only_grown or not self._rung)
        self._rung = True
        self._answer(True)

    def clear(self) -> bool:
        """Forget earlier rings, before a read. Returns True if the tail has all that happened."""
        only_grown = self._only_grown and self._rung
        self._rung = False
        return only_grown

    async def wait(self, seconds: float) -> bool:
        """Wait for a ring. Returns False if none came within `seconds`."""
        if self._rung:
            return True
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._until = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._until:
            self.close()
            self._timer = loop.call_at(self._until, self._look, loop)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """Stop the timer, because nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the wait if its time is over. Else restart the timer, which an earlier wait had started."""
        self._timer = None
        if self._waiter is None:
            return
        if loop.time() < self._until:
            self._timer = loop.call_at(self._until, self._look, loop)
        else:
            self._answer(False)

    def _answer(self, rang: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(rang)


class Hub:
    """The topics and their listeners. Use it on one event loop only."""

    def __init__(self) -> None:
        self._bells: dict[str, set[Bell]] = {}
        self.used = asyncio.Event()  # set while anybody listens

    @contextmanager
    def listen(self, topic: str) -> Generator[Bell]:
        """Yield a bell for `topic`."""
        bell = Bell()
        self._bells.setdefault(topic, set()).add(bell)
        self.used.set()
        try:
            yield bell
        finally:
            bell.close()
            self._bells[topic].discard(bell)
            if not self._bells[topic]:
                del self._bells[topic]
            if not self._bells:
                self.used.clear()

    def listened(self, topic: str) -> bool:
        return topic in self._bells

    def wake(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for bell in self._bells.get(topic, ()):
                bell.ring()

    def grown(self, topic: str) -> None:
        """Wake the readers of a thread whose tail has grown, if nothing else happened to it."""
        for bell in self._bells.get(topic, ()):
            bell.ring(only_grown=True)

    def wake_all(self) -> None:
        """Wake all listeners: another process wrote something, and only the store has it."""
        self.wake(list(self._bells))


def thread_topic(thread_id: str) -> str:
    return f"thread {thread_id}"


def owner_topic(owner: str) -> str:
    """Return the topic of a person's threads: one is made, changed, deleted, or its run begins, pauses, ends."""
    return f"owner {owner}"


def inbox_topic(worker_id: str) -> str:
    return f"inbox {worker_id}"
