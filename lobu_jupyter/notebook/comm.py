"""The gateway through a widget's comm, for pages that no Jupyter server served.

The page sends ``{"type": "call", id, method, path, body}``, ``{"type": "open" | "close"}`` and the page
socket's own ``follow`` and ``unfollow``. The kernel sends ``{"type": "reply", id, status, body}``,
``{"type": "opened" | "closed"}`` and the socket's own messages. Reading is done in the background, because the kernel's
main thread is the person's.

A kernel's word is no evidence of a person. The server sees the page's message on its way, as it sees a cell, and lets
the kernel act until that message has been handled. So a call that changes something is made while it is handled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.client.calls import HttpCall
from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model.errors import InvalidField, LobuError, status_of
from lobu_jupyter.model.events import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.model.runs import Entry

    from .background import Background

Message = dict[str, Any]
CALL_SECONDS = 10.0
_METHODS = frozenset({"GET", "POST", "DELETE"})


class Comm:
    """The kernel's end of a widget's comm. ``send`` sends a message to the page."""

    def __init__(self, background: Background, send: Callable[[Message], None]) -> None:
        self._background = background
        self._client = background.client
        self._send = send
        self._tails: dict[str, Callable[[], None]] = {}

    def received(self, message: Any) -> None:
        """Handle a message of the page. Returns at once, or when a call that changes something is done."""
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "call" and message.get("method") != "GET":
            self._background.finish(self._call(message), CALL_SECONDS)
        elif kind == "call":
            self._background.submit(self._call(message))
        elif kind == "open":
            self._background.submit(self._open())
        elif kind == "follow":
            thread_id = str(message.get("threadId"))
            self._unfollow(thread_id)
            tail = self._tail(thread_id, int(message.get("cursor") or 0))
            self._tails[thread_id] = self._background.submit(tail)
        elif kind == "unfollow":
            self._unfollow(str(message.get("threadId")))
        elif kind == "close":
            for thread_id in list(self._tails):
                self._unfollow(thread_id)

    def _unfollow(self, thread_id: str) -> None:
        cancel = self._tails.pop(thread_id, None)
        if cancel is not None:
            cancel()

    async def _open(self) -> None:
        try:
            await self._client.health()
        except LobuError:
            self._send({"type": "closed"})  # the page retries with growing delays
        else:
            self._send({"type": "opened"})

    async def _call(self, message: Message) -> None:
        method, path, body = str(message.get("method")), str(message.get("path")), message.get("body")
        try:
            status, reply = await self._client.send(_call_of(method, path, body))
        except ServerGone as error:
            status, reply = 503, {"error": error.to_wire()}
        except LobuError as error:
            status, reply = status_of(error), {"error": error.to_wire()}
        self._send({"type": "reply", "id": message.get("id"), "status": status, "body": reply})

    async def _tail(self, thread_id: str, cursor: int) -> None:
        try:
            thread = await self._client.threads.get(thread_id)
            state = {"status": str(thread.status), "cursor": thread.cursor}
            self._send({"type": "state", "threadId": thread_id, **state})
            async for batch in self._client.runs.follow(thread_id, cursor):
                self._send(_batch(thread_id, batch))
        except ServerGone:
            self._send({"type": "closed"})
        except LobuError as error:
            self._send({"type": "error", "threadId": thread_id, "error": error.to_wire()})


def _call_of(method: str, path: str, body: Any) -> HttpCall[tuple[int, Any]]:
    if method not in _METHODS or path.startswith("/") or ".." in path or ":" in path:
        raise InvalidField("must be a route of lobu", field="path")
    content = None if body is None else msgspec.json.encode(body)
    return HttpCall(method=method, path=path, body=content, read=lambda status, data: (status, _json(data)))


def _json(data: bytes) -> Any:
    return msgspec.json.decode(data) if data else None


def _batch(thread_id: str, batch: list[Entry]) -> Message:
    if not batch:
        return {"type": "heartbeat"}
    events = [{"seq": entry.seq, "event": decode(entry.body)} for entry in batch]
    return {"type": "events", "threadId": thread_id, "events": events}
