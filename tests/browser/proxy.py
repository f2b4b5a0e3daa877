"""A reverse proxy as clouds have them: it buffers answers, and cuts connections that are idle.

Like nginx it passes an answer on once it is whole, unless the answer asks not to be buffered. The idle
time is scaled down with the server's heartbeats, so it holds for lobu's own addresses only: the pings of
Jupyter's kernel connections are not scaled.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from typing import Self

OURS = b"/lobu/api/"
CHUNK = 65536


class Proxy:
    """Listens on loopback in a thread of its own. ``cuts``: connections that were idle for too long."""

    def __init__(self, port: int, idle_seconds: float) -> None:
        self.port = 0
        self.cuts = 0
        self._to = port
        self._idle = idle_seconds
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._open: set[StreamWriter] = set()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def hang_up(self) -> None:
        """Cut all that is open, as a proxy that is reloaded does."""
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve_one, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        self._loop.remove_reader(server.sockets[0].fileno())  # nothing more is accepted, and what was
        await asyncio.sleep(0)  # gets its transport, which a server that is closed would not let it have
        server.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:  # also of what was just accepted
            self._abort()
            await asyncio.wait(others, timeout=0.1)
        await asyncio.sleep(0)  # what was closed last has its last callback

    async def _serve_one(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One request of one connection."""
        self._open.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
            self._open.add(up_writer)
            try:
                await self._forward(head, reader, writer, up_reader, up_writer)
            finally:
                self._open.discard(up_writer)
                up_writer.close()
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side hung up
        finally:
            self._open.discard(writer)
            writer.close()

    async def _forward(
        self,
        head: bytes,
        reader: StreamReader,
        writer: StreamWriter,
        up: StreamReader,
        up_writer: StreamWriter,
    ) -> None:
        upgrade = b"upgrade: websocket" in head.lower()
        up_writer.write(head if upgrade else one_request(head))
        idle = self._idle if OURS in head.split(b"\r\n")[0] else None
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(pump(reader, up_writer))
            answer = await up.readuntil(b"\r\n\r\n")
            if upgrade or b"x-accel-buffering: no" in answer.lower():
                writer.write(answer)
                await self._stream(up, writer, idle)
            else:
                writer.write(answer + await up.read(-1))
                await writer.drain()
            sending.cancel()

    async def _stream(self, up: StreamReader, writer: StreamWriter, idle: float | None) -> None:
        """Pass on what comes, until nothing comes for `idle` seconds."""
        try:
            while data := await asyncio.wait_for(up.read(CHUNK), idle):
                writer.write(data)
                await writer.drain()
        except TimeoutError:
            self.cuts += 1


async def pump(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


def one_request(head: bytes) -> bytes:
    """The request as the only one of its connection, so that its answer ends with it."""
    first, *lines = head.split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([first, b"Connection: close", *kept])
