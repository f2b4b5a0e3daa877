"""One SQLite file: one writer with group commit, one reader, each in its own thread.

A body is a coroutine function ``async def body(tx)`` that awaits nothing but `tx`. It runs to its end in
one hop to the connection's thread, so no other coroutine slips into its transaction and no cancellation
cuts it in half. A cancelled caller's body runs whole or not at all. Bodies that are queued together share
one commit. A body that raises is rolled back alone.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import aiosqlite

from lobu_jupyter.model.errors import StoreUnavailable

from .opening import Scripts, connect, prepare, unavailable
from .places import settle
from .tx import Tx

T = TypeVar("T")
Body = Callable[[Tx], Coroutine[Any, Any, T]]

MAX_GROUP = 128  # bodies that share one commit
GONE = "The lobu store {} was moved, removed or replaced while it was in use: put it back, or restart the server."


@dataclass(slots=True)
class Outcome(Generic[T]):
    """The result of a body: its value once that is durable, or its error."""

    value: T | None = None
    error: BaseException | None = None
    wakes: Iterable[str] = ()
    afters: Iterable[Callable[[], None]] = ()

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


@dataclass(slots=True)
class _Job:
    bodies: Sequence[Body[Any]]
    done: asyncio.Future[list[Outcome[Any]]]


class Database:
    """An open store. It calls ``on_commit`` on the event loop with the topics that a commit touched."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self.path = path
        self._file = _identity(path)
        self.on_commit: Callable[[set[str]], None] = lambda topics: None
        self._writer = writer
        self._reader = reader
        self._jobs: deque[_Job] = deque()
        self._bell = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._write_on(), name=f"lobu store writer {path.name}")

    async def write(self, body: Body[T]) -> T:
        """Run `body` in a transaction and return its value once it is durable.

        If the caller is cancelled, its body is committed all the same.

        Raises:
            StoreUnavailable: the disk is full, the file is locked …. Nothing of the body was written.
        """
        (outcome,) = await self.write_each([body])
        return outcome.result()

    async def write_each(self, bodies: Sequence[Body[T]]) -> list[Outcome[T]]:
        """Run each body as :meth:`write` does, each whole or not at all, with one wait for all of them."""
        if self._closing:
            raise StoreUnavailable(f"The lobu store {self.path} is closed.")
        job = _Job(bodies, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._bell.set()
        return await job.done

    async def read(self, body: Body[T]) -> T:
        """Run `body` on one consistent view of all commits."""
        if self._closing:
            raise StoreUnavailable(f"The lobu store {self.path} is closed.")
        outcome: Outcome[T] = await _hop(self._reader, self._look, body)
        return outcome.result()

    async def foreign_version(self) -> int:
        """Return a number that changes when another process has committed."""
        try:
            return await _hop(self._writer, _data_version)
        except sqlite3.Error as error:
            raise unavailable(error, self.path) from error

    async def close(self) -> None:
        """Run the accepted bodies, then close the file and end both threads."""
        if self._closing:
            return
        self._closing = True
        self._bell.set()
        try:
            await self._task
        finally:
            await self._writer.close()
            await self._reader.close()

    async def _write_on(self) -> None:
        while not (self._closing and not self._jobs):
            await self._bell.wait()
            if not self._closing:
                self._bell.clear()
            while self._jobs:
                group = self._next_group()
                bodies = [body for job in group for body in job.bodies]
                self._settle(group, await _hop(self._writer, self._commit, bodies))

    def _next_group(self) -> list[_Job]:
        group = [self._jobs.popleft()]
        room = MAX_GROUP - len(group[0].bodies)
        while self._jobs and len(self._jobs[0].bodies) <= room:
            group.append(self._jobs.popleft())
            room -= len(group[-1].bodies)
        return group

    def _settle(self, group: list[_Job], outcomes: list[Outcome[Any]]) -> None:
        """Resolve the writers first, then wake readers: the next batch is under way while readers are served.

        A commit of one body has no other writer, so its readers are woken first.
        """
        alone = len(outcomes) == 1
        if alone:
            self._wake(outcomes)
        rest = iter(outcomes)
        for job in group:
            settled = list(islice(rest, len(job.bodies)))
            if not job.done.done():  # else its caller was cancelled
                job.done.set_result(settled)
        if not alone:
            self._wake(outcomes)

    def _wake(self, outcomes: list[Outcome[Any]]) -> None:
        topics: set[str] = set()
        for outcome in outcomes:
            for action in outcome.afters:
                action()
            topics.update(outcome.wakes)
        if topics:
            self.on_commit(topics)

    # -- in the connections' threads ------------------------------------------------------------

    def _commit(self, connection: sqlite3.Connection, bodies: Iterable[Body[Any]]) -> list[Outcome[Any]]:
        bodies = list(bodies)
        try:
            if _identity(self.path) != self._file:  # writes to a file without a name are lost
                return [Outcome(error=StoreUnavailable(GONE.format(self.path))) for _ in bodies]
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(connection, body) for body in bodies]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return [Outcome(error=unavailable(error, self.path)) for _ in bodies]
        return outcomes

    def _attempt(self, connection: sqlite3.Connection, body: Body[Any]) -> Outcome[Any]:
        tx = Tx(connection)
        connection.execute("SAVEPOINT body")
        try:
            value = drive(body(tx))
        except Exception as error:
            if not connection.in_transaction:  # SQLite itself rolled back the whole transaction
                raise sqlite3.OperationalError(str(error)) from error
            connection.execute("ROLLBACK TO body")
            connection.execute("RELEASE body")
            return Outcome(error=self._translate(error))
        connection.execute("RELEASE body")
        return Outcome(value, None, tx.wakes, tx.afters)

    def _look(self, connection: sqlite3.Connection, body: Body[Any]) -> Outcome[Any]:
        try:
            connection.execute("BEGIN")
            return Outcome(drive(body(Tx(connection))))
        except Exception as error:  # noqa: BLE001 - any error of a body belongs to its caller
            return Outcome(error=self._translate(error))
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _translate(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            return error  # a rule broken by our own code, not the file's state
        return unavailable(error, self.path) if isinstance(error, sqlite3.Error) else error


def drive(body: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends.

    Raises:
        RuntimeError: it awaited something other than its `tx`.
    """
    try:
        body.send(None)
    except StopIteration as stop:
        return stop.value
    body.close()
    raise RuntimeError("a body of the store awaits nothing but its tx")


async def _hop(connection: aiosqlite.Connection, work: Callable[..., T], *args: Any) -> T:
    """Call ``work(sqlite3 connection, *args)`` in the connection's thread.

    This is the one use of aiosqlite's private ``_execute``: its public API makes one hop per statement.
    """
    raw = connection._conn  # pyright: ignore[reportPrivateUsage]
    return await connection._execute(work, raw, *args)  # pyright: ignore[reportPrivateUsage]


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of the file that has this name now, or None."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


async def open_database(
    path: str | Path, *, busy_seconds: float = 5.0, scripts: Scripts | None = None
) -> Database:
    """Open the store at `path`: create a new file, upgrade an older one.

    Raises:
        StoreTooNew, StoreUnavailable: it cannot be used. The message says why and what to do.
    """
    path = await asyncio.to_thread(settle, Path(path))
    writer = await _connect(path, busy_seconds)
    try:
        await _hop(writer, prepare, path, scripts or Scripts(), busy_seconds)
        reader = await _connect(path, busy_seconds)
    except BaseException:
        await writer.close()
        raise
    return Database(path, writer, reader)


async def _connect(path: Path, busy_seconds: float) -> aiosqlite.Connection:
    try:
        return await aiosqlite.Connection(lambda: connect(path, busy_seconds), iter_chunk_size=64)
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
