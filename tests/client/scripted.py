"""A server that does to its clients exactly what a test says, down to the socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

CUT = b"cut"
"""In a script: break the connection here, as a network would."""
HOLD = b"hold"
"""In a script: say nothing more, and keep the connection."""


@dataclass
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Scripted:
    """Answers the n-th request with ``script(n, request)``: pieces of a raw reply."""

    def __init__(self, script: Callable[[int, Seen], list[bytes]]) -> None:
        self.seen: list[Seen] = []
        self.url = ""
        self.connections: list[asyncio.Task[None] | None] = []
        self._script = script

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.current_task())
        try:
            await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client left
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read(reader)
        self.seen.append(request)
        for piece in self._script(len(self.seen) - 1, request):
            if piece is CUT:
                writer.transport.abort()
                return
            if piece is HOLD:
                await reader.read()  # until the client goes
                return
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def serving(script: Callable[[int, Seen], list[bytes]]) -> AsyncIterator[Scripted]:
    """The scripted server on loopback while the block runs."""
    scripted = Scripted(script)
    server = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield scripted
    finally:
        server.close()
        await asyncio.gather(*filter(None, scripted.connections))


def reply(status: int, body: Any = None, *, content: bytes | None = None) -> bytes:
    """A whole reply with a JSON body."""
    data = content if content is not None else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    return head.encode() + data


def stream(*chunks: bytes) -> list[bytes]:
    """The beginning of an event stream; :func:`end` ends it in good order, and then the server hangs up."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    return [head, *(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)]


def end() -> bytes:
    return b"0\r\n\r\n"


def frame(seq: int, type_: str = "CUSTOM", **members: Any) -> bytes:
    """One SSE frame."""
    event = {"type": type_, "name": "n", "value": seq, **members}
    return f"id: {seq}\ndata: {json.dumps(event)}\n\n".encode()


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Seen(method, parts.path, dict(parse_qsl(parts.query)), headers, body)
