"""A gateway, a clock that is moved by hand, and a worker that says what the test tells it to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from lobu_jupyter.gateway import Gateway, Settings, open_gateway
from lobu_jupyter.gateway.context import SHARED_SILENCE
from lobu_jupyter.gateway.servers import Process, see_server
from lobu_jupyter.model.callers import Person, WorkerCaller
from lobu_jupyter.model.clock import FakeClock
from lobu_jupyter.model.events import Batch, Event, decode, encode
from lobu_jupyter.model.ports import InboxItem
from lobu_jupyter.model.requests import NewThread, StartRun
from lobu_jupyter.model.runs import RunInfo, Started
from tests.peek import peek

ME = Person("ada")
OTHER = Person("bob")
QUIET = Settings(sweep_seconds=0, poll_seconds=0, heartbeat_seconds=5, busy_seconds=60)


class Kernels:
    """Kernels that run under the server, by id. ``notebooks``: their kernels; ``names``: what each defines."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)
        self.notebooks: dict[str, str] = {}
        self.names: dict[str, set[str]] = {}

    def connection(self, kernel_id: str) -> dict[str, Any] | None:
        return {"key": "k"} if kernel_id in self.ids else None

    def language(self, kernel_id: str) -> str:
        return "python"

    async def kernel_of(self, notebook_path: str) -> str | None:
        return self.notebooks.get(notebook_path)

    async def undefined(self, kernel_id: str, names: list[str]) -> list[str] | None:
        known = self.names.get(kernel_id)
        return None if known is None else [name for name in names if name not in known]


class Pool:
    """Counts how often a worker was called for."""

    def __init__(self) -> None:
        self.calls = 0

    def wake(self) -> None:
        self.calls += 1


def say(text: str, name: str = "m1") -> list[Event]:
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": name, "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": name, "delta": text},
        {"type": "TEXT_MESSAGE_END", "messageId": name},
    ]


def call(name: str, tool: str = "run_code", args: str = '{"code": "1 + 1"}') -> list[Event]:
    return [
        {"type": "TOOL_CALL_START", "toolCallId": name, "toolCallName": tool},
        {"type": "TOOL_CALL_ARGS", "toolCallId": name, "delta": args},
        {"type": "TOOL_CALL_END", "toolCallId": name},
    ]


def result(name: str, text: str = "2") -> Event:
    return {"type": "TOOL_CALL_RESULT", "messageId": f"r-{name}", "toolCallId": name, "content": text}


def success(**more: Any) -> Event:
    return {"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": {"type": "success"}, **more}


def paused(*calls: str, **more: Any) -> Event:
    asks = [{"id": f"ask-{c}", "reason": "tool_call", "toolCallId": c, **more} for c in calls]
    outcome = {"type": "interrupt", "interrupts": asks}
    return {"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": outcome}


def failed(code: str = "provider_error", message: str = "429") -> Event:
    return {"type": "RUN_ERROR", "code": code, "message": message}


def approve(name: str, **more: Any) -> dict[str, Any]:
    return {"interruptId": f"ask-{name}", "status": "resolved", "payload": {"approved": True, **more}}


def reject(name: str, reason: str = "no") -> dict[str, Any]:
    return {
        "interruptId": f"ask-{name}",
        "status": "resolved",
        "payload": {"approved": False, "reason": reason},
    }


def batch(run_id: str, incarnation: int, number: int, *events: Event, checkpoint: str | None = None) -> Batch:
    raws = [msgspec.Raw(encode(event)) for event in events]
    return Batch(run_id=run_id, incarnation=incarnation, batch=number, events=raws, checkpoint=checkpoint)


class Worker:
    """A registered worker of one gateway; numbers its batches."""

    def __init__(self, gateway: Gateway, caller: WorkerCaller) -> None:
        self.gateway = gateway
        self.caller = caller
        self.batches: dict[str, int] = {}
        self.seen = 0

    @classmethod
    async def register(
        cls, gateway: Gateway, *, child: bool = True, agents: tuple[str, ...] = ("demo",)
    ) -> Worker:
        announced = [{"name": name, "description": ""} for name in agents]
        registered = await gateway.workers.register(
            "host", owner=None if child else ME.name, agents=announced
        )
        return cls(gateway, await gateway.workers.by_token(registered["token"]))

    async def fetch(self, wait: float = 0.0) -> list[InboxItem]:
        items = await self.gateway.workers.inbox(self.caller, self.seen, wait)
        self.seen = items[-1].seq if items else self.seen
        return items

    async def emit(self, run_id: str, *events: Event, checkpoint: str | None = None) -> dict[str, int]:
        number = self.batches.get(run_id, 0) + 1
        acked = await self.gateway.workers.ingest(
            self.caller, batch(run_id, self.caller.incarnation, number, *events, checkpoint=checkpoint)
        )
        self.batches[run_id] = number
        return acked


