"""What the yardsticks share: runs that produce the standard load, and streams that read them."""

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


class Run:
    """A producer and its readers. ``committed``: the last seq that may be seen."""

    def __init__(self, name: str, append: Callable[[Run, int, bytes], None]) -> None:
        self.name, self._append = name, append
        self.seq = self.committed = 0
        self.ending: int | None = None
        self.readers: set[Stream] = set()

    @property
    def done(self) -> bool:
        return self.ending is not None and self.committed >= self.ending

    def deliver(self, last: int, body: bytes) -> None:
        self.committed = last
        for reader in self.readers:
            reader.push(body)

    async def produce(self, tokens: int, tools: int, rate: float, hold: bool, phase: float | None) -> None:
        began = workload.beginning(rate, phase)
        for k, item in enumerate(workload.items(tokens, tools)):
            if rate and (wait := began + k / rate - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self._emit(workload.as_frame(self.seq + 1, item, time.monotonic_ns()))
            if not rate and k % 64 == 63:
                await asyncio.sleep(0)
        if not hold:
            self.ending = self.seq + 1
            self._emit(b"id: %d\n%b\ndata: {}\n\n" % (self.ending, DONE))

    def _emit(self, frame: bytes) -> None:
        self.seq += 1
        self._append(self, self.seq, frame)


class Start(RequestHandler):
    """POST: a new run begins to produce."""

    def initialize(self, runs: dict[str, Run], append: Any, after: Any) -> None:
        self.runs, self.append, self.tasks = runs, append, self.settings["tasks"]

    async def post(self, name: str) -> None:
        run = self.runs.setdefault(name, Run(name, self.append))
        tokens, tools = int(self.get_query_argument("tokens")), int(self.get_query_argument("tools"))
        rate, hold = float(self.get_query_argument("rate")), self.get_query_argument("hold") == "True"
        given = self.get_query_argument("phase", None)
        phase = float(given) if given is not None else None
        task = asyncio.create_task(run.produce(tokens, tools, rate, hold, phase))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Stream(RequestHandler):
    """GET: the frames after a cursor, then what comes."""

    def initialize(self, runs: dict[str, Run], append: Any, after: Any) -> None:
        self.runs, self.append, self.after = runs, append, after
        self.waiting: list[bytes] = []
        self.wake = asyncio.Event()
        self.gone = False

    def push(self, body: bytes) -> None:
        self.waiting.append(body)
        self.wake.set()

    async def get(self, name: str) -> None:
        run = self.runs.setdefault(name, Run(name, self.append))
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


async def serve(append: Callable[[Run, int, bytes], None], after: Callable[[Run, int, int], bytes]) -> None:
    """Serve on a free loopback port, which is printed; never returns."""
    parts = {"runs": {}, "append": append, "after": after}
    routes = [(r"/start/(\w+)", Start, parts), (r"/stream/(\w+)", Stream, parts)]
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application(routes, tasks=set())).add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
