"""Who is measured: the product and the yardsticks, each a process, with one face."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx
import psutil

from tests.servers import REPOSITORY, RealServer

from .reader import Reader, read

OPTIONS = ("--LobuApp.max_runs_per_user=64", "--ServerApp.log_level=WARN")


class Run(Protocol):
    """One run on a peer, begun or not."""

    async def read(self, cursor: int = 0, *, to_end: bool = False, stop: bytes | None = None) -> Reader: ...
    async def start(
        self, tokens: int, tools: int, rate: float = 0, hold: bool = False, *, phase: float | None = None
    ) -> None: ...


class Peer(Protocol):
    name: str
    pid: int

    def new_run(self) -> Run: ...


class YardstickRun:
    def __init__(self, yardstick: Yardstick) -> None:
        self._peer, self._name = yardstick, "r" + secrets.token_hex(6)

    async def read(self, cursor: int = 0, *, to_end: bool = False, stop: bytes | None = None) -> Reader:
        stop = None if to_end else stop or b"event: done"
        path = f"/stream/{self._name}?cursor={cursor}"
        reader = await read(self._peer.port, path, {}, stop=stop)
        await reader.attached()
        return reader

    async def start(
        self, tokens: int, tools: int, rate: float = 0, hold: bool = False, *, phase: float | None = None
    ) -> None:
        asked = {"tokens": tokens, "tools": tools, "rate": rate, "hold": hold}
        asked |= {"phase": phase} if phase is not None else {}
        reply = await self._peer.http.post(f"/start/{self._name}?{urlencode(asked)}")
        reply.raise_for_status()


class Yardstick:
    """``floor`` or ``raw``."""

    def __init__(self, name: str, pid: int, port: int) -> None:
        self.name, self.pid, self.port = name, pid, port
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")

    def new_run(self) -> YardstickRun:
        return YardstickRun(self)


class ProductRun:
    def __init__(self, product: Product, thread: str) -> None:
        self._peer, self.thread = product, thread
        self.run = ""

    async def read(self, cursor: int = 0, *, to_end: bool = False, stop: bytes | None = None) -> Reader:
        """``to_end``: until the response ends with the run; else until `stop`, or the run's end, was seen."""
        stop = None if to_end else stop or b'"RUN_FINISHED"'
        path = f"/lobu/api/threads/{self.thread}/events?cursor={cursor}"
        path += f"&runId={self.run}" if to_end else ""
        server = self._peer.server
        reader = await read(server.port, path, server.auth, stop=stop)
        await reader.attached()
        return reader

    async def start(self, tokens: int, tools: int, rate: float = 0, hold: bool = False, **more: Any) -> None:
        load = {"tokens": tokens, "tools": tools, "rate": rate, "hold": hold, **more}
        body = {"agent": "bench", "prompt": json.dumps(load)}
        reply = await self._peer.http.post(f"threads/{self.thread}/runs", json=body)
        self.run = reply.raise_for_status().json()["runId"]

    async def cancel(self) -> None:
        (await self._peer.http.post(f"runs/{self.run}/cancel")).raise_for_status()


class Product:
    """A real Jupyter server with auth on, and a worker process that makes load."""

    name = "product"

    def __init__(self, server: RealServer) -> None:
        self.server = server
        self.http = server.async_client()

    @property
    def pid(self) -> int:
        return self.server.pid

    def new_run(self) -> ProductRun:
        thread = httpx.post(self.server.api + "threads", json={}, headers=self.server.auth)
        return ProductRun(self, thread.raise_for_status().json()["threadId"])


@asynccontextmanager
async def product(folder: Path, *, worker: bool = True, **options: Any) -> AsyncIterator[Product]:
    """A server on a store in `folder`, with the worker that makes load."""
    given = {"options": OPTIONS, "alone": False, **options}
    with ExitStack() as stack:
        server = stack.enter_context(RealServer(folder / f"product-{secrets.token_hex(3)}", **given))
        if worker:
            stack.enter_context(load_worker(server))
        peer = Product(server)
        async with peer.http:
            yield peer


@contextmanager
def load_worker(server: RealServer) -> Iterator[subprocess.Popen[str]]:
    """A process of :mod:`bench.worker` on a server."""
    with _python("bench.worker", feed=json.dumps({"api": server.api, "token": server.token})) as process:
        yield process


@asynccontextmanager
async def floor(folder: Path) -> AsyncIterator[Yardstick]:
    """The floor, with a journal in `folder`."""
    home = folder / f"floor-{secrets.token_hex(3)}"
    home.mkdir()
    with _python("bench.yardsticks.floor", str(home)) as process:
        peer = Yardstick("floor", process.pid, int(process.said))
        async with peer.http:
            yield peer


@asynccontextmanager
async def postgres_floor(address: str) -> AsyncIterator[Yardstick]:
    """PostgreSQL, durable before visible, and no rules."""
    with _python("bench.yardsticks.floor_postgres", address) as process:
        peer = Yardstick("floor", process.pid, int(process.said))
        async with peer.http:
            yield peer


@asynccontextmanager
async def raw() -> AsyncIterator[Yardstick]:
    """The stack with no journal."""
    with _python("bench.yardsticks.raw") as process:
        peer = Yardstick("raw", process.pid, int(process.said))
        async with peer.http:
            yield peer


class _Said(subprocess.Popen[str]):
    said = ""


@contextmanager
def _python(module: str, *arguments: str, feed: str = "") -> Iterator[_Said]:
    """A Python process of ours that says one line when it is ready; ended at the end."""
    process = _Said(
        [sys.executable, "-m", module, *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(feed + "\n")
        process.stdin.flush()
        process.said = process.stdout.readline().strip()
        if not process.said:
            raise RuntimeError(f"{module} ended before it was ready")
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
