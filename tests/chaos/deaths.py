"""How soon a page hears that its kernel was killed: SIGKILL to RUN_ERROR on a reader's socket, many times.

Each time a kernel is started, code runs in it, a page's socket follows the thread, and the kernel's process is
killed. The clock runs from just before the signal to the moment when the page has read the message.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.servers import RealServer

CODE = "import time; print('in', flush=True); time.sleep(600)"
PATIENCE = 30.0


@dataclass(frozen=True)
class Deaths:
    """Milliseconds of each kill, and the kinds of end that the runs had."""

    milliseconds: list[float]
    codes: set[str]

    def percentile(self, percent: int) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, -(-len(ordered) * percent // 100) - 1)]

    def __str__(self) -> str:
        return (
            f"{len(self.milliseconds)} kernels killed; to RUN_ERROR on a page's socket: p50 "
            f"{statistics.median(self.milliseconds):.0f} ms, p99 {self.percentile(99):.0f} ms, "
            f"worst {max(self.milliseconds):.0f} ms; ends: {sorted(self.codes)}"
        )


async def measure(home: Path, kills: int, say: Callable[[str], None] = lambda line: None) -> Deaths:
    """Kill so many kernels of one real server, one after the other."""
    server = RealServer(home)
    try:
        await asyncio.to_thread(server.start)
        async with server.async_client() as http:
            ends = [await _kill_one(server, http) for _ in range(kills)]
    finally:
        await asyncio.to_thread(server.stop)
    for number, (milliseconds, code) in enumerate(ends, 1):
        say(f"  kill {number}: {milliseconds:.0f} ms, {code}")
    return Deaths([milliseconds for milliseconds, _ in ends], {code for _, code in ends})


async def _kill_one(server: RealServer, http: httpx.AsyncClient) -> tuple[float, str]:
    kernel = await asyncio.to_thread(server.start_kernel)
    thread = (await _post(http, "threads", {"kernelId": kernel}))["threadId"]
    url = server.api.replace("http", "ws", 1) + "socket"
    socket = await websocket_connect(HTTPRequest(url, headers=server.auth))
    try:
        await socket.write_message(json.dumps({"type": "follow", "threadId": thread, "cursor": 0}))
        body = {"prompt": f"run {CODE}", "agent": "script", "mode": "allow"}
        await _post(http, f"threads/{thread}/runs", body)
        await _hear(socket, "lobu.output")
        pid = server.kernel_pid(kernel)
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        end = await _hear(socket, "RUN_ERROR")
        return (time.perf_counter() - began) * 1000, end["code"]
    finally:
        socket.close()
        with contextlib.suppress(httpx.HTTPStatusError):  # it may be restarting just now
            await asyncio.to_thread(server.shut_down_kernel, kernel)


async def _post(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await http.post(path, json=body)
    reply.raise_for_status()
    return reply.json()


async def _hear(socket: WebSocketClientConnection, kind: str) -> dict[str, Any]:
    """The first event of a type, or of a name."""
    async with asyncio.timeout(PATIENCE):
        while True:
            text = await socket.read_message()
            assert text is not None, "the server closed the page's socket"
            for item in json.loads(text).get("events", []):
                if kind in (item["event"]["type"], item["event"].get("name")):
                    return item["event"]