class Rig:
    """One gateway with a worker, seen by one person."""

    def __init__(
        self, gateway: Gateway, clock: FakeClock, worker: Worker, kernels: Kernels, pool: Pool
    ) -> None:
        self.gateway = gateway
        self.clock = clock
        self.worker = worker
        self.kernels = kernels
        self.pool = pool

    @property
    def database(self):
        return self.gateway._ctx.database

    async def thread(self, **fields: Any) -> str:
        return (await self.gateway.threads.create(ME, NewThread(**fields))).thread_id

    async def start(self, thread_id: str, prompt: str = "go", **fields: Any) -> Started:
        return await self.gateway.runs.start(ME, thread_id, StartRun(prompt=prompt, **fields))

    async def running(self, thread_id: str | None = None, **fields: Any) -> Started:
        """A run that its worker has fetched."""
        started = await self.start(thread_id or await self.thread(), **fields)
        await self.worker.fetch()
        return started

    async def waiting(self, *calls: str, thread_id: str | None = None, **fields: Any) -> Started:
        """A run that is paused on `calls`."""
        started = await self.running(thread_id, **fields)
        events = [event for name in calls for event in call(name)]
        await self.worker.emit(started.run_id, *events, paused(*calls), checkpoint="the checkpoint")
        return started

    async def run(self, run_id: str) -> RunInfo:
        return await self.gateway.runs.get(ME, run_id)

    async def journal(self, thread_id: str, **options: Any) -> list[Event]:
        entries = [e async for page in self.gateway.runs.follow(ME, thread_id, 0, follow=False) for e in page]
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        return [decode(entry.body) for entry in entries]

    async def types(self, thread_id: str) -> list[str]:
        return [event["type"] for event in await self.journal(thread_id)]

    async def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """What the store holds, straight."""

        async def body(tx: Any) -> list[tuple[Any, ...]]:
            return peek(tx, sql, *params)

        return await self.database.read(body)

    async def lose(self, thread_id: str, *seqs: int) -> None:
        """Events that a damaged file no longer has."""
        await self._damage(thread_id, dict.fromkeys(seqs))

    async def spoil(self, thread_id: str, *seqs: int) -> None:
        """Events that a damaged file has other bytes for."""
        await self._damage(thread_id, dict.fromkeys(seqs, b"{"))

    async def _damage(self, thread_id: str, changed: dict[int, bytes | None]) -> None:
        """Give these events other bodies, or none; what is left of their rows is a row per event then."""

        async def body(tx: Any) -> None:
            ((thread,),) = peek(tx, "SELECT number FROM threads WHERE thread_id = ?", thread_id)
            select = "SELECT number, first, run_id, bodies FROM journal WHERE thread = ?"
            for number, first, run_id, bodies in peek(tx, select, thread):
                events = dict(enumerate(bodies.split(b"\x1e"), first))
                if not events.keys() & changed.keys():
                    continue
                peek(tx, "DELETE FROM journal WHERE number = ?", number)
                insert = "INSERT INTO journal (thread, first, last, run_id, bodies) VALUES (?, ?, ?, ?, ?)"
                for seq, event in events.items():
                    left = changed.get(seq, event)
                    if left is not None:
                        peek(tx, insert, thread, seq, seq, run_id, left)

        await self.database.write(body)


@asynccontextmanager
async def open_rig(
    path: str | Path,
    *,
    settings: Settings = QUIET,
    clock: FakeClock | None = None,
    kernels: Kernels | None = None,
    process: Process | None = None,
) -> AsyncIterator[Rig]:
    clock, kernels, pool = clock or FakeClock(), kernels or Kernels("k1"), Pool()
    async with open_gateway(
        path, settings=settings, clock=clock, kernels=kernels, workers=pool, process=process
    ) as gateway:
        yield Rig(gateway, clock, await Worker.register(gateway), kernels, pool)


async def fall_silent(living: Rig) -> None:
    """Let time pass until all servers but `living` count as gone, if that is how this store tells."""
    if not living.database.one_machine:
        living.clock.advance(SHARED_SILENCE + 1)
        await see_server(living.gateway._ctx)
