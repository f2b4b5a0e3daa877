"""PostgreSQL: some connections that write, some that read, one that tells the other servers, one that hears them."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.store.bodies import Again, Body, Outcome, drive

from . import opening
from .address import Address, parse
from .connection import PostgresSession, PostgresTx
from .errors import is_lost, translate, worth_another_try
from .fast_road import FastRoad
from .notices import Notices

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from lobu_jupyter.store.queries import Kind, Scripts

T = TypeVar("T")
log = logging.getLogger(__name__)

TRIES = 12  # of a body that other transactions are in the way of


class PostgresWriter:
    """A connection that writes. Each body is a transaction of its own, so that locks are held for one body only."""

    room = 1

    def __init__(self, session: PostgresSession) -> None:
        self.session = session

    async def commit(self, bodies: Sequence[Body[T]]) -> list[Outcome[T]]:
        """Run each body in a transaction, one after the other."""
        return await self.session.call(self._commit, bodies)

    def _commit(self, bodies: Sequence[Body[Any]]) -> list[Outcome[Any]]:
        return [self._until_done(body) for body in bodies]

    def _until_done(self, body: Body[Any]) -> Outcome[Any]:
        """Run a body, and again if another transaction was in the way or the connection was lost before the commit."""
        session = self.session
        last: Exception = AssertionError("there is at least one try")
        number = 0
        while number < TRIES or session.waits():
            number += 1
            try:
                return self._attempt(body)
            except Exception as error:  # noqa: BLE001 - any error of a body belongs to its caller
                lost = is_lost(error, session._connection)  # pyright: ignore[reportPrivateUsage]
                session.drop() if lost else session.rollback()
                if not (lost or isinstance(error, Again) or worth_another_try(error) or session.waits()):
                    return Outcome(error=translate(error, session.address))
                last = error
                time.sleep(0.1 if session.waits() else random.uniform(0, 0.001 * 2**number))
        return Outcome(error=translate(last, session.address))

    def _attempt(self, body: Body[Any]) -> Outcome[Any]:
        number = self.session.begin()
        tx = PostgresTx(self.session.connection(), self.session.address.schema)
        value = drive(body(tx))
        if not self.session.commit(number):
            raise Again("the connection was lost before the commit")
        return Outcome(value, None, tx.wakes, tx.told, tx.afters)


class PostgresEngine:
    """An open schema of a database."""

    kind: Kind = "postgres"

    def __init__(
        self,
        address: Address,
        sessions: Sequence[PostgresSession],
        readers: Sequence[PostgresSession],
        notices: Notices,
        fast_road: FastRoad,
        version: int,
    ) -> None:
        self.address = address
        self.name = address.name
        self.version = version
        self.notices = notices
        self.fast_road = fast_road
        self.writers = [PostgresWriter(session) for session in sessions]
        self._readers = readers
        notices.now = lambda: time.time() + self.clock_offset
        self._idle: asyncio.Queue[PostgresSession] = asyncio.Queue()
        for reader in readers:
            self._idle.put_nowait(reader)

    @property
    def lanes(self) -> Sequence[PostgresWriter]:
        """Return the connections that write."""
        return self.writers

    @property
    def clock_offset(self) -> float:
        """Return by how many seconds the database's clock is ahead of this machine's."""
        return self.writers[0].session.clock_offset

    @property
    def facts(self) -> dict[str, Any]:
        """Return what an administrator wants to know of the connection."""
        return {
            "clockOffset": round(self.clock_offset, 3),
            "notices": self.notices.listens,
            "connections": len(self.writers) + len(self._readers) + 3,
        }

    async def look(self, body: Body[T]) -> Outcome[T]:
        """Run `body` on one snapshot."""
        reader = await self._idle.get()
        try:
            return await reader.call(_look, reader, body)
        finally:
            self._idle.put_nowait(reader)

    def observe(self, heard: Callable[[float], None]) -> None:
        """Call `heard` with the seconds that each notice of another server was on its way."""
        self.notices.on_heard = heard

    def publish(self, topics: set[str]) -> None:
        """Tell the other servers, soon and after the commit."""
        self.notices.publish(topics)

    async def foreign(self, used: asyncio.Event, seconds: float) -> AsyncGenerator[set[str] | None]:
        """Yield what other servers tell, and None each second in which another one has written without a word."""
        async for topics in self.notices.heard(used, self._written):
            yield topics

    async def _written(self) -> int:
        """Return how many transactions of others have begun so far: own ones are counted out."""
        reader = self._readers[0]
        number = await reader.call(_next_transaction, reader)
        sessions = [self.fast_road.session, *(writer.session for writer in self.writers)]
        own = sum(session.spent for session in sessions) + self.notices.spent
        return number - own

    async def close(self) -> None:
        """Close all connections."""
        await self.notices.close()
        await self.fast_road.close()
        for session in [*(writer.session for writer in self.writers), *self._readers]:
            await session.close()


def _look(session: PostgresSession, body: Body[Any]) -> Outcome[Any]:
    again = True
    while True:
        try:
            connection = session.connection()
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            value = drive(body(PostgresTx(connection, session.address.schema)))
            connection.execute("COMMIT")  # a rollback would make psycopg forget its prepared statements
            return Outcome(value)
        except Exception as error:  # noqa: BLE001 - any error of a body belongs to its caller
            if session.waits() or (again and is_lost(error, session._connection)):  # pyright: ignore[reportPrivateUsage]
                session.drop()
                again = False
                time.sleep(0.1 if session.waits() else 0)
                continue
            session.rollback()
            return Outcome(error=translate(error, session.address))


def _next_transaction(session: PostgresSession) -> int:
    try:
        row = (
            session.connection()
            .execute("SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)")
            .fetchone()
        )
    except psycopg.Error as error:
        raise StoreUnavailable(str(translate(error, session.address))) from error
    assert row is not None, "a select of a function is one row"
    return int(row[0])


async def find_version(where: str) -> int | None:
    """Return the version of the schema at an address, which is not changed, or None if there is none.

    Raises:
        StoreUnavailable: it cannot be read. The message says why and what to do.
    """
    session = PostgresSession(parse(where), "store version", busy_seconds=5)
    try:
        return await session.call(opening.find_version, session)
    finally:
        await session.close()


async def open_engine(
    where: str, busy_seconds: float, given: Scripts | None, *, copying: bool = False
) -> PostgresEngine:
    """Open the store at an address: create its schema, or upgrade an older one.

    Raises:
        StoreTooNew, StoreUnavailable: it cannot be used. The message says why and what to do.
    """
    address, scripts = parse(where), given or opening.SCRIPTS
    first = PostgresSession(address, "store writer 0", busy_seconds=busy_seconds)
    notices = Notices(address)
    try:
        await first.call(opening.prepare, first, scripts, copying)
        prepares = await notices.open()
    except BaseException:
        await notices.close()
        await first.close()
        raise
    if not prepares:
        log.warning(
            "%s is behind a pooler that keeps no sessions: no statement is prepared%s",
            address.name,
            ""
            if notices.listens
            else ", and it is polled; ?listen=host:port of the database itself ends that",
        )
        await first.close()
        first = PostgresSession(address, "store writer 0", busy_seconds=busy_seconds, prepares=False)
    more = [
        PostgresSession(address, f"store writer {n}", busy_seconds=busy_seconds, prepares=prepares)
        for n in range(1, address.writers)
    ]
    readers = [
        PostgresSession(address, f"store reader {n}", busy_seconds=busy_seconds, prepares=prepares)
        for n in range(address.readers)
    ]
    hot = PostgresSession(address, "store batches", busy_seconds=busy_seconds, prepares=prepares)
    return PostgresEngine(address, [first, *more], readers, notices, FastRoad(hot), scripts.version)
