"""Transactions on PostgreSQL: whole or not at all, also when others are in the way or the connection is cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.store.database import Database, open_database
from lobu_jupyter.store.postgres.address import parse
from lobu_jupyter.store.postgres.connection import PostgresSession
from lobu_jupyter.store.tx import Tx
from tests import postgres
from tests.peek import does, peek

pytestmark = pytest.mark.processes


def adds(name: str, *, then: Exception | None = None):
    async def body(tx: Tx) -> str:
        await tx.run("add_server", server_id=name, host="h", pid=1, create_time=0.0, now=0.0, pool="p")
        tx.wake(name)
        if then is not None:
            raise then
        return name

    return body


async def names(database: Database) -> list[str]:
    async def body(tx: Tx) -> list[str]:
        return sorted(row["server_id"] for row in await tx.all("servers", server_id=""))

    return await database.read(body)


@asynccontextmanager
async def opened(address: str, busy_seconds: float = 10) -> AsyncIterator[Database]:
    database = await open_database(address, busy_seconds=busy_seconds)
    try:
        yield database
    finally:
        await database.close()


def cut_all(address: str) -> None:
    """All connections of a store but ours are ended, as by an administrator."""
    with psycopg.connect(parse(address).conninfo, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


async def test_a_body_that_raises_is_rolled_back_alone(database: Database) -> None:
    outcomes = await database.write_each([adds("a"), adds("b", then=ValueError("no")), adds("c")])

    assert [outcome.error and type(outcome.error) for outcome in outcomes] == [None, ValueError, None]
    assert await names(database) == ["a", "c"]


async def test_an_error_of_our_own_code_stays_what_it_is(database: Database) -> None:
    await database.write(adds("a"))

    with pytest.raises(psycopg.IntegrityError):
        await database.write(adds("a"))


async def test_a_cancelled_callers_body_is_written_whole(database: Database) -> None:
    task = asyncio.create_task(database.write(adds("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    for _ in range(100):
        if await names(database) == ["a"]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it was not written")


async def test_a_reader_sees_one_view_and_writes_nothing(database: Database, address: str) -> None:
    await database.write(adds("a"))

    async def look(tx: Tx) -> tuple[int, int]:
        before = len(await tx.all("servers", server_id=""))
        schema = parse(address).schema
        with psycopg.connect(parse(address).conninfo, autocommit=True) as other:
            other.execute(f"INSERT INTO {schema}.servers VALUES ('b', 'h', 1, 0, 0)")  # noqa: S608
        return before, len(await tx.all("servers", server_id=""))

    assert await database.read(look) == (1, 1)
    with pytest.raises(StoreUnavailable, match="read-only"):
        await database.read(adds("c"))


async def test_text_that_postgres_cannot_hold_is_kept_without_its_nul(database: Database) -> None:
    await database.write(adds("a\0b"))

    assert await names(database) == ["a\ufffdb"]


async def test_two_that_would_block_each_other_both_come_through(database: Database) -> None:
    """A deadlock is seen by the database, and the body that lost runs again: on our part, this is never needed."""
    await database.write_each([adds("a"), adds("b")])
    met = threading.Barrier(2, timeout=10)
    ran: list[str] = []

    def crossing(first: str, second: str):
        async def body(tx: Tx) -> None:
            ran.append(first)
            peek(tx, "UPDATE servers SET pid = pid + 1 WHERE server_id = ?", first)
            if len(ran) <= 2:
                met.wait()
            peek(tx, "UPDATE servers SET pid = pid + 1 WHERE server_id = ?", second)

        return body

    await asyncio.gather(database.write(crossing("a", "b")), database.write(crossing("b", "a")))

    pids = await database.read(does("SELECT pid FROM servers"))
    assert pids == [(3,), (3,)]
    assert len(ran) == 3


async def test_a_long_lock_is_a_503_after_the_usual_wait(database: Database, address: str) -> None:
    await database.write(adds("a"))
    with psycopg.connect(parse(address).conninfo) as holder:
        holder.execute(f"LOCK TABLE {parse(address).schema}.servers")

        with pytest.raises(StoreUnavailable, match="holds a lock"):
            await asyncio.wait_for(database.write(adds("b")), 20)

    assert await names(database) == ["a"]


async def test_connections_that_are_cut_cost_nothing_that_was_acknowledged(
    database: Database, address: str
) -> None:
    acknowledged: list[str] = []

    async def writer(first: int) -> None:
        for number in range(first, first + 25):
            await database.write(adds(f"s{number:03}"))
            acknowledged.append(f"s{number:03}")

    writers = asyncio.gather(*(writer(100 * n) for n in range(4)))
    for _ in range(5):
        await asyncio.sleep(0.05)
        await asyncio.to_thread(cut_all, address)
    await asyncio.wait_for(writers, 60)

    assert await names(database) == sorted(acknowledged)
    assert len(acknowledged) == 100


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_whose_answer_is_lost_is_asked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The connection is lost behind the COMMIT, or right before it."""
    ran: list[str] = []
    real = PostgresSession.commit

    def lose(session: PostgresSession, number: int) -> bool:
        connection = session.connection()
        if len(ran) == 1:
            if committed:
                connection.execute("COMMIT")
            connection.close()
            monkeypatch.setattr(
                session, "connection", _once(session, psycopg.OperationalError("lost"), monkeypatch)
            )
        return real(session, number)

    monkeypatch.setattr(PostgresSession, "commit", lose)

    async def body(tx: Tx) -> str:
        ran.append("x")
        return await adds("a")(tx)

    assert await database.write(body) == "a"
    assert await names(database) == ["a"]
    assert len(ran) == (1 if committed else 2)


