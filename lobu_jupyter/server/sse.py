"""Server-sent events from a follow: one write per wake-up, bounded memory, no reader left behind.

The next page is read only after the last one has been written to the socket, so a slow client costs one
page. When the client disconnects, the pump is cancelled and its generator closed. The run continues.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import msgspec
from tornado.iostream import StreamClosedError

from lobu_jupyter.model.errors import LobuError

from .handler import LobuHandler

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from tornado.iostream import IOStream

    from lobu_jupyter.model.runs import Entry

HEARTBEAT = b": \n\n"
DEAD_SOCKET_MS = 60_000


def frames(entries: list[Entry]) -> bytes:
    """Return the SSE frames of a page, spliced from the journal's bytes."""
    return b"".join([b"id: %d\ndata: %b\n\n" % (entry.seq, entry.body) for entry in entries])


class StreamHandler(LobuHandler):
    """Base of the routes that return server-sent events."""

    _track_activity = False
    _pump: asyncio.Task[None] | None = None

    async def stream(self, chunks: AsyncGenerator[bytes]) -> None:
        """Send chunks until they end or the client is gone. An error before the first is a plain reply."""
        async with aclosing(chunks):
            first = await anext(chunks, b"")
            self._pump = asyncio.create_task(self._send(first, chunks), name=f"stream {self.request.path}")
            try:
                if self.request.connection is None or self.request.connection.stream.closed():  # pyright: ignore[reportAttributeAccessIssue]
                    self._pump.cancel()
                await self._pump
            except asyncio.CancelledError:
                if not self._pump.cancelled():
                    self._pump.cancel()
                    raise

    async def _send(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self._begin()
        with suppress(StreamClosedError):
            self.write(first)
            await self.flush()
            try:
                async for chunk in rest:
                    self.write(chunk)
                    await self.flush()
            except LobuError as error:
                wire = msgspec.json.encode({"error": error.to_wire()})
                self.write(b"event: error\ndata: %b\n\n" % wire)
            await self.finish(set_content_type="text/event-stream")

    def _begin(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        _send_at_once(self)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._pump is not None:
            self._pump.cancel()


def _send_at_once(handler: LobuHandler) -> None:
    """Send small writes without waiting for an ACK, and detect a vanished peer without a heartbeat."""
    connection: IOStream | None = getattr(handler.request.connection, "stream", None)
    sock = None if connection is None else connection.socket  # None once it is closed
    if connection is None or sock is None:
        return
    connection.set_nodelay(True)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_SOCKET_MS)
