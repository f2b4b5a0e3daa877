"""One connection in a thread of its own: it reconnects, begins, commits, and settles commits whose end is unknown."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrDumperUnknown

from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.store.tx import Kind, Row, Tx

from .errors import unavailable
from .scripts import Query, prepare, queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .address import Address

T = TypeVar("T")
Connection = psycopg.Connection[Any]

_LOCKS: dict[Kind, str] = {
    "owner": "lock_owner",
    "thread": "lock_thread",
    "run": "lock_run",
    "lease": "lock_lease",
    "kernel": "lock_kernel",
}
# The time limit is the transaction's, because a session behind a pooler is anybody's.
_BEGIN = b"BEGIN; SET LOCAL lock_timeout = %d; SELECT CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)"
_STATUS = b"SELECT pg_xact_status(CAST(CAST($1 AS TEXT) AS XID8))"
UNKNOWN = "The connection to the lobu store {} was lost while it wrote, and it cannot be found out whether it did. Try again."


class _Text(StrDumperUnknown):
    """Text without NUL, which PostgreSQL cannot hold."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class _Whole(Int8BinaryDumper):
    """Integers and truth values alike, as the columns have them."""

    def dump(self, obj: int) -> Any:
        return super().dump(int(obj))


class Record:
    """A row: its columns by name or by position."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: dict[str, int], values: Sequence[Any]) -> None:
        self._places = places
        self._values = values

    def __getitem__(self, key: Any) -> Any:
        return self._values[self._places[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def keys(self) -> list[str]:
        return list(self._places)


def _records(cursor: Any) -> Callable[[Sequence[Any]], Record]:
    places: dict[str, int] = {column.name: number for number, column in enumerate(cursor.description or ())}
    return lambda values: Record(places, values)


class PostgresTx(Tx):
    """A transaction on one connection."""

    def __init__(self, connection: Connection, schema: str) -> None:
        super().__init__()
        self.schema = schema
        self._connection = connection
        self._queries = queries(schema)

    def _execute(self, name: str, params: dict[str, Any]) -> Any:
        return execute(self._connection, self._queries[name], params)

    async def one(self, query: str, **params: Any) -> Row | None:
        rows = self._execute(query, params).fetchall()
        return rows[0] if rows else None

    async def all(self, query: str, **params: Any) -> list[Row]:
        return self._execute(query, params).fetchall()

    async def run(self, query: str, **params: Any) -> int:
        return self._execute(query, params).rowcount

    async def ask(self, statement: str, **params: Any) -> list[Row]:
        cursor = execute(self._connection, prepare(statement, self.schema), params)
        return cursor.fetchall() if cursor.description else []

    async def run_each(self, statement: str, rows: Sequence[dict[str, Any]]) -> None:
        query = prepare(statement, self.schema)
        self._connection.cursor(binary=True).executemany(query.text, [query.values(row) for row in rows])

    def _take_locks(self, kind: Kind, names: Sequence[str]) -> None:
        found = self._execute(_LOCKS[kind], {"names": list(names)}).fetchall()
        if kind == "run":
            self._held.update(("thread", row[0]) for row in found)


def execute(connection: Connection, query: Query, params: dict[str, Any]) -> Any:
    """Execute a query and return its cursor."""
    return connection.execute(query.text, query.values(params), binary=True)


class Store(NamedTuple):
    """The identity of a database cluster: another one after a failover that lost commits."""

    system: int
    timeline: int


class PostgresSession:
    """A connection in its own thread. All that is called ``_…`` runs there."""

    def __init__(self, address: Address, name: str, *, busy_seconds: float, prepares: bool = True) -> None:
        self.address = address
        self.busy_seconds = busy_seconds
        self.prepares = prepares
        self.cluster: Store | None = None
        self.clock_offset = 0.0
        self.failing_since: float | None = None  # since when no connection can be had
        self.spent = 0  # transaction ids that this connection used
        self._connection: Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"lobu {name}")

    async def call(self, work: Callable[..., T], *args: Any) -> T:
        """Call `work` in the thread. It ends there, whether the caller is cancelled or not."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await self.call(self.drop)
        self._thread.shutdown(wait=False)

    # -- in the thread ---------------------------------------------------------------------------

    def waits(self) -> bool:
        """Return whether the database went away only now, so that it is worth to wait for it."""
        return self.failing_since is not None and time.monotonic() < self.failing_since + self.busy_seconds

    def drop(self) -> None:
        """Close the connection. The next use makes a new one."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def connection(self) -> Connection:
        """Return the connection, a new one if there is none that works.

        Raises:
            StoreUnavailable: there is none to be had. The message says why and what to do.
        """
        if self._connection is not None and not self._connection.closed and not self._connection.broken:
            return self._connection
        self.drop()
        try:
            self._connection = self._connect()
        except (psycopg.Error, UnicodeError) as error:
            self.drop()
            self.failing_since = self.failing_since or time.monotonic()
            raise unavailable(error, self.address) from error
        self.failing_since = None
        return self._connection

    def _connect(self) -> Connection:
        threshold = 5 if self.prepares else None
        connection: Connection = psycopg.connect(
            self.address.conninfo,
            autocommit=True,
            prepare_threshold=threshold,
            cursor_factory=psycopg.RawCursor,
            row_factory=_records,  # pyright: ignore[reportArgumentType]
        )
        for kind, dumper in ((str, _Text), (int, _Whole), (bool, _Whole)):
            connection.adapters.register_dumper(kind, dumper)
        began = time.time()
        row = connection.execute(
            "SELECT CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION), s.system_identifier, c.timeline_id"
            " FROM pg_control_system() s, pg_control_checkpoint() c"
        ).fetchone()
        assert row is not None, "an aggregate-free select of functions is one row"
        self.clock_offset = row[0] - (began + time.time()) / 2
        self.cluster = Store(row[1], row[2])
        return connection

    def begin(self) -> int:
        """Begin a transaction that writes, and return its id, by which its end can be found out later."""
        cursor = self.connection().execute(_BEGIN % int(self.busy_seconds * 1000), prepare=False)
        cursor.nextset()
        cursor.nextset()
        row = cursor.fetchone()
        assert row is not None, "a select of a function is one row"
        self.spent += 1
        return int(row[0])

    def commit(self, number: int) -> bool:
        """Commit the transaction of this id. Returns False if its connection was lost before it was committed.

        Raises:
            StoreUnavailable: whether it is committed cannot be found out.
        """
        try:
            cursor = self.connection().execute("COMMIT")
        except psycopg.OperationalError as error:
            if self._connection is not None and not self._connection.closed and not self._connection.broken:
                raise
            return self._settle(number, error)
        if cursor.statusmessage != "COMMIT":
            raise pg.InFailedSqlTransaction("the transaction was rolled back")
        return True

    def _settle(self, number: int, lost: Exception) -> bool:
        """Find out on a new connection how a transaction ended whose COMMIT got no answer."""
        before, until = self.cluster, time.monotonic() + max(self.busy_seconds, 1.0)
        while time.monotonic() < until:
            try:
                connection = self.connection()
                if self.cluster != before:
                    break  # another primary, which may not have what was committed on this one
                row = connection.execute(_STATUS, [str(number)]).fetchone()
            except (psycopg.Error, StoreUnavailable):
                time.sleep(0.05)
                continue
            status = row[0] if row is not None else None
            if status == "committed":
                return True
            if status == "aborted":
                return False
            time.sleep(0.02)  # the server has not noticed yet
        raise StoreUnavailable(UNKNOWN.format(self.address.name)) from lost

    def rollback(self) -> None:
        """Roll back what is open, or drop the connection if that fails."""
        if self._connection is None:
            return
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self.drop()
