"""One SQLite file: one writer with group commit, one reader, each in its own thread."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from typing import TYPE_CHECKING, Any, TypeVar

import aiosqlite

from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.store.bodies import Body, Outcome, drive
from lobu_jupyter.store.copying import UNFINISHED
from lobu_jupyter.store.tx import Kind as Lock
from lobu_jupyter.store.tx import Row, Tx

from .opening import connect, is_unfinished, prepare, unavailable
from .places import settle
from .scripts import QUERIES, SCRIPTS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
    from pathlib import Path

    from lobu_jupyter.store.queries import Kind, Scripts

T = TypeVar("T")

MAX_GROUP = 128  # bodies that share one commit
GONE = "The lobu store {} was moved, removed or replaced while it was in use: put it back, or restart the server."


class SqliteTx(Tx):
    """A transaction of the file's one writer, or of its reader."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    async def one(self, query: str, **params: Any) -> Row | None:
        rows = self._connection.execute(QUERIES[query], params).fetchall()
        return rows[0] if rows else None

    async def all(self, query: str, **params: Any) -> list[Row]:
        return self._connection.execute(QUERIES[query], params).fetchall()

    async def run(self, query: str, **params: Any) -> int:
        return self._connection.execute(QUERIES[query], params).rowcount

    async def ask(self, statement: str, **params: Any) -> list[Row]:
        return self._connection.execute(statement, params).fetchall()

    async def run_each(self, statement: str, rows: Sequence[dict[str, Any]]) -> None:
        self._connection.executemany(statement, rows)

    def _take_locks(self, kind: Lock, names: Sequence[str]) -> None:
        """Do nothing: there is no other writer until this transaction ends."""


class SqliteWriter:
    """The one connection that writes: bodies that are queued together share one commit."""

    room = MAX_GROUP

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.connection = connection
        self._path = path
        self._file = _identity(path)

    async def commit(self, bodies: Sequence[Body[T]]) -> list[Outcome[T]]:
        """Run the bodies in one transaction, each within a savepoint."""
        return await hop(self.connection, self._commit, bodies)

    def _commit(self, connection: sqlite3.Connection, bodies: Iterable[Body[Any]]) -> list[Outcome[Any]]:
        bodies = list(bodies)
        try:
            if _identity(self._path) != self._file:  # writes to a file without a name are lost
                return [Outcome(error=StoreUnavailable(GONE.format(self._path))) for _ in bodies]
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(connection, body) for body in bodies]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return [Outcome(error=unavailable(error, self._path)) for _ in bodies]
        return outcomes

    def _attempt(self, connection: sqlite3.Connection, body: Body[Any]) -> Outcome[Any]:
        tx = SqliteTx(connection)
        connection.execute("SAVEPOINT body")
        try:
            value = drive(body(tx))
        except Exception as error:
            if not connection.in_transaction:  # SQLite itself rolled back the whole transaction
                raise sqlite3.OperationalError(str(error)) from error
            connection.execute("ROLLBACK TO body")
            connection.execute("RELEASE body")
            return Outcome(error=_translate(error, self._path))
        connection.execute("RELEASE body")
        return Outcome(value, None, tx.wakes, tx.told, tx.afters)


class SqliteEngine:
    """An open file."""

    kind: Kind = "sqlite"
    fast_road = None  # a body is as fast
    clock_offset = 0.0  # the clock is this machine's

    def __init__(
        self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection, version: int
    ) -> None:
        self.path = path
        self.version = version
        self.name = str(path)
        self.writer = SqliteWriter(path, writer)
        self.lanes = [self.writer]
        self._reader = reader

    @property
    def facts(self) -> dict[str, Any]:
        """Return nothing: a file has no more to tell."""
        return {}

    async def look(self, body: Body[T]) -> Outcome[T]:
        """Run `body` on the reader's connection."""
        return await hop(self._reader, self._look, body)

    def _look(self, connection: sqlite3.Connection, body: Body[Any]) -> Outcome[Any]:
        try:
            connection.execute("BEGIN")
            return Outcome(drive(body(SqliteTx(connection))))
        except Exception as error:  # noqa: BLE001 - any error of a body belongs to its caller
            return Outcome(error=_translate(error, self.path))
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def observe(self, heard: Callable[[float], None]) -> None:
        """Do nothing: there are no notices."""

    def publish(self, topics: set[str]) -> None:
        """Do nothing: other processes poll the file."""

    async def foreign(self, used: asyncio.Event, seconds: float) -> AsyncGenerator[set[str] | None]:
        """Yield None when another process has committed. Polls only while `used` is set."""
        seen = await self.foreign_version()
        while True:
            await used.wait()
            version = await self.foreign_version()
            if version != seen:
                seen = version
                yield None
            await asyncio.sleep(seconds)

    async def foreign_version(self) -> int:
        """Return a number that changes when another process has committed."""
        try:
            return await hop(self.writer.connection, _data_version)
        except sqlite3.Error as error:
            raise unavailable(error, self.path) from error

    async def close(self) -> None:
        """Close the file and end both threads."""
        await self.writer.connection.close()
        await self._reader.close()


async def open_engine(
    path: Path, busy_seconds: float, scripts: Scripts | None, *, copying: bool = False
) -> SqliteEngine:
    """Open the file at `path`: create a new one, upgrade an older one.

    Raises:
        StoreTooNew, StoreUnavailable: it cannot be used. The message says why and what to do.
    """
    path = await asyncio.to_thread(settle, path)
    writer = await _connect(path, busy_seconds)
    try:
        await hop(writer, prepare, path, scripts or SCRIPTS, busy_seconds)
        if not copying and await hop(writer, is_unfinished):
            raise StoreUnavailable(UNFINISHED.format(path))
        reader = await _connect(path, busy_seconds)
    except BaseException:
        await writer.close()
        raise
    return SqliteEngine(path, writer, reader, (scripts or SCRIPTS).version)


async def _connect(path: Path, busy_seconds: float) -> aiosqlite.Connection:
    try:
        return await aiosqlite.Connection(lambda: connect(path, busy_seconds), iter_chunk_size=64)
    except sqlite3.Error as error:
        raise unavailable(error, path) from error


async def hop(connection: aiosqlite.Connection, work: Callable[..., T], *args: Any) -> T:
    """Call ``work(sqlite3 connection, *args)`` in the connection's thread.

    This is the one use of aiosqlite's private ``_execute``: its public API makes one hop per statement.
    """
    raw = connection._conn  # pyright: ignore[reportPrivateUsage]
    return await connection._execute(work, raw, *args)  # pyright: ignore[reportPrivateUsage]


def _translate(error: Exception, path: Path) -> Exception:
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return error  # a rule broken by our own code, not the file's state
    return unavailable(error, path) if isinstance(error, sqlite3.Error) else error


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of the file that has this name now, or None."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])
