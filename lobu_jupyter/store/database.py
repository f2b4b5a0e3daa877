"""A store: bodies wait their turn, share a commit where they may, and are told apart afterwards.

A body is a coroutine function ``async def body(tx)`` that awaits nothing but `tx`. It runs to its end in
one hop to a connection's thread, so no other coroutine slips into its transaction and no cancellation
cuts it in half. A cancelled caller's body runs whole or not at all. A body that raises is rolled back alone.
This module knows no database: that is the engine's, of the folder ``sqlite`` or ``postgres``.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lobu_jupyter.model.errors import StoreUnavailable

from . import sqlite
from .queries import load_scripts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from .bodies import Body, Outcome
    from .engine import Engine, Lane
    from .queries import Scripts

T = TypeVar("T")

NO_DRIVER = "A store in PostgreSQL needs one package more: pip install 'lobu_jupyter[postgres]'."


@dataclass(slots=True)
class _Job:
    bodies: Sequence[Body[Any]]
    done: asyncio.Future[list[Outcome[Any]]]


class Database:
    """An open store. It calls ``on_commit`` on the event loop with the topics that a commit touched."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.on_commit: Callable[[set[str]], None] = lambda topics: None
        self.on_committed: Callable[[float], None] = lambda seconds: None
        self._jobs: deque[_Job] = deque()
        self._bell = asyncio.Event()
        self._closing = False
        self._refusal: StoreUnavailable | None = None
        self._tasks = [
            asyncio.create_task(self._write_on(lane), name=f"lobu store writer {number}")
            for number, lane in enumerate(engine.lanes)
        ]

    @property
    def name(self) -> str:
        """Return where the store is: a path, or an address without its password."""
        return self.engine.name

    @property
    def one_machine(self) -> bool:
        """Return whether all processes of this store are on this machine."""
        return self.engine.kind == "sqlite"

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
        self._check_open()
        job = _Job(bodies, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._bell.set()
        return await job.done

    async def read(self, body: Body[T]) -> T:
        """Run `body` on one consistent view of all commits."""
        self._check_open()
        outcome = await self.engine.look(body)
        return outcome.result()

    def observe(self, committed: Callable[[float], None], heard: Callable[[float], None]) -> None:
        """Call `committed` with the seconds of each commit, and `heard` with those of each notice on its way."""
        self.on_committed = committed
        self.engine.observe(heard)

    def refuse(self, error: StoreUnavailable) -> None:
        """Let nobody read or write any more, for this reason."""
        self._refusal = error

    def _check_open(self) -> None:
        if self._refusal is not None:
            raise type(self._refusal)(self._refusal.message)
        if self._closing:
            raise StoreUnavailable(f"The lobu store {self.name} is closed.")

    def foreign(self, used: asyncio.Event, seconds: float) -> AsyncGenerator[set[str] | None]:
        """Yield what other servers' commits touched, as :meth:`Engine.foreign` says."""
        return self.engine.foreign(used, seconds)

    async def close(self) -> None:
        """Run the accepted bodies, then close the connections and end their threads."""
        if self._closing:
            return
        self._closing = True
        self._bell.set()
        try:
            await asyncio.gather(*self._tasks)
        finally:
            await self.engine.close()

    async def _write_on(self, lane: Lane) -> None:
        while not (self._closing and not self._jobs):
            await self._bell.wait()
            if not self._closing:
                self._bell.clear()
            while self._jobs:
                group = self._next_group(lane.room)
                bodies = [body for job in group for body in job.bodies]
                began = time.perf_counter()
                outcomes = await lane.commit(bodies)
                self.on_committed(time.perf_counter() - began)
                self._settle(group, outcomes)

    def _next_group(self, room: int) -> list[_Job]:
        group = [self._jobs.popleft()]
        room -= len(group[0].bodies)
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
        told: set[str] = set()
        for outcome in outcomes:
            for action in outcome.afters:
                action()
            topics.update(outcome.wakes)
            told.update(outcome.told)
        if topics:
            self.on_commit(topics)
        if topics or told:
            self.engine.publish(topics | told)


async def open_database(
    where: str | Path, *, busy_seconds: float = 5.0, scripts: Scripts | None = None, copying: bool = False
) -> Database:
    """Open the store at a path or an address: create a new one, upgrade an older one.

    Args:
        copying: open also a copy that is not finished.

    Raises:
        StoreTooNew, StoreUnavailable: it cannot be used. The message says why and what to do.
    """
    if not is_address(where):
        return Database(await sqlite.open_engine(Path(where), busy_seconds, scripts, copying=copying))
    try:
        from .postgres.engine import open_engine
    except ImportError as error:
        raise StoreUnavailable(NO_DRIVER) from error
    return Database(await open_engine(str(where), busy_seconds, scripts, copying=copying))


async def find_version(where: str | Path) -> int | None:
    """Return the version of the store at a path or an address, which is not changed, or None if there is no store.

    Raises:
        StoreUnavailable: it cannot be read. The message says why and what to do.
    """
    if not is_address(where):
        return await sqlite.find_version(Path(where))
    try:
        from .postgres.engine import find_version as find
    except ImportError as error:
        raise StoreUnavailable(NO_DRIVER) from error
    return await find(str(where))


def is_address(where: str | Path) -> bool:
    """Return whether a store is in a database server, not in a file."""
    return str(where).startswith(("postgresql://", "postgres://"))


def name_of(where: str | Path) -> str:
    """Return where a store is, without its password."""
    if not is_address(where):
        return str(where)
    from .postgres.address import parse

    return parse(str(where)).name


def known_version(where: str | Path) -> int:
    """Return the version of the newest schema that this lobu_jupyter knows."""
    return load_scripts("postgres" if is_address(where) else "sqlite").version
