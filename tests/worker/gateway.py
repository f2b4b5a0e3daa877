"""A small gateway over real HTTP that takes batches by the rules, and fails when a test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import tornado.httpserver
import tornado.netutil
import tornado.web


@dataclass
class FakeGateway:
    """What came in. ``faults``: for the n-th post of events, what goes wrong with it."""

    url: str = ""
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    checkpoints: dict[str, str] = field(default_factory=dict)
    inbox: list[dict[str, Any]] = field(default_factory=list)
    registered: list[dict[str, Any]] = field(default_factory=list)
    tickets: list[str] = field(default_factory=list)
    posts: int = 0
    beats: int = 0
    refused_beats: int = 0  # so many are refused before one is taken
    faults: dict[int, str] = field(default_factory=dict)
    ended_runs: set[str] = field(default_factory=set)
    offered: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    on_offer: Callable[[dict[str, Any]], bool] = field(default=lambda job: False)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None

    def put(self, kind: str, **item: Any) -> None:
        self.inbox.append({"seq": len(self.inbox) + 1, "kind": kind, **item})
        self.notify()

    def notify(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def take(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Journal a batch, as gateway.ingest does."""
        run = batch["runId"]
        if run in self.ended_runs:
            raise Refused(409, "run_ended")
        if any(event.get("type") == "BAD" for event in batch["events"]):
            raise Refused(422, "invalid")
        sizes = self.sizes.setdefault(run, [])
        if batch["batch"] == len(sizes):
            return {"acked": batch["batch"], "cursor": 0}
        assert batch["batch"] == len(sizes) + 1, "out of order"
        sizes.append(len(batch["events"]))
        self.events.setdefault(run, []).extend(batch["events"])
        if "checkpoint" in batch:
            self.checkpoints[run] = batch["checkpoint"]
        self.notify()
        return {"acked": batch["batch"], "cursor": 0}

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                await self.changed.wait()

    async def end_of(self, run: str) -> dict[str, Any]:
        """The run's terminal event."""
        await self.until(
            lambda: any(e["type"] in ("RUN_FINISHED", "RUN_ERROR") for e in self.events.get(run, []))
        )
        return self.events[run][-1]

    def types(self, run: str) -> list[str]:
        return [event["type"] for event in self.events[run]]


class Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class _Handler(tornado.web.RequestHandler):
    gateway: FakeGateway

    def initialize(self, gateway: FakeGateway) -> None:
        self.gateway = gateway

    async def get(self, path: str) -> None:
        after = int(self.get_argument("after"))
        if len(self.gateway.inbox) <= after:
            changed = self.gateway.changed
            try:
                async with asyncio.timeout(1):
                    await changed.wait()
            except TimeoutError:
                pass
        self.finish({"items": self.gateway.inbox[after:]})

    async def put(self, path: str) -> None:
        self.gateway.calls.append(f"begins {path}")
        self.set_status(204)

    async def delete(self, path: str) -> None:
        self.gateway.calls.append(f"ends {path}")
        self.set_status(204)

    async def post(self, path: str) -> None:
        gateway = self.gateway
        if path == "workers":
            gateway.tickets.append(self.request.headers["Authorization"])
            gateway.registered.append(json.loads(self.request.body))
            gateway.notify()
            self.finish({"workerId": "w1", "incarnation": 7, "token": "t"})
        elif path.endswith("/heartbeat"):
            gateway.beats += 1
            gateway.notify()
            self.set_status(404 if gateway.beats <= gateway.refused_beats else 204)
        elif path.endswith("/jobs"):
            job = json.loads(self.request.body)
            gateway.offered.append(job)
            self.finish({"taken": gateway.on_offer(job)})
        else:
            await self._events()

    async def _events(self) -> None:
        gateway = self.gateway
        gateway.posts += 1
        gateway.notify()
        fault = gateway.faults.get(gateway.posts)
        if gateway.hold is not None:
            await gateway.hold.wait()
        if fault == "unavailable":
            self.set_status(503)
            return
        if fault == "cut before":
            self.request.connection.stream.close()  # type: ignore[attr-defined]
            return
        try:
            answer = gateway.take(json.loads(self.request.body))
        except Refused as refused:
            self.set_status(refused.status)
            self.finish({"error": {"code": refused.code, "message": "no"}})
            return
        if fault == "cut after":
            self.request.connection.stream.close()  # type: ignore[attr-defined]
            return
        self.finish(answer)


@asynccontextmanager
async def a_gateway() -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway()
    app = tornado.web.Application([(r"/lobu/api/(.*)", _Handler, {"gateway": gateway})])
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server = tornado.httpserver.HTTPServer(app)
    server.add_sockets(sockets)
    gateway.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/lobu/api/"
    try:
        yield gateway
    finally:
        server.stop()
        await server.close_all_connections()
