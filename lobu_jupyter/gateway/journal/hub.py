"""The hub wakes readers; it carries no events.

Who waits takes a bell, clears it, looks at the store, and only then waits: a wake between the look
and the wait is kept by the bell.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


class Bell:
    """Rings when its topic was touched; one waits for it."""

    def __init__(self) -> None:
        self._rung = False
        self._only_grown = False
        self._waiter: asyncio.Future[bool] | None = None
        self._until = 0.0  # when the wait ends
        self._timer: asyncio.TimerHandle | None = None  # kept over many waits, for most are short

    def ring(self, *, only_grown: bool = False) -> None:
        """``only_grown``: all that happened is that the thread's tail has grown."""
        self._only_grown = only_grown and (self._only_grown or not self._rung)
        self._rung = True
        self._answer(True)

    def clear(self) -> bool:
        """Forget earlier rings; call it before looking. True if all that happened is in the tail."""
        only_grown = self._only_grown and self._rung
        self._rung = False
        return only_grown

    async def wait(self, seconds: float) -> bool:
        """True when it rang within `seconds`."""
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
        """Nobody waits for it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """The timer of an earlier wait has run out; of this one perhaps too."""
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
    """Topics and those who listen to them. Only for one event loop."""

    def __init__(self) -> None:
        self._bells: dict[str, set[Bell]] = {}
        self.used = asyncio.Event()  # set while anybody listens

    @contextmanager
    def listen(self, topic: str) -> Generator[Bell]:
        """A bell for `topic`."""
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
        """The tail of a thread has grown, and nothing else happened to it."""
        for bell in self._bells.get(topic, ()):
            bell.ring(only_grown=True)

    def wake_all(self) -> None:
        """Another process wrote something; what, only the store knows."""
        self.wake(list(self._bells))


def thread_topic(thread_id: str) -> str:
    return f"thread {thread_id}"


def owner_topic(owner: str) -> str:
    """Rung when one of a person's threads was made, changed or deleted, or a run of it began, paused or ended."""
    return f"owner {owner}"


def inbox_topic(worker_id: str) -> str:
    return f"inbox {worker_id}"
