"""Readers: each sees one thread from one cursor, over a stream of its own or over its page's one socket.

They come back with the cursor that they have, whatever became of their connection, and keep what they were
told byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError

from lobu_jupyter.worker.batch_wire import dial

from .wires import Wire

AGAIN_SECONDS = 0.05
SLOWLY_SECONDS = 0.02
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 45.0  # three heartbeats


@dataclass
class Reader:
    """What one reader saw of a thread: (seq, event) in the order of arrival."""

    thread: str
    start: int
    seen: list[tuple[int, str]] = field(default_factory=list)
    connections: int = 0
    over: str = "stream"

    @property
    def cursor(self) -> int:
        return self.seen[-1][0] if self.seen else self.start


class _Item(msgspec.Struct):
    seq: int
    event: msgspec.Raw


class _Down(msgspec.Struct, rename="camel"):
    """A message of a page's socket, of any type."""

    type: str
    thread_id: str = ""
    events: list[_Item] = msgspec.field(default_factory=list[_Item])
    error: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


_down = msgspec.json.Decoder(_Down)


class Page:
    """A browser's page: one socket for all the threads that it shows, and a cursor for each.

    ``cuts``: one that is reloaded after a few messages, and draws slowly.
    """

    def __init__(
        self, wires: list[Wire], auth: Callable[[Wire], dict[str, str]], dice: random.Random, *, cuts: bool
    ) -> None:
        self._wires, self._auth, self._dice, self._cuts = wires, auth, dice, cuts
        self._readers: dict[str, Reader] = {}
        self._socket: WebSocketClientConnection | None = None
        self.problems: list[str] = []

    def watch(self, thread: str, cursor: int) -> Reader:
        """Show a thread that this page does not show yet."""
        reader = self._readers[thread] = Reader(thread, cursor, over="page")
        self._say({"type": "follow", "threadId": thread, "cursor": cursor})
        return reader

    def unwatch(self, thread: str) -> None:
        """Show it no longer."""
        del self._readers[thread]
        self._say({"type": "unfollow", "threadId": thread})

    async def live(self) -> None:
        """Be connected, for ever."""
        while True:
            wire = self._dice.choice(self._wires)
            request = HTTPRequest(
                wire.api.replace("http", "ws", 1) + "socket",
                headers=self._auth(wire),
                connect_timeout=CONNECT_SECONDS,
                request_timeout=CONNECT_SECONDS,
            )
            try:
                self._socket = await dial(request)
                await self._hear(self._socket)
            except HTTPClientError as error:
                if error.code not in (503, 599):
                    self.problems.append(f"a page was refused: {error}")
            except (OSError, WebSocketClosedError, TimeoutError):
                pass  # cut, frozen or dead: come back
            finally:
                if self._socket is not None:
                    left, self._socket = self._socket, None
                    await _hang_up(left)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, socket: WebSocketClientConnection) -> None:
        for reader in self._readers.values():
            reader.connections += 1
            self._say({"type": "follow", "threadId": reader.thread, "cursor": reader.cursor})
        left = self._dice.randint(5, 30) if self._cuts else 2**31
        while left > 0:
            async with asyncio.timeout(SILENCE_SECONDS if self._readers else None):
                text = await socket.read_message()
            if text is None or not self._take(_down.decode(text)):
                return
            left -= 1
            if self._cuts:
                await asyncio.sleep(SLOWLY_SECONDS)

    def _take(self, message: _Down) -> bool:
        """Keep what it says; False: the page must connect anew."""
        reader = self._readers.get(message.thread_id)
        if message.type == "error":
            if reader is not None and message.error.get("code") != "store_unavailable":
                self.problems.append(f"a page was told of {message.thread_id}: {message.error}")
            return False
        if reader is not None:  # else unfollowed while it was on its way
            reader.seen += [(item.seq, bytes(item.event).decode()) for item in message.events]
        return True

    def _say(self, message: dict[str, Any]) -> None:
        """Where there is no connection, the next one begins with all follows."""
        if self._socket is not None:
            with contextlib.suppress(WebSocketClosedError):
                self._socket.write_message(json.dumps(message))


async def _hang_up(socket: WebSocketClientConnection) -> None:
    """Close it, and take what is on its way until it is closed; tornado waits 5 s for a server that is silent."""
    stream = None if socket.protocol is None else socket.protocol.stream
    socket.close()
    while stream is not None and not stream.closed():
        await socket.read_message()


class Stream:
    """A program's stream of one thread. ``cuts``: one that leaves after a few events, and reads slowly."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        wires: list[Wire],
        auth: Callable[[Wire], dict[str, str]],
        dice: random.Random,
        reader: Reader,
        *,
        cuts: bool,
    ) -> None:
        self._http, self._wires, self._auth, self._dice = http, wires, auth, dice
        self.reader, self._cuts = reader, cuts
        self.problems: list[str] = []

    async def live(self) -> None:
        """Read for ever."""
        while True:
            wire = self._dice.choice(self._wires)
            url, params = f"{wire.api}threads/{self.reader.thread}/events", {"cursor": self.reader.cursor}
            with contextlib.suppress(httpx.TransportError):
                self.reader.connections += 1
                async with self._http.stream("GET", url, params=params, headers=self._auth(wire)) as reply:
                    if reply.status_code == 200:
                        await self._take(reply)
                    elif reply.status_code != 503:
                        await reply.aread()
                        self.problems.append(f"{url}: {reply.status_code} {reply.text[:300]}")
                        return
            await asyncio.sleep(AGAIN_SECONDS)

    async def _take(self, reply: httpx.Response) -> None:
        seq, left, failed = 0, self._dice.randint(1, 8) if self._cuts else 2**31, False
        async for line in reply.aiter_lines():
            if line.startswith("id: "):
                seq = int(line[4:])
            elif line.startswith("event: error"):
                failed = True
            elif line.startswith("data: ") and failed:
                if json.loads(line[6:])["error"]["code"] != "store_unavailable":
                    self.problems.append(f"a stream of {self.reader.thread} ended with {line[6:]}")
                return
            elif line.startswith("data: "):
                json.loads(line[6:])
                self.reader.seen.append((seq, line[6:]))
                left -= 1
                if left <= 0:
                    return
                if self._cuts:
                    await asyncio.sleep(SLOWLY_SECONDS)
