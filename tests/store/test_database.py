"""One writer, group commit, and nothing half."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import pytest

from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.store.database import Database, open_database
from lobu_jupyter.store.sqlite.engine import SqliteEngine, hop
from lobu_jupyter.store.tx import Tx


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path / "lobu.sqlite", busy_seconds=0.2)
    yield database
    await database.close()


def _file(database: Database) -> SqliteEngine:
    assert isinstance(database.engine, SqliteEngine)
    return database.engine


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
        return [row["server_id"] for row in await tx.all("servers", server_id="")]

    return await database.read(body)


async def test_bodies_that_wait_together_share_one_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    writer = _file(database).writer
    real = writer.commit

    async def counted(bodies):
        groups.append(len(bodies))
        return await real(bodies)

    monkeypatch.setattr(writer, "commit", counted)

    written = await asyncio.gather(*(database.write(adds(str(n))) for n in range(50)))

    assert written == [str(n) for n in range(50)]
    assert groups == [50]


@pytest.mark.parametrize(("writers", "last"), [(1, "writer"), (2, "reader"), (3, "reader")])
async def test_readers_go_first_of_one_body_and_last_of_many(
    database: Database, writers: int, last: str
) -> None:
    order: list[str] = []
    rung = asyncio.Event()
    database.on_commit = lambda topics: rung.set()

    async def body(tx: Tx) -> None:
        tx.wake("a topic")

    async def reader() -> None:
        await rung.wait()
        order.append("reader")

    async def writer() -> None:
        await database.write(body)
        order.append("writer")

    await asyncio.gather(reader(), *(writer() for _ in range(writers)))

    assert sorted(order) == ["reader", *["writer"] * writers]
    assert order[-1] == last


async def test_bodies_that_came_together_are_told_apart(database: Database) -> None:
    bodies = [adds("a"), adds("b", then=ValueError("no")), adds("c")]

    outcomes = await database.write_each(bodies)

    assert [outcome.error and type(outcome.error) for outcome in outcomes] == [None, ValueError, None]
    assert [outcomes[0].result(), outcomes[2].result()] == ["a", "c"]
    assert await names(database) == ["a", "c"]


async def test_a_body_that_raises_is_rolled_back_alone(database: Database) -> None:
    told: list[set[str]] = []
    database.on_commit = told.append

    outcomes = await asyncio.gather(
        database.write(adds("a")),
        database.write(adds("b", then=ValueError("no"))),
        database.write(adds("c")),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [str, ValueError, str]
    assert await names(database) == ["a", "c"]
    assert told == [{"a", "c"}]


async def test_a_cancelled_callers_body_is_written_whole(database: Database) -> None:
    async def two(tx: Tx) -> None:
        await adds("a")(tx)
        await adds("b")(tx)

    for _ in range(5):
        task = asyncio.create_task(database.write(two))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        break

    await database.write(adds("c"))

    assert await names(database) == ["a", "b", "c"]


async def test_a_body_may_await_nothing_but_its_tx(database: Database) -> None:
    async def body(tx: Tx) -> None:
        await adds("a")(tx)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="nothing but its tx"):
        await database.write(body)

    assert await names(database) == []


async def test_what_is_to_happen_after_the_commit_does_not_happen_without_it(database: Database) -> None:
    done: list[str] = []

    async def body(tx: Tx) -> None:
        tx.after(lambda: done.append("after"))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await database.write(body)

    assert done == []


async def test_a_locked_file_fails_every_waiting_caller_and_recovers(database: Database) -> None:
    lock = sqlite3.connect(_file(database).path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")

    outcomes = await asyncio.gather(*(database.write(adds(str(n))) for n in range(3)), return_exceptions=True)
    lock.execute("ROLLBACK")
    lock.close()

    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert "locked" in str(outcomes[0])
    await database.write(adds("later"))
    assert await names(database) == ["later"]


async def test_a_full_disk_fails_the_commit_and_leaves_nothing_half(database: Database) -> None:
    pages = "PRAGMA max_page_count = {}"
    await hop(_file(database).writer.connection, lambda c: c.execute(pages.format(1)).fetchall())

    async def large(tx: Tx) -> None:
        await adds("a")(tx)
        for n in range(100):
            await adds(f"{n}" * 1000)(tx)

    with pytest.raises(StoreUnavailable, match="make room"):
        await database.write(large)

    await hop(_file(database).writer.connection, lambda c: c.execute(pages.format(100_000)).fetchall())
    assert await names(database) == []
    await database.write(adds("b"))


async def test_nothing_is_written_to_a_file_that_has_lost_its_name_and_it_goes_on_when_it_is_back(
    database: Database, tmp_path: Path
) -> None:
    aside = tmp_path / "aside"
    _file(database).path.rename(aside)
    with pytest.raises(StoreUnavailable, match="moved, removed or replaced"):
        await database.write(adds("while it was away"))
    _file(database).path.write_bytes(aside.read_bytes())
    with pytest.raises(StoreUnavailable, match="moved, removed or replaced"):
        await database.write(adds("to another in its place"))

    aside.replace(_file(database).path)
    await database.write(adds("when it was back"))

    assert await names(database) == ["when it was back"]


async def test_an_error_of_our_own_code_stays_what_it_is(database: Database) -> None:
    await database.write(adds("a"))

    with pytest.raises(sqlite3.IntegrityError):
        await database.write(adds("a"))


async def test_a_reader_sees_one_consistent_view(database: Database) -> None:
    await database.write(adds("a"))

    async def body(tx: Tx) -> tuple[int, int]:
        first = len(await tx.all("servers", server_id=""))
        outside = sqlite3.connect(_file(database).path)
        with outside:
            outside.execute("INSERT INTO servers VALUES ('b', 'h', 1, 0, 0, 'p')")
        outside.close()
        return first, len(await tx.all("servers", server_id=""))

    assert await database.read(body) == (1, 1)
    assert await names(database) == ["a", "b"]


async def test_only_another_process_changes_the_foreign_version(database: Database) -> None:
    before = await _file(database).foreign_version()
    await database.write(adds("a"))
    assert await _file(database).foreign_version() == before

    outside = sqlite3.connect(_file(database).path)
    with outside:
        outside.execute("DELETE FROM servers")
    outside.close()

    assert await _file(database).foreign_version() != before


async def test_closing_finishes_what_was_accepted_and_refuses_the_rest(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "lobu.sqlite")
    accepted = asyncio.create_task(database.write(adds("a")))
    await asyncio.sleep(0)

    await asyncio.gather(database.close(), accepted)

    with pytest.raises(StoreUnavailable, match="closed"):
        await database.write(adds("b"))
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.read(adds("b"))
    again = await open_database(tmp_path / "lobu.sqlite")
    assert await names(again) == ["a"]
    await again.close()


async def test_aiosqlites_execute_runs_a_function_in_the_connections_thread(tmp_path: Path) -> None:
    """The one private name that we use of it."""
    import threading

    connection = await aiosqlite.connect(tmp_path / "x.sqlite")

    ran = await connection._execute(lambda raw, n: (raw, n, threading.current_thread()), connection._conn, 3)

    assert ran[0] is connection._conn
    assert ran[1] == 3
    assert ran[2] is connection._thread
    await connection.close()


async def test_the_writer_is_durable_and_uses_a_write_ahead_log(database: Database) -> None:
    def pragmas(connection: sqlite3.Connection) -> tuple[object, ...]:
        return tuple(
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        )

    assert await hop(_file(database).writer.connection, pragmas) == ("wal", 2)
