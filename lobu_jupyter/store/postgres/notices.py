"""Notices between the servers of one store. They only wake: what they tell is asked of the store.

A notice is sent after the commit, on a connection of its own, and at most every ten milliseconds. In the transaction
itself it would hold the one lock that all notifying commits of a database share.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg

from lobu_jupyter.model.errors import StoreUnavailable

from .errors import unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from .address import Address

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.01
LOOK_SECONDS = 1.0  # between looks for what nobody told, as the backstop
POLL_SECONDS = 0.2  # between looks if notices do not come through
PROBE_SECONDS = 2.0
RETRY_SECONDS = 0.5
MAX_BYTES = 7000  # of a notice; PostgreSQL takes 7999
ALL = "*"

# A notice is nothing to keep, so its commit waits for no disk. That is set for its transaction only: a session behind a pooler
# is anybody's, also that of a body whose commit must wait.
_NOTIFY = "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, %s)"

Aconnection = psycopg.AsyncConnection[Any]


class Notices:
    """The notices of one server: those that it sends, and those of others that it hears."""

    def __init__(self, address: Address, now: Callable[[], float] = time.time) -> None:
        self.spent = 0  # transaction ids that notices used
        self.listens = False
        self.on_heard: Callable[[float], None] = lambda seconds: None
        self._address = address
        self.now = now  # the store's time, which is the same on all servers
        self._me = secrets.token_hex(4)
        self._channel = f"lobu_{address.schema}"
        self._listen = b'LISTEN "%b"' % self._channel.encode()
        self._pending: set[str] = set()
        self._bell = asyncio.Event()
        self._heard: asyncio.Queue[set[str] | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> bool:
        """Start sending and listening. Returns whether statements may be prepared: there is no pooler between.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        sender, ear = await self._connect(self._address.conninfo), await self._connect(self._ear)
        try:
            await ear.execute(self._listen)
            await self._send(sender, f"{self._me} probe")
            async for _ in ear.notifies(timeout=PROBE_SECONDS, stop_after=1):
                self.listens = True
        except psycopg.Error as error:
            raise unavailable(error, self._address) from error
        self._tasks.append(asyncio.create_task(self._send_on(sender), name="lobu notices sender"))
        if self.listens:
            self._tasks.append(asyncio.create_task(self._listen_on(ear), name="lobu notices listener"))
        else:
            with suppress(psycopg.Error):
                await ear.execute("UNLISTEN *")
            await ear.close()
        return self.listens and self._address.listen is None

    def publish(self, topics: set[str]) -> None:
        """Send topics to the other servers, gathered with what else comes now."""
        self._pending.update(topic.replace("\0", "") for topic in topics)
        self._bell.set()

    async def heard(
        self, used: asyncio.Event, written: Callable[[], Awaitable[int]]
    ) -> AsyncGenerator[set[str] | None]:
        """Yield the topics of each notice, and None if somebody wrote and perhaps did not tell."""
        seen = await written()
        while True:
            wait = LOOK_SECONDS if self.listens else POLL_SECONDS
            with suppress(TimeoutError):
                yield await asyncio.wait_for(self._heard.get(), wait)
                continue
            if not used.is_set():
                continue
            now = await written()
            if now > seen:
                seen = now
                yield None

    async def close(self) -> None:
        """End sending and listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    @property
    def _ear(self) -> str:
        return self._address.listen or self._address.conninfo

    async def _connect(self, conninfo: str) -> Aconnection:
        try:
            connection: Aconnection = await psycopg.AsyncConnection.connect(
                conninfo, autocommit=True, prepare_threshold=None
            )
        except psycopg.Error as error:
            raise unavailable(error, self._address) from error
        return connection

    async def _send(self, connection: Aconnection, text: str) -> None:
        self.spent += 1
        await connection.execute(_NOTIFY, [self._channel, text])

    async def _send_on(self, connection: Aconnection) -> None:
        try:
            while True:
                await self._bell.wait()
                self._bell.clear()
                topics, self._pending = self._pending, set()
                told = "\n".join(sorted(topics))
                try:
                    told = told if len(told.encode()) < MAX_BYTES else ALL
                    await self._send(connection, f"{self._me}@{self.now():.3f} {told}")
                except psycopg.Error as error:
                    log.warning(
                        "notices to other servers of the store are late: %s",
                        unavailable(error, self._address),
                    )
                    self._pending |= topics
                    self._bell.set()
                    await connection.close()
                    connection = await self._reconnect(self._address.conninfo)
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            await connection.close()

    async def _listen_on(self, ear: Aconnection) -> None:
        try:
            while True:
                try:
                    async for notice in ear.notifies():
                        who, _, told = notice.payload.partition(" ")
                        name, _, sent = who.partition("@")
                        if name != self._me:
                            self._tell_lag(sent)
                            self._heard.put_nowait(None if told == ALL else set(told.split("\n")))
                except psycopg.Error as error:
                    log.warning(
                        "notices of other servers are not heard: %s", unavailable(error, self._address)
                    )
                    await ear.close()
                self.listens = False
                ear = await self._reconnect(self._ear)
                with suppress(psycopg.Error):
                    await ear.execute(self._listen)
                    self.listens = True
                self._heard.put_nowait(None)  # for all that was missed
        finally:
            await ear.close()

    def _tell_lag(self, sent: str) -> None:
        with suppress(ValueError):  # an older server does not say when
            self.on_heard(max(0.0, self.now() - float(sent)))

    async def _reconnect(self, conninfo: str) -> Aconnection:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(StoreUnavailable):
                return await self._connect(conninfo)
