"""Two replicas on one PostgreSQL behind one address: either is killed, and the people notice nothing but a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.requests import StartRun
from tests import postgres
from tests.gateway.rig import Worker, approve, call, paused, result, say, success
from tests.server.face.rig import open_server

from .hub import Hub
from .replica import Replica

pytestmark = pytest.mark.processes

ADA = Person("ada")


class Balancer:
    """A proxy that sends each connection to the first replica that takes it."""

    def __init__(self, *ports: int) -> None:
        self.ports = list(ports)
        self.tasks = set[asyncio.Task[None]]()

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/services/lobu/"

    async def stop(self) -> None:
        self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self.ports:
            with suppress(OSError):
                back, forth = await asyncio.open_connection("127.0.0.1", port)
                for one, other in ((reader, forth), (back, writer)):
                    task = asyncio.create_task(self._copy(one, other))
                    self.tasks.add(task)
                    task.add_done_callback(self.tasks.discard)
                return
        writer.close()

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()


@pytest.fixture
def replicas(hub: Hub, tmp_path: Path) -> Iterator[list[Replica]]:
    store = postgres.new_store()
    replicas = [Replica(hub, tmp_path / name, store) for name in ("one", "two")]
    try:
        for replica in replicas:
            replica.start()
        yield replicas
    finally:
        for replica in replicas:
            replica.stop()


@pytest.fixture
async def balancer(replicas: list[Replica]) -> AsyncIterator[Balancer]:
    balancer = Balancer(*[replica.port for replica in replicas])
    yield balancer
    await balancer.stop()


async def test_a_run_goes_on_when_its_replica_is_killed(
    hub: Hub, replicas: list[Replica], balancer: Balancer
) -> None:
    url = await balancer.start()
    async with open_server(url, hub.server_token("ada")) as server:
        worker = await Worker.register(server)  # pyright: ignore[reportArgumentType]
        thread = await server.threads.create(ADA)
        run = await server.runs.start(ADA, thread.thread_id, StartRun(prompt="x"))
        await worker.fetch(10)
        seen: list[int] = []

        async def follow() -> None:
            async with aclosing(server.runs.follow(ADA, thread.thread_id, 0)) as pages:
                async for page in pages:
                    seen.extend(entry.seq for entry in page)
                    if page and decode(page[-1].body).get("outcome", {}).get("type") == "success":
                        return

        reader = asyncio.create_task(follow())
        await worker.emit(run.run_id, *say("before"))
        replicas[0].kill()
        await _until_taken(worker, run.run_id, *call("c"), paused("c"))
        started, _ = await server.policy.resume(ADA, thread.thread_id, [approve("c")])
        replicas[0].start()
        replicas[1].kill()
        items = []
        async with asyncio.timeout(40):
            while not items:
                with suppress(StoreUnavailable):
                    items = await worker.fetch(5)
        await _until_taken(worker, started.run_id, result("c"), *say("after", "m2"), success())
        await asyncio.wait_for(reader, 40)

        assert [item.run_id for item in items] == [started.run_id]
        whole = [
            e
            for page in [p async for p in server.runs.follow(ADA, thread.thread_id, 0, follow=False)]
            for e in page
        ]
        assert seen == [entry.seq for entry in whole] == list(range(1, len(whole) + 1))
        ends = [
            e["type"]
            for e in map(decode, [entry.body for entry in whole])
            if e["type"] in ("RUN_FINISHED", "RUN_ERROR")
        ]
        assert ends == ["RUN_FINISHED", "RUN_FINISHED"]


async def _until_taken(worker: Worker, run_id: str, *events: dict[str, object]) -> None:
    """Send a batch again until it is acknowledged, as a worker does."""
    paused_now = any(event["type"] == "RUN_FINISHED" and "interrupt" in str(event) for event in events)
    async with asyncio.timeout(40):
        while True:
            try:
                await worker.emit(run_id, *events, checkpoint="{}" if paused_now else None)
            except StoreUnavailable:
                await asyncio.sleep(0.1)
            else:
                return