def _once(session: PostgresSession, error: Exception, monkeypatch: pytest.MonkeyPatch):
    def connection():
        monkeypatch.delattr(session, "connection", raising=False)
        raise error

    return connection


async def test_a_database_that_restarts_is_waited_for(cluster: postgres.Cluster) -> None:
    async with opened(f"{cluster.address}?schema=restarted") as database:
        await database.write(adds("a"))
        await asyncio.to_thread(cluster.kill)
        waiting = asyncio.create_task(database.write(adds("b")))
        reading = [asyncio.create_task(names(database)) for _ in range(3)]
        await asyncio.sleep(1)
        await asyncio.to_thread(cluster.start)

        await asyncio.wait_for(waiting, 30)

        assert await names(database) == ["a", "b"]
        for read in reading:
            assert (await asyncio.wait_for(read, 30))[0] == "a"


async def test_a_database_that_is_away_is_a_503_and_then_used_again(cluster: postgres.Cluster) -> None:
    async with opened(f"{cluster.address}?schema=away", busy_seconds=0.5) as database:
        await database.write(adds("a"))
        await asyncio.to_thread(cluster.stop)
        with pytest.raises(StoreUnavailable, match="see that it runs"):
            await database.write(adds("b"))
        with pytest.raises(StoreUnavailable):
            await names(database)

        await asyncio.to_thread(cluster.start)

        await database.write(adds("c"))
        assert await names(database) == ["a", "c"]


async def test_other_servers_are_told_within_milliseconds(database: Database, address: str) -> None:
    async with opened(address) as other:
        used = asyncio.Event()
        used.set()
        heard = other.foreign(used, 1.0)
        first = asyncio.ensure_future(anext(heard))
        await asyncio.sleep(0.1)

        await database.write(adds("a topic"))

        assert await asyncio.wait_for(first, 5) == {"a topic"}
        await heard.aclose()


async def test_what_nobody_told_is_seen_by_the_look_each_second(database: Database, address: str) -> None:
    """A server that is killed between its commit and its notice."""
    used = asyncio.Event()
    used.set()
    heard = database.foreign(used, 1.0)
    first = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0.2)
    with psycopg.connect(parse(address).conninfo, autocommit=True) as other:
        other.execute(f"INSERT INTO {parse(address).schema}.servers VALUES ('b', 'h', 1, 0, 0)")  # noqa: S608

    assert await asyncio.wait_for(first, 5) is None
    await heard.aclose()


async def test_a_listener_that_was_cut_off_looks_again_by_itself(database: Database, address: str) -> None:
    async with opened(address) as other:
        used = asyncio.Event()
        used.set()
        heard = other.foreign(used, 1.0)
        await asyncio.to_thread(cut_all, address)

        async def until(topic: str) -> None:
            async for topics in heard:
                if topics is not None and topic in topics:
                    return

        waiting = asyncio.create_task(until("late"))
        for number in range(40):
            await asyncio.sleep(0.1)
            await database.write(does("SELECT 1"))
            database.engine.publish({"late" if number > 5 else "early"})
            if waiting.done():
                break
        await asyncio.wait_for(waiting, 5)
        await heard.aclose()


async def test_the_databases_clock_is_known(database: Database) -> None:
    await database.write(adds("a"))

    assert abs(database.engine.clock_offset) < 1  # it is on this machine
