"""An event loop in a thread for a widget's background work. It ends with the widget."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from lobu_jupyter.client.http import AsyncClient

_END_SECONDS = 5.0


class Background:
    """A runner of coroutines that share one client. :meth:`close` cancels the rest, and waits for it."""

    def __init__(self, connect: Callable[[], AsyncClient], name: str) -> None:
        self.client = connect()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, None]) -> Callable[[], None]:
        """Start `work`, from any thread. Returns a function that cancels it."""
        task: list[asyncio.Task[None]] = []

        def begin() -> None:
            task.append(self._loop.create_task(work))
            self._tasks.add(task[0])
            task[0].add_done_callback(self._tasks.discard)

        def cancel() -> None:
            self._loop.call_soon_threadsafe(lambda: task[0].cancel())

        self._loop.call_soon_threadsafe(begin)
        return cancel

    def finish(self, work: Coroutine[Any, Any, None], seconds: float) -> None:
        """Start `work`, and wait until it has ended, or for `seconds`. It goes on after them."""
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def close(self) -> None:
        """Cancel everything and end the thread. May be repeated."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._finish())
        finally:
            self._loop.close()

    async def _finish(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.close()
