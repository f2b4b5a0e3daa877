"""The way from the people to a server: every byte goes through here, so that it can be cut and slowed.

A cut is a reset of every connection, in both directions, whatever it was in the middle of. A slow way takes
from the server no more than it passes on, so that the server's own buffers fill.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Generator

CHUNK = 65536
SLOW_CHUNK, SLOW_STEP = 512, 0.25  # 2 kB/s
SMALL_BUFFER = 8192
RESET = struct.pack("ii", 1, 0)


class Wire:
    """One way, in the loop that opened it; :meth:`cut` and :meth:`slow` may be called from any thread."""

    def __init__(self) -> None:
        self.port = 0
        self._to = 0
        self._slow_until = 0.0
        self._sockets: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/lobu/api/"

    async def open(self, to: int) -> None:
        """Listen, and lead to the port `to`."""
        self._to, self._loop = to, asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- faults -----------------------------------------------------------------------------------

    def cut(self) -> int:
        """Reset what is open; returns how many sockets that were."""
        assert self._loop is not None, "open"
        return asyncio.run_coroutine_threadsafe(self._cut_soon(), self._loop).result(10)

    def slow(self, seconds: float) -> int:
        """Pass on 2 kB a second, for so long; returns how many sockets are open."""
        self._slow_until = time.monotonic() + seconds
        return len(self._sockets)

    async def _cut_soon(self) -> int:
        return self._cut()

    def _cut(self) -> int:
        sockets = list(self._sockets)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        for task in self._tasks:
            task.cancel()
        return len(sockets)

    # -- passing on -------------------------------------------------------------------------------

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError), self._open(writer):
            up, up_writer = await self._connect()
            with self._open(up_writer):
                await self._both_ways((reader, up_writer), (up, writer))

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        """To the server, with a small buffer: what a slow reader has not taken stays at the server."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        plain.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", self._to))
            return await asyncio.open_connection(sock=plain, limit=SMALL_BUFFER)
        except BaseException:
            plain.close()
            raise

    @contextlib.contextmanager
    def _open(self, writer: StreamWriter) -> Generator[None]:
        """Known while it is open, and closed at the end."""
        one: socket.socket = writer.get_extra_info("socket")
        self._sockets.add(one)
        try:
            yield
        finally:
            self._sockets.discard(one)
            writer.transport.abort()

    async def _both_ways(
        self, up: tuple[StreamReader, StreamWriter], down: tuple[StreamReader, StreamWriter]
    ) -> None:
        """Until one side hangs up."""
        ways = [asyncio.ensure_future(self._up(*up)), asyncio.ensure_future(self._down(*down))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _up(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()

    async def _down(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(SLOW_CHUNK if self._is_slow() else CHUNK):
            writer.write(data)
            await writer.drain()
            if self._is_slow():
                await asyncio.sleep(SLOW_STEP)

    def _is_slow(self) -> bool:
        return time.monotonic() < self._slow_until
