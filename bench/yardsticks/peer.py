"""What the yardsticks share: runs of the standard load, and streams that read them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from bench import workload

DONE = b"event: done"


Append = Callable[["Run", int, int, bytes], None]
"""Journal the frames of a run, from the first to the last seq."""


class Run:
    """A run and its readers. ``committed``: the last seq that may be seen."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.committed = 0
        self.ending: int | None = None
        self.readers: set[Stream] = set()

    @property
    def done(self) -> bool:
        return self.ending is not None and self.committed >= self.ending

    def deliver(self, last: int, body: bytes) -> None:
        self.committed = last
        for reader in self.readers:
            reader.push(body)


Begin = Callable[[Run, dict[str, Any]], None]
"""Have a run's load made."""


async def produce(load: dict[str, Any], emit: Callable[[int, bytes, bool], None]) -> None:
    """Make the frames of a load. ``emit`` takes each with its seq, and whether it is the last."""
    rate, seq = load["rate"], 0
    began = workload.beginning(rate, load["phase"])
    for k, item in enumerate(workload.items(load["tokens"], load["tools"])):
        if rate and (wait := began + k / rate - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        seq += 1
        emit(seq, workload.as_frame(seq, item, time.monotonic_ns()), False)
        if not rate and k % 64 == 63:
            await asyncio.sleep(0)
    if not load["hold"]:
        emit(seq + 1, b"id: %d\n%b\ndata: {}\n\n" % (seq + 1, DONE), True)


class Start(RequestHandler):
    """POST: a new run begins to produce."""

    def initialize(self, runs: dict[str, Run], begin: Begin, after: Any) -> None:
        self.runs, self.begin = runs, begin

    async def post(self, name: str) -> None:
        told = self.get_query_argument
        load = {"tokens": int(told("tokens")), "tools": int(told("tools")), "rate": float(told("rate"))}
        phase = told("phase", None)
        load |= {"hold": told("hold") == "True", "phase": float(phase) if phase is not None else None}
        self.begin(self.runs.setdefault(name, Run(name)), load)


class Stream(RequestHandler):
    """GET: the frames after a cursor, then what comes."""

    def initialize(self, runs: dict[str, Run], begin: Begin, after: Any) -> None:
        self.runs, self.after = runs, after
        self.waiting: list[bytes] = []
        self.wake = asyncio.Event()
        self.gone = False

    def push(self, body: bytes) -> None:
        self.waiting.append(body)
        self.wake.set()

    async def get(self, name: str) -> None:
        run = self.runs.setdefault(name, Run(name))
        cursor = int(self.get_query_argument("cursor", "0"))
        self.set_header("Content-Type", "text/event-stream")
        run.readers.add(self)  # before the look: what comes after it is pushed
        try:
            self.write(self.after(run, cursor, run.committed))
            await self.flush()
            while not self.gone and not (run.done and not self.waiting):
                await self.wake.wait()
                self.wake.clear()
                frames, self.waiting = self.waiting, []
                self.write(b"".join(frames))
                await self.flush()
        except StreamClosedError:
            pass
        finally:
            run.readers.discard(self)

    def on_connection_close(self) -> None:
        self.gone = True
        self.wake.set()


def listen(runs: dict[str, Run], begin: Begin, after: Callable[[Run, int, int], bytes], *more: Any) -> int:
    """Serve on a free loopback port, and return it. ``more``: further routes."""
    parts = {"runs": runs, "begin": begin, "after": after}
    routes = [(r"/start/(\w+)", Start, parts), (r"/stream/(\w+)", Stream, parts), *more]
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application(routes)).add_sockets(sockets)
    return sockets[0].getsockname()[1]
