"""G: how cost grows with the number of threads in a store and with the size of a message. No targets."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psutil
from msgspec import Raw

from bench.machine import Watch
from bench.peers import Product, product
from bench.scale import Scale
from bench.table import Row
from lobu_jupyter.gateway import Gateway, Settings, open_gateway
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.events import Batch, encode
from lobu_jupyter.model.requests import NewThread, StartRun
from tests.servers import RealServer

from .attaching import per_event

FEW, AT_ONCE, TIMES = 100, 50, 5
MB = 1_000_000
SETTINGS = Settings(sweep_seconds=0, poll_seconds=0, max_runs=AT_ONCE, max_runs_per_user=AT_ONCE)
COSTS = {
    "start": ("start of the server, its first answer", "ms"),
    "list": ("the list of threads, as a page asks for it", "ms"),
    "first": ("prompt to the first event", "ms"),
    "event": ("an event of a run, to its reader", "µs"),
    "memory": ("memory of the server", "MB"),
}


async def growth(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    store = folder / "growing.sqlite"
    few = await _costs(folder, store, FEW, watch)
    many = await _costs(folder, store, scale.threads - FEW, watch)
    async with product(folder) as peer:
        short, long = await _message(peer, MB, watch), await _message(peer, 10 * MB, watch)
    rows = [
        Row(id=f"G.{name}", what=f"{what}: with {scale.threads:,} threads in the store", unit=unit,
            product=many[name], yardstick=few[name], against=f"with {FEW}", bound=None)
        for name, (what, unit) in COSTS.items()
    ]  # fmt: skip
    what = "a MB of a tool's output, from the prompt to its reader: of 10 MB"
    return [
        *rows,
        Row(
            id="G.message", what=what, unit="ms", product=long, yardstick=short, against="of 1 MB", bound=None
        ),
    ]


async def fill(store: Path, owner: str, threads: int) -> None:
    """Threads with one run of four events each, written by a gateway of our own beside the server."""
    async with open_gateway(store, settings=SETTINGS) as gateway:
        registered = await gateway.workers.register("bench", agents=[{"name": "demo", "description": ""}])
        worker = await gateway.workers.by_token(registered["token"])
        for _ in range(0, threads, AT_ONCE):
            runs = await asyncio.gather(*(_begin(gateway, Person(owner)) for _ in range(AT_ONCE)))
            await gateway.workers.inbox(worker)
            taken = await gateway.workers.ingest_each(
                worker, [_whole(run, worker.incarnation) for run in runs]
            )
            assert all(isinstance(each, dict) for each in taken), taken


async def _begin(gateway: Gateway, person: Person) -> str:
    thread = await gateway.threads.create(person, NewThread(title="one of many"))
    return (await gateway.runs.start(person, thread.thread_id, StartRun(prompt="say hello"))).run_id


def _whole(run_id: str, incarnation: int) -> Batch:
    events = [
        {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "hello"},
        {"type": "TEXT_MESSAGE_END", "messageId": "m"},
        {"type": "RUN_FINISHED", "threadId": "t", "runId": run_id},
    ]
    return Batch(run_id=run_id, incarnation=incarnation, batch=1, events=[Raw(encode(e)) for e in events])


async def _costs(folder: Path, store: Path, threads: int, watch: Watch) -> dict[str, list[float]]:
    """Each of :data:`COSTS`, a few times, on a store that has so many more threads."""
    costs: dict[str, list[float]] = {name: [] for name in COSTS}
    async with product(folder, store=store) as peer:
        await per_event(peer.new_run())
        await fill(store, _owner(store), threads)
        watch.settle()
        for _ in range(TIMES):
            costs["first"].append(await _first(peer))
            costs["event"].append(await per_event(peer.new_run()))
            began = time.perf_counter()
            (await peer.http.get("threads", params={"limit": 200})).raise_for_status()
            costs["list"].append((time.perf_counter() - began) * 1e3)
    for number in range(TIMES):
        began = time.perf_counter()
        with RealServer(folder / f"start-{threads}-{number}", store=store) as server:
            costs["start"].append((time.perf_counter() - began) * 1e3)
            costs["memory"].append(psutil.Process(server.pid).memory_info().rss / MB)
    return costs


def _owner(store: Path) -> str:
    """Who the server takes us for."""
    with closing(sqlite3.connect(store)) as connection:
        return str(connection.execute("SELECT owner FROM threads").fetchone()[0])


async def _first(peer: Product) -> float:
    """ms from the prompt's POST to the first text at a reader."""
    run = peer.new_run()
    reader = await run.read(stop=b"tok000000")
    began = time.monotonic_ns()
    await run.start(1, 0)
    await reader.over()
    return (reader.last - began) / 1e6


async def _message(peer: Product, size: int, watch: Watch) -> list[float]:
    """ms a MB, from the prompt to the last of one call's output, which leaves in parts of 60 kB."""
    times: list[float] = []
    watch.settle()
    for _ in range(TIMES):
        run = peer.new_run()
        reader = await run.read()
        began = time.monotonic_ns()
        await run.start(1, 0, output=size)
        await reader.over()
        times.append((reader.last - began) / 1e6 / (size / MB))
    return times
