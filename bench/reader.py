"""One plain HTTP reader for product and yardsticks: while it receives it only stores; it parses later.

So a reader costs the same for both and stays off the measured path.
"""

from __future__ import annotations

import asyncio
import bisect
import re
import time

from .workload import STAMP

ID = re.compile(rb"(?m)^id: (\d+)$")
LIMIT = 120.0


class Reader(asyncio.Protocol):
    """A GET on a stream. ``stop``: bytes after which it is over; else it ends with the response."""

    def __init__(self, request: bytes, stop: bytes | None) -> None:
        self._request, self._stop = request, stop
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._begun = asyncio.get_running_loop().create_future()
        self._over = asyncio.get_running_loop().create_future()
        self.sent = 0
        self.chunks: list[tuple[int, bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.chunks.append((time.monotonic_ns(), data))
        if not self._begun.done():
            self._begun.set_result(None)
        probe = self._tail + data
        if self._stop in probe if self._stop is not None else probe.endswith(b"\r\n0\r\n\r\n"):
            self.close()
        self._tail = data[-64:]

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self._begun, self._over):
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        if not self._over.done():
            self._over.set_result(None)

    def pause(self) -> None:
        """Stop reading, as a stalled client does."""
        assert self._transport is not None
        self._transport.pause_reading()

    def resume(self) -> None:
        assert self._transport is not None
        self._transport.resume_reading()

    async def attached(self) -> None:
        """Until the first bytes came."""
        async with asyncio.timeout(LIMIT):
            await self._begun

    async def over(self, limit: float = LIMIT) -> Reader:
        async with asyncio.timeout(limit):
            await asyncio.shield(self._over)
        return self

    # -- afterwards ---------------------------------------------------------------------------------

    @property
    def status(self) -> int:
        return int(self.chunks[0][1].split(b" ", 2)[1]) if self.chunks else 0

    @property
    def last(self) -> int:
        """When the last bytes came, in ns."""
        return self.chunks[-1][0]

    @property
    def wire_bytes(self) -> int:
        return sum(len(data) for _, data in self.chunks)

    def body(self) -> bytes:
        """What was sent, without the headers and the chunks' sizes."""
        return b"".join(data for _, data in self._pieces())

    def stamps(self) -> list[tuple[int, int]]:
        """(sent, received) in ns of each stamped item; received with the last byte of its line."""
        ends: list[int] = []
        total = 0
        pieces = self._pieces()
        for _, data in pieces:
            total += len(data)
            ends.append(total)
        body = b"".join(data for _, data in pieces)
        found: list[tuple[int, int]] = []
        for match in STAMP.finditer(body):
            piece = min(bisect.bisect_left(ends, match.end() + 3), len(ends) - 1)
            found.append((int(match[1]), pieces[piece][0]))
        return found

    def ids(self) -> list[int]:
        return [int(name) for name in ID.findall(self.body())]

    def _pieces(self) -> list[tuple[int, bytes]]:
        """The chunked body, piece by piece with its time."""
        raw = b"".join(data for _, data in self.chunks)
        at: list[int] = []
        total = 0
        for _, data in self.chunks:
            total += len(data)
            at.append(total)
        pieces: list[tuple[int, bytes]] = []
        start = raw.find(b"\r\n\r\n") + 4
        while start > 3 and (line := raw.find(b"\r\n", start)) > 0:
            size = int(raw[start:line], 16)
            end = line + 2 + size
            if size == 0:
                break
            data = raw[line + 2 : end]
            received = bisect.bisect_left(at, min(end, total))
            pieces.append((self.chunks[received][0], data))
            start = end + 2
        return pieces


async def read(port: int, path: str, headers: dict[str, str], *, stop: bytes | None = None) -> Reader:
    """Connect and ask."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode()
    sent = time.monotonic_ns()
    loop = asyncio.get_running_loop()
    _, reader = await loop.create_connection(lambda: Reader(request, stop), "127.0.0.1", port)
    reader.sent = sent
    return reader
