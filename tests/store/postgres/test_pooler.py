"""A store behind PgBouncer in transaction mode: nothing is prepared, set or listened to in a session that others get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import psycopg
import pytest

from lobu_jupyter.gateway.stores import copy_store
from lobu_jupyter.model.clock import SystemClock
from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.store.postgres.address import parse
from tests import postgres
from tests.gateway.rig import ME, QUIET, Rig, open_rig, say, success
from tests.pooler import SESSIONS, pooler, through

from .test_versions import a_life

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with pooler(postgres.database()) as port:
        yield port


@pytest.fixture
def pooled(address: str, port: int) -> str:
    return through(address, port)


@pytest.fixture
def direct(pooled: str, address: str) -> str:
    """Through the pooler, with the database's own address for notices."""
    return f"{pooled}&listen=127.0.0.1:{urlsplit(address).port}"


@asynccontextmanager
async def server(where: str) -> AsyncGenerator[Rig]:
    settings = replace(QUIET, poll_seconds=0.05)
    async with open_rig(where, clock=SystemClock(), settings=settings) as rig:  # type: ignore[arg-type]
        yield rig


async def seen_elsewhere(writer: Rig, reader: Rig) -> None:
    """A follower at one server sees what a worker of the other writes."""
    started = await writer.running()
    seen = asyncio.Event()

    async def follow() -> None:
        async for page in reader.gateway.runs.follow(ME, started.thread_id, 0):
            if any(b"RUN_FINISHED" in entry.body for entry in page):
                seen.set()
                return

    reading = asyncio.create_task(follow())
    await writer.worker.emit(started.run_id, *say("hello"), success())
    await asyncio.wait_for(seen.wait(), 10)
    await reading


async def sessions_of(where: str, *questions: str) -> list[list[str]]:
    """The answers of all of the pooler's sessions, each held by a transaction meanwhile."""
    told: list[list[str]] = []
    async with AsyncExitStack() as stack:
        for _ in range(SESSIONS):
            connection = await stack.enter_async_context(
                await psycopg.AsyncConnection.connect(parse(where).conninfo, prepare_threshold=None)
            )
            answers: list[str] = []
            for question in questions:
                row = await (await connection.execute(question)).fetchone()  # type: ignore[arg-type]
                assert row is not None
                answers.append(str(row[0]))
            told.append(answers)
    return told


async def test_servers_behind_a_pooler_work_and_wake_each_other_past_it(direct: str) -> None:
    async with server(direct) as one, server(direct) as two:
        await a_life(one)
        await seen_elsewhere(one, two)
        store = (await one.gateway.health())["store"]

    assert store["notices"] is True
    assert store["kind"] == "postgres"


async def test_without_the_direct_address_the_store_is_polled(pooled: str) -> None:
    async with server(pooled) as one, server(pooled) as two:
        await a_life(one)
        await seen_elsewhere(one, two)
        store = (await one.gateway.health())["store"]

    assert store["notices"] is False


@pytest.mark.parametrize("how", ["direct", "pooled"])
async def test_a_session_that_others_get_next_is_as_it_was(request: pytest.FixtureRequest, how: str) -> None:
    where = request.getfixturevalue(how)
    async with server(where) as rig:
        await a_life(rig)
        await seen_elsewhere(rig, rig)

    asked = ("SHOW synchronous_commit", "SHOW lock_timeout", "SELECT count(*) FROM pg_prepared_statements")
    assert await sessions_of(where, *asked) == [["on", "0", "0"]] * SESSIONS


async def test_a_store_is_copied_through_a_pooler(direct: str) -> None:
    async with server(direct) as rig:
        await a_life(rig)
    target = direct.replace("schema=t_", "schema=u_")

    told = await copy_store(direct, target, lambda step: None)

    assert told["threads"] == 6


async def test_a_lock_that_is_held_for_long_is_told_and_nothing_hangs(direct: str, address: str) -> None:
    async with open_rig(direct, clock=SystemClock(), settings=replace(QUIET, busy_seconds=0.3)) as rig:  # type: ignore[arg-type]
        thread = await rig.thread()
        with psycopg.connect(parse(address).conninfo) as holder:
            holder.execute(f'SELECT 1 FROM "{parse(address).schema}".threads FOR UPDATE')  # noqa: S608  # type: ignore[call-overload]
            with pytest.raises(StoreUnavailable, match="holds a lock for long"):
                await rig.start(thread)
        with suppress(StoreUnavailable):
            await rig.start(thread)


@pytest.mark.parametrize("listen", ["", "db", "db:x", "a@db:5432", "db:5432/x"])
def test_a_direct_address_that_is_none_is_refused(address: str, listen: str) -> None:
    with pytest.raises(StoreUnavailable, match="listen must be host:port"):
        parse(f"{address}&listen={listen}")
