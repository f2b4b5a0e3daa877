"""``python -m tests.hub.load [SERVERS [SECONDS]]``: many servers connected to one process of the service, on PostgreSQL.

The hub is a small stand-in. Prints memory, CPU and times (docs/hub.md). The load and the service share this machine.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from lobu_jupyter.server.face.attachment import Attachment
from lobu_jupyter.server.face.remote import ATTEND_SECONDS
from lobu_jupyter.server.face.wire import (
    PATH,
    SERVER_HEADER,
    VERSION,
    VERSION_HEADER,
    Answer,
    Attach,
    Invoke,
    Up,
    decode_down,
    encode,
)
from tests import postgres
from tests.server.hub.hub import Hub
from tests.server.hub.replica import Replica

AT_ONCE = 20
PAGES, PAGES_A_SECOND = 200, 20


class Connected:
    """The socket of one person's server."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self._number = 0

    @classmethod
    async def open(cls, replica: Replica, token: str) -> Connected:
        headers = {"Authorization": f"token {token}", SERVER_HEADER: "", VERSION_HEADER: str(VERSION)}
        url = replica.url.replace("http", "ws", 1) + PATH
        connected = cls(await websocket_connect(HTTPRequest(url, headers=headers, connect_timeout=60)))
        await connected.ask(lambda number: Attach(number, msgspec.json.encode(Attachment(version="1"))))
        return connected

    async def ask(self, frame: Any) -> float:
        """Send a frame, wait for its answer, and return the seconds."""
        self._number += 1
        began, sent = time.monotonic(), frame(self._number)
        assert isinstance(sent, Up)
        await self._socket.write_message(encode(sent), binary=True)
        while True:
            said = await self._socket.read_message()
            assert isinstance(said, bytes), "the service closed the socket"
            got = decode_down(said)
            if isinstance(got, Answer):
                assert got.error is None, got.error
                return time.monotonic() - began

    async def attend(self, seconds: float, wait: float) -> list[float]:
        """Say each few seconds that the server is there."""
        await asyncio.sleep(wait)
        end, took = time.monotonic() + seconds, list[float]()
        while time.monotonic() < end:
            took.append(await self.ask(lambda number: Invoke(number, "seat.attend", b"{}")))
            await asyncio.sleep(ATTEND_SECONDS)
        return took

    def close(self) -> None:
        self._socket.close()


async def measure(hub: Hub, replica: Replica, count: int, seconds: float) -> None:
    """Connect, attend, and read pages."""
    process = psutil.Process(replica.pid)
    print(f"idle: {_mb(process)}", flush=True)
    began, places = time.monotonic(), asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Connected:
        async with places:
            return await Connected.open(replica, hub.server_token(f"user{number}"))

    servers = await asyncio.gather(*[one(number) for number in range(count)])
    print(f"{count} servers connected in {time.monotonic() - began:.1f} s: {_mb(process)}", flush=True)
    before, began = _cpu(process), time.monotonic()
    beats = [server.attend(seconds, i % 300 * ATTEND_SECONDS / 300) for i, server in enumerate(servers)]
    took = [each for took in await asyncio.gather(*beats) for each in took]
    cpu = (_cpu(process) - before) / (time.monotonic() - began)
    rate = len(took) / (time.monotonic() - began)
    print(f"{rate:.0f} heartbeats/s, {_ms(took)}; {cpu:.2f} core; {_mb(process)}", flush=True)
    before = _cpu(process)
    took = await read_pages(hub, replica)
    cpu = (_cpu(process) - before) / PAGES * 1000
    print(f"{PAGES_A_SECOND} inbox pages/s, {_ms(took)}; {cpu:.1f} ms of CPU each", flush=True)
    for server in servers:
        server.close()


async def read_pages(hub: Hub, replica: Replica) -> list[float]:
    """Read a person's page at a steady rate, and return the seconds of each."""
    headers = {"Authorization": f"token {hub.person_token('user1')}"}
    async with httpx.AsyncClient(base_url=replica.url, headers=headers, timeout=60) as http:
        (await http.get("")).raise_for_status()

        async def one(number: int) -> float:
            await asyncio.sleep(number / PAGES_A_SECOND)
            began = time.monotonic()
            (await http.get("")).raise_for_status()
            return time.monotonic() - began

        return list(await asyncio.gather(*[one(number) for number in range(PAGES)]))


def _mb(process: psutil.Process) -> str:
    return f"{process.memory_full_info().uss / 1e6:.0f} MB"


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _ms(took: list[float]) -> str:
    ordered = sorted(took)
    p50, p99 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99))
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"


def main(arguments: list[str]) -> None:
    count = int(arguments[0]) if arguments else 1000
    seconds = float(arguments[1]) if len(arguments) > 1 else 20.0
    with tempfile.TemporaryDirectory() as home, Hub() as hub:
        replica = Replica(hub, Path(home), postgres.new_store())
        try:
            asyncio.run(measure(hub, replica.start(), count, seconds))
        finally:
            replica.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
