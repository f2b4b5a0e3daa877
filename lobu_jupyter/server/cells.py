"""Who executes in a kernel right now, as its iopub channel tells.

A kernel may act for its person only while a person's own cell runs and no agent's code does. Agents'
sessions begin with ``lobu-``; those that only look (``lobu-look``) count as nobody's. Cells run one
after the other, so a person's cell that begins ends whatever was thought to run before it: an idle
message that was lost does not stick.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = "lobu-"
LOOK = "lobu-look"


class Cells:
    """The execute requests that a kernel is busy with. ``is_person``: whether a session is a person's."""

    def __init__(self, is_person: Callable[[str], bool]) -> None:
        self._is_person = is_person
        self._running: dict[str, bool] = {}  # msg_id of the request -> whether it is a person's
        self._changed = asyncio.Event()

    @property
    def attended(self) -> bool:
        """Whether a person's cell runs, and no agent's code."""
        return bool(self._running) and all(self._running.values())

    def busy(self, session: str, msg_id: str) -> None:
        """An execute request of `session` begins."""
        if session.startswith(LOOK):
            return
        person = not session.startswith(AGENT) and self._is_person(session)
        if person:
            self._running.clear()
        self._running[msg_id] = person
        self._changed.set()

    def idle(self, msg_id: str) -> None:
        """The request ended."""
        self._running.pop(msg_id, None)
        self._changed.set()

    def clear(self) -> None:
        """The kernel died or restarted: nothing runs."""
        self._running.clear()
        self._changed.set()

    async def wait_attended(self, seconds: float) -> bool:
        """Whether it is attended now or becomes so: a cell's request may overtake its busy message."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.attended:
                    self._changed.clear()
                    await self._changed.wait()
        return self.attended
