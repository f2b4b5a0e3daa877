"""The logic of a follow without I/O: the cursor, the entries of a connection and the delay before the next.

A reader is a cursor. A connection that breaks, falls silent or ends too early is no error: the next one
continues after the cursor, and no entry at or before it is returned twice. The reader gives up, with
:class:`ServerGone`, only if nothing came through for ``patience`` seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.model.errors import LobuError, StoreTooNew, StoreUnavailable, from_wire
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.runs import Entry

from .errors import ServerGone

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

    from .backoff import Backoff

_ENDS = ("RUN_FINISHED", "RUN_ERROR")


class Reading:
    """One reader of a thread's journal, over as many connections as it takes."""

    def __init__(
        self, thread_id: str, cursor: int | None, run_id: str | None, follow: bool, backoff: Backoff
    ) -> None:
        self.path = f"threads/{thread_id}/events"
        self.done = False
        self._cursor = cursor
        self._run_id = run_id
        self._follow = follow
        self._backoff = backoff
        self._error: LobuError | None = None
        self._last: Entry | None = None
        self._resumed = False

    @property
    def begun(self) -> bool:
        """Return whether anything was read, or a connection was lost."""
        return self._last is not None or self._resumed

    @property
    def query(self) -> dict[str, Any]:
        """Return the query of the next connection."""
        query: dict[str, Any] = {}
        if self._cursor is not None:
            query["cursor"] = self._cursor
        if self._run_id is not None:
            query["runId"] = self._run_id
        if not self._follow:
            query["follow"] = "false"
        return query

    def feed(self, sse: ServerSentEvent) -> list[Entry]:
        """Return the entry of a server-sent event if it is new, or nothing (a heartbeat)."""
        if sse.event == "error":
            self._error = from_wire(msgspec.json.decode(sse.data)["error"])
            return []
        self._backoff.succeeded()
        if not sse.data or (self._cursor is not None and int(sse.id) <= self._cursor):
            return []
        self._last = Entry(seq=int(sse.id), body=sse.data.encode())
        self._cursor = self._last.seq
        return [self._last]

    def closed(self) -> None:
        """Record that the server closed the stream in good order, at the end or too early.

        Raises:
            LobuError: the server reported why it could not continue, as when the thread was deleted. A store that
                is away may come back, so that is waited for.
        """
        error, self._error = self._error, None
        if may_come_back(error):
            return
        if error is not None:
            raise error
        if not self._follow:
            self.done = True
        elif self._run_id is not None:
            nothing_was_left = self._last is None and self._cursor is not None and not self._resumed
            self.done = nothing_was_left or self._is_end(self._last)

    def delay(self, why: object) -> float:
        """Return the seconds until the next connection.

        Raises:
            ServerGone: nothing came through for too long.
        """
        self._resumed = True
        delay = self._backoff.delay()
        if delay is None:
            raise ServerGone(
                f"No event for {self._backoff.patience:g} s: {why}. Is the Jupyter server running?"
            )
        return delay

    @staticmethod
    def _is_end(entry: Entry | None) -> bool:
        return entry is not None and decode(entry.body).get("type") in _ENDS


def may_come_back(error: LobuError | None) -> bool:
    """Return whether an error says that the store is away only now."""
    return isinstance(error, StoreUnavailable) and not isinstance(error, StoreTooNew)
